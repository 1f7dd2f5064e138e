/*
 * Waiter: what a coroutine of this package awaits on an asyncio loop.
 *
 * To a task it is a future (asyncio knows futures by `_asyncio_future_blocking`), with room for the
 * one callback a task registers.  It is its own iterator, so that awaiting it makes no object; and
 * when it is resolved inside a turn of the driver, its task is run by that turn itself instead of
 * by way of loop.call_soon, which is most of what a wake-up costs.  Resolved anywhere else, and
 * when cancelled, it goes through call_soon like every future: a task must never be run from inside
 * another.
 */
#include "native.h"

enum state {
	PENDING,
	RESOLVED,
	CANCELLED
};

struct waiter {
	PyObject_HEAD struct tick *tick;
	PyObject *callback;
	PyObject *context;
	PyObject *value;
	char state;
	char blocking; /* `_asyncio_future_blocking` */
};

PyTypeObject *waiter_type;
PyObject *name_call_soon, *name_context, *name_run, *name_result;
PyObject *cancelled_error, *invalid_state_error;
static PyObject *context_names;

bool waiter_prepare(void)
{
	PyObject *asyncio = PyImport_ImportModule("asyncio");

	if (asyncio == NULL)
		return false;
	cancelled_error = PyObject_GetAttrString(asyncio, "CancelledError");
	invalid_state_error = PyObject_GetAttrString(asyncio, "InvalidStateError");
	Py_DECREF(asyncio);
	name_call_soon = PyUnicode_InternFromString("call_soon");
	name_context = PyUnicode_InternFromString("context");
	name_run = PyUnicode_InternFromString("run");
	name_result = PyUnicode_InternFromString("result");
	if (name_context != NULL)
		context_names = PyTuple_Pack(1, name_context);
	return cancelled_error != NULL && invalid_state_error != NULL && name_call_soon != NULL &&
	       name_run != NULL && name_result != NULL && context_names != NULL;
}

PyObject *waiter_new(struct tick *tick)
{
	struct waiter *waiter = PyObject_GC_New(struct waiter, waiter_type);

	if (waiter == NULL)
		return NULL;
	Py_INCREF(tick);
	waiter->tick = tick;
	waiter->callback = NULL;
	waiter->context = NULL;
	waiter->value = NULL;
	waiter->state = PENDING;
	waiter->blocking = 0;
	PyObject_GC_Track(waiter);
	return (PyObject *)waiter;
}

static int waiter_traverse(struct waiter *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(self->tick);
	Py_VISIT(self->callback);
	Py_VISIT(self->context);
	Py_VISIT(self->value);
	return 0;
}

static int waiter_clear(struct waiter *self)
{
	Py_CLEAR(self->tick);
	Py_CLEAR(self->callback);
	Py_CLEAR(self->context);
	Py_CLEAR(self->value);
	return 0;
}

static void waiter_dealloc(struct waiter *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	waiter_clear(self);
	PyObject_GC_Del(self);
	Py_DECREF(type);
}

/* loop.call_soon(callback, self, context=context) */
static int schedule(struct waiter *self, PyObject *callback, PyObject *context)
{
	PyObject *call_soon = PyObject_GetAttr(self->tick->loop, name_call_soon);
	PyObject *arguments = PyTuple_Pack(2, callback, (PyObject *)self);
	PyObject *keywords = PyDict_New();
	PyObject *handle = NULL;

	if (call_soon == NULL || arguments == NULL || keywords == NULL)
		goto out;
	if (context != NULL && PyDict_SetItem(keywords, name_context, context) < 0)
		goto out;
	handle = PyObject_Call(call_soon, arguments, keywords);
out:
	Py_XDECREF(call_soon);
	Py_XDECREF(arguments);
	Py_XDECREF(keywords);
	Py_XDECREF(handle);
	return handle == NULL ? -1 : 0;
}

/* The task that waits, if there is one yet, is to run soon. */
static int wake(struct waiter *self)
{
	PyObject *callback = self->callback;
	PyObject *context = self->context;
	int failed;

	if (callback == NULL)
		return 0;
	self->callback = NULL;
	self->context = NULL;
	failed = schedule(self, callback, context);
	Py_DECREF(callback);
	Py_XDECREF(context);
	return failed;
}

bool waiter_pending(PyObject *self)
{
	return ((struct waiter *)self)->state == PENDING;
}

int waiter_resolve(PyObject *object, PyObject *value)
{
	struct waiter *self = (struct waiter *)object;

	self->state = RESOLVED;
	Py_INCREF(value);
	self->value = value;
	if (self->tick->collecting)
		return PyList_Append(self->tick->woken, object);
	return wake(self);
}

int waiter_run(PyObject *object)
{
	struct waiter *self = (struct waiter *)object;
	PyObject *callback = self->callback;
	PyObject *context = self->context;
	PyObject *done;

	if (callback == NULL)
		return 0;
	self->callback = NULL;
	self->context = NULL;
	if (context != NULL)
		done = PyObject_CallMethodObjArgs(context, name_run, callback, object, NULL);
	else
		done = PyObject_CallFunctionObjArgs(callback, object, NULL);
	Py_DECREF(callback);
	Py_XDECREF(context);
	Py_XDECREF(done);
	return done == NULL ? -1 : 0;
}

/* ---- as an awaitable
 * ------------------------------------------------------------------------------ */

static PyObject *waiter_itself(PyObject *self)
{
	Py_INCREF(self);
	return self;
}

