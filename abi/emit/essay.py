"""The essay at the head of abio.h: the conventions, once."""

ESSAY = """
abio.h: asynchronous IO traits over io_uring and epoll, for a host that keeps its own event loop.

WHAT IT IS
A host makes one driver per thread (abio_driver_create), watches the driver's one descriptor (abio_driver_fd) for reading in the loop it has already, and when it is readable calls abio_driver_poll, which fills an array of events.  Between polls it starts operations.  Results are pulled: the library never calls the host, but for the slots of objects that the host itself implements, and those only inside a call of the host's own.  A host without a loop calls abio_driver_wait instead.

An io is anything that does IO: a file, a socket, a pipe, a terminal, a listener, an adapter over another io, an object that the host implements.  What it can do is told by its traits (abio_query):
  Ready       waits until it is ready, lending no memory
  Read, Write transfer the host's memory; a file has its cursor in the handle
  BufRead     lends the host memory of the library's with what was read: receive, fill_buf, lines
  BufWrite    takes copies, or lends memory to be written to: put, reserve and commit
  OwnedRead, OwnedWrite  transfer a buffer that the library has until it comes home
  Seek        moves the cursor
  ReadAt, WriteAt  transfer at an offset, any number at once
  Accept      hands out connections
  Split       makes two handles of one duplex object, one for each direction
  Datagram    receives and sends messages, each with an address
Every function of a trait comes in one of three forms.  try_ functions act now on borrowed memory and may answer ABIO_WOULD_BLOCK.  The others start an operation now and report later, by an event: with memory of the host's that is lent to it, or with memory of the library's, in a view or a buffer.  All that a trait offers is there for every object that has it, whoever implements the object.

ERRORS
Functions return int32_t.  >= 0 is the value, < 0 is a code.  -1 to -4095 are -errno and only ever come from the system.  The library's own refusals (ABIO_E_*) have numbers of their own below that, so ABIO_E_BUSY is never the kernel's EBUSY.  ABIO_WOULD_BLOCK is the one code for "not now"; -EAGAIN never escapes.  errno has no part in it.  abio_error_name, abio_error_text and abio_error_kind explain any code.
The end of a stream is a read of 0 bytes where the length was not 0.  A length of 0 never waits and is not the end.
Checks are made in this order: FORKED, HANDLE, WRONG_THREAD, CLOSED, UNSUPPORTED, TOO_NEW, ARGUMENT, BUSY.  Where a call takes more than one handle, FORKED and HANDLE of the others come between CLOSED and UNSUPPORTED.  A call that refuses has written nothing of the host's.

OPERATIONS, EVENTS, TOKENS
A start function returns 0: accepted, and exactly one terminal event with its token follows, whatever happens: success, error, cancel, the peer's death, close, shutdown.  Or it returns < 0: refused, no event, nothing touched.  With ABIO_START_INLINE in its flags it first tries at once, and then may return the result itself, without an event; ABIO_PENDING says that the event will come.  Tokens are the host's own numbers; the library only carries them.  An event with ABIO_EVENT_MORE is not terminal.  Bits of flags that a host does not know are to be ignored.
abio_cancel asks; it does not take back.  What was moved before stays moved and is counted in `progress`.

HANDLES
A handle is a number, never an address, and below 2^53.  0 is never one.  A forged, stale, released or wrong-kind handle is answered with ABIO_E_HANDLE, never with a crash.  An io is reference-counted (abio_retain, abio_release).  abio_close is an operation and something else than abio_release: it ends the io, the handle lives until its last reference is released.  Handles may cross between languages of a process where abio_abi_info gives the same `instance`.

OWNERSHIP OF MEMORY
Memory given to an operation belongs to the library from acceptance until the terminal event is delivered, also after cancel, error and close.  Before and after, the library never touches it.  try_ functions and abio_put borrow memory for the call.  Arrays of abio_iovec, structs, names and paths are copied at start: only the memory they point to is lent.
A view (ABIO_EVENT_VIEW) is the library's memory.  It is valid until the next abio_driver_poll or abio_driver_wait of its driver begins.  Those of abio_fill_buf and abio_reserve live longer: that of a fill until its last byte is consumed, the next fill or read ends, or the io is released, and closing does not end it; that of a reserve until the next commit, reserve, put, write or flush, or until the io is released.
Structs are the host's.  A struct that is passed in begins with its own size: what is missing at its end counts as zero, what the library does not know must be zero (ABIO_E_TOO_NEW).  Of a struct that is filled only `size` is read; what the library does not know is set to zero, and nothing behind `size` is written.

BUFFERS
A buffer (abio_buffer) is memory that an operation may keep: of the library's own (abio_buffer_alloc, aligned as asked), of the host's (abio_buffer_wrap), or drawn from a pool that is made once (abio_buffer_pool, abio_buffer_draw).  It knows how far it holds data and how far it was ever written: filled <= initialized <= capacity; reads append behind `filled`.  An operation that is given one has it until the terminal event brings it home (ABIO_EVENT_BUFFER and `handle`), in every outcome; meanwhile it answers ABIO_E_BUSY and its memory is not to be touched.  A buffer is reference-counted like an io, and of no thread.  Wrapped memory is the host's again when the event with ABIO_EVENT_RELEASED says so, never earlier.

ADAPTERS
abio_split, abio_take, abio_chain, abio_buf_reader and abio_buf_writer make a new io over one that is there.  An adapter holds a reference on what is underneath, so the handle below may be released at once; it passes on every trait that still makes sense, and what it does below is an operation of the library's own, without token or event.  Releasing an adapter closes the adapter alone.

DATAGRAMS
On a datagram socket a read takes one message and a write sends one; any number may wait in each direction, and they are served in the order they were started.  An empty message is a result of 0, not an end.  What does not fit into the memory of a read is lost, and ABIO_EVENT_TRUNCATED says so.

OBJECTS THAT THE HOST IMPLEMENTS
abio_object_create makes an io of tables of functions that the host wrote, and every function here works on it, adapters too.  A slot either acts now and answers ABIO_WOULD_BLOCK when it cannot (the host then calls abio_object_notify when it can), or starts something and answers ABIO_PENDING (the host then calls abio_object_complete).  Success is > 0, the end is ABIO_HOST_EOF, and a plain 0, or a count that is too large, is ABIO_E_HOST: an error of that operation, never a crash.  A slot must return: neither an exception nor a longjmp may leave it, so bindings catch inside the slot and answer with an error.  Slots are entered on the driver's thread only, with no lock held; inside one everything may be called but poll, wait, submit, close and abandon of the driver, which answer ABIO_E_REENTERED.  An object that may call the host has ABIO_CAP_CALLS_HOST.

THREADS
A driver and its ios belong to one thread: the first that starts, polls or waits.  Another gets ABIO_E_WRONG_THREAD as long as the first is alive.  What says "Thread: any" is free of that.  Different drivers do not know each other.  With ABIO_DRIVER_MIGRATES a driver is pinned to nobody, and the host sees to it that one thread at a time uses it.
abio_driver_wake may also be called from a signal handler.

FORK
In the child of a fork every handle of the parent answers ABIO_E_FORKED, except to abio_release and abio_driver_abandon, which close the inherited descriptors and touch nothing of the parent's.  New drivers work.  The parent notices nothing.

THE DRIVER'S DESCRIPTOR
It is the same for the life of the driver and the only one a host needs to watch; timers are behind it too.  It is readable whenever a poll has an event to give or work to submit, and nothing in flight can become ready without making it so: a host does nothing before it sleeps.  After a poll that returned events it stays readable, and the poll that returns 0 makes it quiet.  A host that watches edge-triggered polls until 0, or makes the driver with ABIO_DRIVER_EDGE.  The host never reads, writes or closes it.  A host whose loop can watch only sockets is told by one: abio_driver_doorbell.
A host retries a wait that a signal interrupts, as loops do: closing a ring, which making the first driver does too, ends one system call of the thread that made it with EINTR some 15 ms later, and with ABIO_DRIVER_COOPERATIVE every completion may.

LIMITS
A transfer is clamped to 0x7ffff000 bytes, on a file to 1 MiB, and answers the short count; the exact and all forms go on.  An array of abio_iovec is clamped to 1024.  On a stream one read and one write may be in flight at a time, of whatever form; a second is ABIO_E_BUSY, also while the event of one that was cancelled is not delivered.  Operations at an offset, datagrams, accepts, flushes and waits for readiness are unlimited.  Nothing blocks but abio_driver_wait.  Out of memory or descriptors is a code, and every object can still be used or closed.

VERSIONS AND TABLES
A program built against this header works with every later release of the same soname.  Numbers never change their meaning, functions are only added, structs and tables only grow at their end.  Each trait has a table whose slots are the very functions declared here; abio_api gives them all to a host that looks up one symbol.  A slot is there when the table's head.size reaches past it.

A WHOLE PROGRAM
Prints the first bytes of a file.  A host with a loop of its own would watch abio_driver_fd and call abio_driver_poll where this one waits.

	#include <abio.h>
	#include <stdio.h>

	static int64_t finish(abio_driver driver, uint64_t *handle)
	{
		struct abio_event event;

		if (abio_driver_wait(driver, &event, sizeof(event), 1, -1) != 1)
			return ABIO_E_CANCELED;
		*handle = event.handle;
		return event.result;
	}

	int main(void)
	{
		abio_driver driver;
		abio_io file = 0;
		uint64_t none;
		char text[64];
		int64_t got;

		if (abio_driver_create(NULL, &driver) < 0)
			return 1;
		got = abio_open(driver, "/etc/hostname", 13, NULL, 1);
		if (got == 0)
			got = finish(driver, &file);
		if (got == 0)
			got = abio_read(file, text, sizeof(text), 0, 2);
		if (got == 0)
			got = finish(driver, &none);
		if (got < 0)
			fprintf(stderr, "%s\\n", abio_error_text((int32_t)got));
		else
			fwrite(text, 1, (size_t)got, stdout);
		if (file)
			abio_release(file);
		abio_driver_shutdown(driver);
		while (abio_driver_close(driver) == ABIO_E_BUSY)
			finish(driver, &none);
		return got < 0;
	}
"""
