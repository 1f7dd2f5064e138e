/*
 * The extension module abio._tick: what its two files share.
 */
#ifndef ABIO_PYTHON_NATIVE_H
#define ABIO_PYTHON_NATIVE_H

#define PY_SSIZE_T_CLEAN
/* The limited API of 3.10: one build serves every later Python.  Builds without a GIL have none. */
#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030a0000
#endif
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <structmember.h>

#include "abio.h"

struct tick {
	PyObject_HEAD uint64_t driver;
	PyObject *slots; /* list: what the events of a token go to, or None */
	PyObject *free;  /* list of tokens */
	PyObject *loop;  /* for waiters; None without an asyncio loop */
	PyObject *woken; /* list of waiters resolved in this turn */
	bool collecting; /* resolved waiters go to `woken` and are run at the end of the turn */
	bool polling;
	struct abio_event *events;
};

/* A type object each, made with the module and kept for the life of the process. */
extern PyTypeObject *tick_type;
extern PyTypeObject *waiter_type;

PyTypeObject *tick_make_type(void);
PyTypeObject *waiter_make_type(void);

/* Interned names of attributes and methods, and what asyncio raises. */
extern PyObject *name_call_soon, *name_context, *name_run, *name_result;
extern PyObject *cancelled_error, *invalid_state_error;
bool waiter_prepare(void);

PyObject *waiter_new(struct tick *tick);
bool waiter_pending(PyObject *self);
/* Gives a pending waiter its value; its task runs at the end of the turn, or soon. */
int waiter_resolve(PyObject *self, PyObject *value);
/* Runs the task of a resolved waiter, here and now. */
int waiter_run(PyObject *self);

#endif