static PySendResult waiter_send(PyObject *object, PyObject *sent, PyObject **result)
{
	struct waiter *self = (struct waiter *)object;

	(void)sent;
	switch (self->state) {
	case PENDING:
		self->blocking = 1;
		Py_INCREF(object);
		*result = object;
		return PYGEN_NEXT;
	case RESOLVED:
		Py_INCREF(self->value);
		*result = self->value;
		return PYGEN_RETURN;
	default:
		PyErr_SetNone(cancelled_error);
		*result = NULL;
		return PYGEN_ERROR;
	}
}

static PyObject *waiter_next(PyObject *object)
{
	PyObject *result;
	PyObject *stop;

	switch (waiter_send(object, NULL, &result)) {
	case PYGEN_NEXT:
		return result;
	case PYGEN_RETURN:
		stop = PyObject_CallFunctionObjArgs(PyExc_StopIteration, result, NULL);
		if (stop != NULL)
			PyErr_SetObject(PyExc_StopIteration, stop);
		Py_XDECREF(stop);
		Py_DECREF(result);
		return NULL;
	default:
		return NULL;
	}
}

/* ---- as a future
 * ------------------------------------------------------------------------------------ */

static PyObject *waiter_done(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct waiter *)self)->state != PENDING);
}

static PyObject *waiter_cancelled(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyBool_FromLong(((struct waiter *)self)->state == CANCELLED);
}

static PyObject *waiter_result(PyObject *object, PyObject *unused)
{
	struct waiter *self = (struct waiter *)object;

	(void)unused;
	if (self->state == RESOLVED) {
		Py_INCREF(self->value);
		return self->value;
	}
	PyErr_SetNone(self->state == CANCELLED ? cancelled_error : invalid_state_error);
	return NULL;
}

static PyObject *waiter_set_result(PyObject *self, PyObject *value)
{
	if (!waiter_pending(self)) {
		PyErr_SetNone(invalid_state_error);
		return NULL;
	}
	if (waiter_resolve(self, value) < 0)
		return NULL;
	Py_RETURN_NONE;
}

/* A task passes a message or none; there is nobody to read it. */
static PyObject *waiter_cancel(PyObject *object, PyObject *arguments, PyObject *keywords)
{
	struct waiter *self = (struct waiter *)object;

	(void)arguments;
	(void)keywords;
	if (self->state != PENDING)
		Py_RETURN_FALSE;
	self->state = CANCELLED;
	if (wake(self) < 0)
		return NULL;
	Py_RETURN_TRUE;
}

static PyObject *waiter_get_loop(PyObject *self, PyObject *unused)
{
	PyObject *loop = ((struct waiter *)self)->tick->loop;

	(void)unused;
	Py_INCREF(loop);
	return loop;
}

static PyObject *waiter_add_done_callback(PyObject *object, PyObject *const *arguments,
					  Py_ssize_t count, PyObject *names)
{
	struct waiter *self = (struct waiter *)object;
	PyObject *context = NULL;

	if (count != 1 || (names != NULL && PyTuple_Size(names) > 1)) {
		PyErr_SetString(PyExc_TypeError, "add_done_callback(callback, *, context)");
		return NULL;
	}
	if (names != NULL && PyTuple_Size(names) == 1 && arguments[1] != Py_None)
		context = arguments[1];
	if (self->state != PENDING) {
		if (schedule(self, arguments[0], context) < 0)
			return NULL;
		Py_RETURN_NONE;
	}
	if (self->callback != NULL) {
		PyErr_SetString(PyExc_RuntimeError, "only one task can wait here");
		return NULL;
	}
	Py_INCREF(arguments[0]);
	self->callback = arguments[0];
	Py_XINCREF(context);
	self->context = context;
	Py_RETURN_NONE;
}

static PyMethodDef waiter_methods[] = {
	{ "done", waiter_done, METH_NOARGS, NULL },
	{ "cancelled", waiter_cancelled, METH_NOARGS, NULL },
	{ "result", waiter_result, METH_NOARGS, NULL },
	{ "set_result", waiter_set_result, METH_O, NULL },
	{ "cancel", (PyCFunction)(void (*)(void))waiter_cancel, METH_VARARGS | METH_KEYWORDS,
	  NULL },
	{ "get_loop", waiter_get_loop, METH_NOARGS, NULL },
	{ "add_done_callback", (PyCFunction)(void (*)(void))waiter_add_done_callback,
	  METH_FASTCALL | METH_KEYWORDS, NULL },
	{ NULL, NULL, 0, NULL },
};

static PyMemberDef waiter_members[] = {
	{ "_asyncio_future_blocking", T_BOOL, offsetof(struct waiter, blocking), 0, NULL },
	{ NULL, 0, 0, 0, NULL },
};

static PyType_Slot waiter_slots[] = {
	{ Py_tp_doc, (void *)"What a coroutine of abio awaits; resolved by the driver's tick." },
	{ Py_tp_dealloc, (void *)waiter_dealloc },
	{ Py_tp_traverse, (void *)waiter_traverse },
	{ Py_tp_clear, (void *)waiter_clear },
	{ Py_tp_iter, (void *)waiter_itself },
	{ Py_tp_iternext, (void *)waiter_next },
	{ Py_am_await, (void *)waiter_itself },
	{ Py_am_send, (void *)waiter_send },
	{ Py_tp_methods, waiter_methods },
	{ Py_tp_members, waiter_members },
	{ 0, NULL },
};

static PyType_Spec waiter_spec = {
	.name = "abio._tick.Waiter",
	.basicsize = sizeof(struct waiter),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = waiter_slots,
};

PyTypeObject *waiter_make_type(void)
{
	return (PyTypeObject *)PyType_FromSpec(&waiter_spec);
}
