/*
 * Tick: one turn of a driver.  Polls, hands every event to the slot of its token, runs the tasks
 * that were woken, and polls again: that submits what they started, and when it brings nothing the
 * loop can sleep at once instead of coming back to learn so.
 *
 * In Python this is abio._driver's business; it is here because it is what every request passes
 * through. It knows two things of what it hands events to: a slot has `event(result, progress,
 * handle, data, flags)`; and the slot of a receive has `waiter`, `direct` and `piece(bytes)`, see
 * abio._receiver. Views are copied before anything of Python's runs, for they end with the next
 * poll; and tasks run after the last event is handed out, so that nothing they do can disturb the
 * turn.
 */
#include "native.h"

enum {
	EVENTS = 256,
	POLLS = 2, /* then the rest of the loop has its turn */
};

static const uint32_t PIECE = ABIO_EVENT_MORE | ABIO_EVENT_VIEW;

PyTypeObject *tick_type;
static PyObject *name_waiter, *name_direct, *name_piece, *name_event;

static PyObject *tick_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
	unsigned long long driver;
	PyObject *slots, *unused, *loop;
	struct tick *self;

	if (keywords != NULL && PyDict_Size(keywords) != 0) {
		PyErr_SetString(PyExc_TypeError, "Tick() takes no keywords");
		return NULL;
	}
	if (!PyArg_ParseTuple(arguments, "KO!O!O:Tick", &driver, &PyList_Type, &slots, &PyList_Type,
			      &unused, &loop))
		return NULL;
	self = PyObject_GC_New(struct tick, type);
	if (self == NULL)
		return NULL;
	self->driver = driver;
	Py_INCREF(slots);
	self->slots = slots;
	Py_INCREF(unused);
	self->free = unused;
	Py_INCREF(loop);
	self->loop = loop;
	self->collecting = false;
	self->polling = false;
	self->events = PyMem_Calloc(EVENTS, sizeof(*self->events));
	self->woken = PyList_New(0);
	PyObject_GC_Track(self);
	if (self->events == NULL || self->woken == NULL) {
		Py_DECREF(self);
		return PyErr_NoMemory();
	}
	return (PyObject *)self;
}

static int tick_traverse(struct tick *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(self->slots);
	Py_VISIT(self->free);
	Py_VISIT(self->loop);
	Py_VISIT(self->woken);
	return 0;
}

/* Not `loop`: a waiter that outlives its driver's cycle still answers get_loop. */
static int tick_clear(struct tick *self)
{
	Py_CLEAR(self->slots);
	Py_CLEAR(self->free);
	Py_CLEAR(self->woken);
	return 0;
}

static void tick_dealloc(struct tick *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	tick_clear(self);
	Py_CLEAR(self->loop);
	PyMem_Free(self->events);
	PyObject_GC_Del(self);
	Py_DECREF(type);
}

/* A piece of a stream: to the reader that waits for such a one, else into the receiver's store. */
static int hand_piece(PyObject *receiver, const struct abio_event *event)
{
	PyObject *piece = PyBytes_FromStringAndSize((const char *)(uintptr_t)event->data,
						    (Py_ssize_t)event->result);
	PyObject *waiter = piece != NULL ? PyObject_GetAttr(receiver, name_waiter) : NULL;
	PyObject *direct = NULL, *stored;
	int failed = -1;

	if (waiter == NULL)
		goto out;
	if (Py_IS_TYPE(waiter, waiter_type) && waiter_pending(waiter)) {
		direct = PyObject_GetAttr(receiver, name_direct);
		if (direct == NULL)
			goto out;
		if (PyLong_AsLongLong(direct) >= event->result) {
			failed = PyObject_SetAttr(receiver, name_waiter, Py_None);
			if (failed == 0)
				failed = waiter_resolve(waiter, piece);
			goto out;
		}
	}
	stored = PyObject_CallMethodObjArgs(receiver, name_piece, piece, NULL);
	failed = stored == NULL ? -1 : 0;
	Py_XDECREF(stored);
out:
	Py_XDECREF(direct);
	Py_XDECREF(waiter);
	Py_XDECREF(piece);
	return failed;
}

static int hand_event(struct tick *self, PyObject *slot, const struct abio_event *event)
{
	PyObject *done;

	if ((event->flags & ABIO_EVENT_MORE) == 0 && event->token != 0) {
		PyObject *token = PyLong_FromUnsignedLongLong(event->token);

		if (token == NULL)
			return -1;
		Py_INCREF(Py_None);
		if (PyList_SetItem(self->slots, (Py_ssize_t)event->token, Py_None) < 0 ||
		    PyList_Append(self->free, token) < 0) {
			Py_DECREF(token);
			return -1;
		}
		Py_DECREF(token);
	}
	if (slot == Py_None)
		return 0;
	done = PyObject_CallMethod(slot, "event", "LKKKI", (long long)event->result,
				   (unsigned long long)event->progress,
				   (unsigned long long)event->handle,
				   (unsigned long long)event->data, (unsigned int)event->flags);
	Py_XDECREF(done);
	return done == NULL ? -1 : 0;
}

/* The first exception of a turn is raised at its end; the others are reported and dropped. */
struct failure {
	PyObject *type, *value, *traceback;
};

static void keep_failure(struct failure *failure, PyObject *where)
{
	if (failure->type == NULL)
		PyErr_Fetch(&failure->type, &failure->value, &failure->traceback);
	else
		PyErr_WriteUnraisable(where);
}

static void hand_out(struct tick *self, int32_t count, struct failure *failure)
{
	for (int32_t i = 0; i < count; i++) {
		const struct abio_event *event = &self->events[i];
		PyObject *slot = PyList_GetItem(self->slots, (Py_ssize_t)event->token);
		int failed = -1;

		if (slot != NULL) {
			Py_INCREF(slot);
			if (event->flags == PIECE && slot != Py_None)
				failed = hand_piece(slot, event);
			else
				failed = hand_event(self, slot, event);
		}
		if (failed < 0)
			keep_failure(failure, slot);
		Py_XDECREF(slot);
	}
}

/* Tasks may start a turn of their own while they run: each has its own list. */
static void run_woken(struct tick *self, struct failure *failure)
{
	PyObject *woken = self->woken;
	Py_ssize_t count = PyList_Size(woken);

	if (count == 0)
		return;
	self->woken = PyList_New(0);
	if (self->woken == NULL) {
		self->woken = woken;
		keep_failure(failure, (PyObject *)self);
		return;
	}
	for (Py_ssize_t i = 0; i < count; i++) {
		PyObject *waiter = PyList_GetItem(woken, i);

		if (waiter_run(waiter) < 0)
			keep_failure(failure, waiter);
	}
	Py_DECREF(woken);
}

/* One poll and all that follows from it: the number of events, or a code. */
static int32_t poll_once(struct tick *self, bool directly, struct failure *failure)
{
	int32_t count = abio_driver_poll(self->driver, self->events, sizeof(*self->events), EVENTS);

	if (count > 0) {
		self->polling = true;
		self->collecting = directly;
		hand_out(self, count, failure);
		self->collecting = false;
		self->polling = false;
		if (directly)
			run_woken(self, failure);
	}
	return count;
}

/* Not directly (from inside a task): one poll. */
static PyObject *turn(struct tick *self, bool directly)
{
	struct failure failure = { NULL, NULL, NULL };
	int32_t total, count;

	if (self->polling) {
		PyErr_SetString(PyExc_RuntimeError, "a turn of the driver inside another");
		return NULL;
	}
	total = count = poll_once(self, directly, &failure);
	for (int polls = 1; directly && count > 0 && polls < POLLS && total < EVENTS; polls++) {
		count = poll_once(self, directly, &failure);
		total += count > 0 ? count : 0;
	}
	if (failure.type != NULL) {
		PyErr_Restore(failure.type, failure.value, failure.traceback);
		return NULL;
	}
	return PyLong_FromLong(total);
}

static PyObject *tick_run(PyObject *self, PyObject *unused)
{
	(void)unused;
	return turn((struct tick *)self, true);
}

static PyObject *tick_run_later(PyObject *self, PyObject *unused)
{
	(void)unused;
	return turn((struct tick *)self, false);
}

static PyObject *tick_waiter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return waiter_new((struct tick *)self);
}

static PyMethodDef tick_methods[] = {
	{ "run", tick_run, METH_NOARGS,
	  "One turn; runs the tasks it wakes.  Only from a callback of the loop." },
	{ "run_later", tick_run_later, METH_NOARGS, "One turn; the loop runs the tasks it wakes." },
	{ "waiter", tick_waiter, METH_NOARGS, "A waiter of this driver's loop." },
	{ NULL, NULL, 0, NULL },
};

static PyType_Slot tick_slots[] = {
	{ Py_tp_doc,
	  (void *)"Tick(driver, slots, free, loop): one turn of a driver after the other." },
	{ Py_tp_new, (void *)tick_new },
	{ Py_tp_dealloc, (void *)tick_dealloc },
	{ Py_tp_traverse, (void *)tick_traverse },
	{ Py_tp_clear, (void *)tick_clear },
	{ Py_tp_methods, tick_methods },
	{ 0, NULL },
};

static PyType_Spec tick_spec = {
	.name = "abio._tick.Tick",
	.basicsize = sizeof(struct tick),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = tick_slots,
};

PyTypeObject *tick_make_type(void)
{
	name_waiter = PyUnicode_InternFromString("waiter");
	name_direct = PyUnicode_InternFromString("direct");
	name_piece = PyUnicode_InternFromString("piece");
	name_event = PyUnicode_InternFromString("event");
	if (name_waiter == NULL || name_direct == NULL || name_piece == NULL || name_event == NULL)
		return NULL;
	return (PyTypeObject *)PyType_FromSpec(&tick_spec);
}

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "abio._tick",
	.m_doc = "The turn of a driver and the waiters it resolves.",
	.m_size = -1,
};

PyMODINIT_FUNC PyInit__tick(void);

PyMODINIT_FUNC PyInit__tick(void)
{
	PyObject *module, *cores;

	if (!waiter_prepare())
		return NULL;
	waiter_type = waiter_make_type();
	tick_type = tick_make_type();
	if (waiter_type == NULL || tick_type == NULL)
		return NULL;
	module = PyModule_Create(&definition);
	if (module == NULL)
		return NULL;
	if (PyModule_AddType(module, waiter_type) < 0 || PyModule_AddType(module, tick_type) < 0) {
		Py_DECREF(module);
		return NULL;
	}
	/* Here it is the same however often abio is dropped and imported again. */
	cores = PyDict_New();
	if (cores == NULL || PyModule_AddObjectRef(module, "cores", cores) < 0) {
		Py_XDECREF(cores);
		Py_DECREF(module);
		return NULL;
	}
	Py_DECREF(cores);
	return module;
}
