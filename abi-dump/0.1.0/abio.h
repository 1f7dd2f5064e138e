/*
 * abio.h: asynchronous IO traits over io_uring and epoll, for a host that keeps its own event loop.
 *
 * WHAT IT IS
 * A host makes one driver per thread (abio_driver_create), watches the driver's one descriptor
 * (abio_driver_fd) for reading in the loop it has already, and when it is readable calls
 * abio_driver_poll, which fills an array of events.  Between polls it starts operations.  Results
 * are pulled: the library never calls the host, but for the slots of objects that the host itself
 * implements, and those only inside a call of the host's own.  A host without a loop calls
 * abio_driver_wait instead.
 *
 * An io is anything that does IO: a file, a socket, a pipe, a terminal, a listener, an adapter over
 * another io, an object that the host implements.  What it can do is told by its traits
 * (abio_query):
 *   Ready       waits until it is ready, lending no memory
 *   Read, Write transfer the host's memory; a file has its cursor in the handle
 *   BufRead     lends the host memory of the library's with what was read: receive, fill_buf, lines
 *   BufWrite    takes copies, or lends memory to be written to: put, reserve and commit
 *   OwnedRead, OwnedWrite  transfer a buffer that the library has until it comes home
 *   Seek        moves the cursor
 *   ReadAt, WriteAt  transfer at an offset, any number at once
 *   Accept      hands out connections
 *   Split       makes two handles of one duplex object, one for each direction
 *   Datagram    receives and sends messages, each with an address
 * Every function of a trait comes in one of three forms.  try_ functions act now on borrowed memory
 * and may answer ABIO_WOULD_BLOCK.  The others start an operation now and report later, by an
 * event: with memory of the host's that is lent to it, or with memory of the library's, in a view
 * or a buffer.  All that a trait offers is there for every object that has it, whoever implements
 * the object.
 *
 * ERRORS
 * Functions return int32_t.  >= 0 is the value, < 0 is a code.  -1 to -4095 are -errno and only
 * ever come from the system.  The library's own refusals (ABIO_E_*) have numbers of their own below
 * that, so ABIO_E_BUSY is never the kernel's EBUSY.  ABIO_WOULD_BLOCK is the one code for "not
 * now"; -EAGAIN never escapes.  errno has no part in it.  abio_error_name, abio_error_text and
 * abio_error_kind explain any code.
 * The end of a stream is a read of 0 bytes where the length was not 0.  A length of 0 never waits
 * and is not the end.
 * Checks are made in this order: FORKED, HANDLE, WRONG_THREAD, CLOSED, UNSUPPORTED, TOO_NEW,
 * ARGUMENT, BUSY.  Where a call takes more than one handle, FORKED and HANDLE of the others come
 * between CLOSED and UNSUPPORTED.  A call that refuses has written nothing of the host's.
 *
 * OPERATIONS, EVENTS, TOKENS
 * A start function returns 0: accepted, and exactly one terminal event with its token follows,
 * whatever happens: success, error, cancel, the peer's death, close, shutdown.  Or it returns < 0:
 * refused, no event, nothing touched.  With ABIO_START_INLINE in its flags it first tries at once,
 * and then may return the result itself, without an event; ABIO_PENDING says that the event will
 * come.  Tokens are the host's own numbers; the library only carries them.  An event with
 * ABIO_EVENT_MORE is not terminal.  Bits of flags that a host does not know are to be ignored.
 * abio_cancel asks; it does not take back.  What was moved before stays moved and is counted in
 * `progress`.
 *
 * HANDLES
 * A handle is a number, never an address, and below 2^53.  0 is never one.  A forged, stale,
 * released or wrong-kind handle is answered with ABIO_E_HANDLE, never with a crash.  An io is
 * reference-counted (abio_retain, abio_release).  abio_close is an operation and something else
 * than abio_release: it ends the io, the handle lives until its last reference is released.
 * Handles may cross between languages of a process where abio_abi_info gives the same `instance`.
 *
 * OWNERSHIP OF MEMORY
 * Memory given to an operation belongs to the library from acceptance until the terminal event is
 * delivered, also after cancel, error and close.  Before and after, the library never touches it.
 * try_ functions and abio_put borrow memory for the call.  Arrays of abio_iovec, structs, names and
 * paths are copied at start: only the memory they point to is lent.
 * A view (ABIO_EVENT_VIEW) is the library's memory.  It is valid until the next abio_driver_poll or
 * abio_driver_wait of its driver begins.  Those of abio_fill_buf and abio_reserve live longer: that
 * of a fill until its last byte is consumed, the next fill or read ends, or the io is released, and
 * closing does not end it; that of a reserve until the next commit, reserve, put, write or flush,
 * or until the io is released.
 * Structs are the host's.  A struct that is passed in begins with its own size: what is missing at
 * its end counts as zero, what the library does not know must be zero (ABIO_E_TOO_NEW).  Of a
 * struct that is filled only `size` is read; what the library does not know is set to zero, and
 * nothing behind `size` is written.
 *
 * BUFFERS
 * A buffer (abio_buffer) is memory that an operation may keep: of the library's own
 * (abio_buffer_alloc, aligned as asked), of the host's (abio_buffer_wrap), or drawn from a pool
 * that is made once (abio_buffer_pool, abio_buffer_draw).  It knows how far it holds data and how
 * far it was ever written: filled <= initialized <= capacity; reads append behind `filled`.  An
 * operation that is given one has it until the terminal event brings it home (ABIO_EVENT_BUFFER and
 * `handle`), in every outcome; meanwhile it answers ABIO_E_BUSY and its memory is not to be
 * touched.  A buffer is reference-counted like an io, and of no thread.  Wrapped memory is the
 * host's again when the event with ABIO_EVENT_RELEASED says so, never earlier.
 *
 * ADAPTERS
 * abio_split, abio_take, abio_chain, abio_buf_reader and abio_buf_writer make a new io over one
 * that is there.  An adapter holds a reference on what is underneath, so the handle below may be
 * released at once; it passes on every trait that still makes sense, and what it does below is an
 * operation of the library's own, without token or event.  Releasing an adapter closes the adapter
 * alone.
 *
 * DATAGRAMS
 * On a datagram socket a read takes one message and a write sends one; any number may wait in each
 * direction, and they are served in the order they were started.  An empty message is a result of
 * 0, not an end.  What does not fit into the memory of a read is lost, and ABIO_EVENT_TRUNCATED
 * says so.
 *
 * OBJECTS THAT THE HOST IMPLEMENTS
 * abio_object_create makes an io of tables of functions that the host wrote, and every function
 * here works on it, adapters too.  A slot either acts now and answers ABIO_WOULD_BLOCK when it
 * cannot (the host then calls abio_object_notify when it can), or starts something and answers
 * ABIO_PENDING (the host then calls abio_object_complete).  Success is > 0, the end is
 * ABIO_HOST_EOF, and a plain 0, or a count that is too large, is ABIO_E_HOST: an error of that
 * operation, never a crash.  A slot must return: neither an exception nor a longjmp may leave it,
 * so bindings catch inside the slot and answer with an error.  Slots are entered on the driver's
 * thread only, with no lock held; inside one everything may be called but poll, wait, submit, close
 * and abandon of the driver, which answer ABIO_E_REENTERED.  An object that may call the host has
 * ABIO_CAP_CALLS_HOST.
 *
 * THREADS
 * A driver and its ios belong to one thread: the first that starts, polls or waits.  Another gets
 * ABIO_E_WRONG_THREAD as long as the first is alive.  What says "Thread: any" is free of that.
 * Different drivers do not know each other.  With ABIO_DRIVER_MIGRATES a driver is pinned to
 * nobody, and the host sees to it that one thread at a time uses it.
 * abio_driver_wake may also be called from a signal handler.
 *
 * FORK
 * In the child of a fork every handle of the parent answers ABIO_E_FORKED, except to abio_release
 * and abio_driver_abandon, which close the inherited descriptors and touch nothing of the parent's.
 * New drivers work.  The parent notices nothing.
 *
 * THE DRIVER'S DESCRIPTOR
 * It is the same for the life of the driver and the only one a host needs to watch; timers are
 * behind it too.  It is readable whenever a poll has an event to give or work to submit, and
 * nothing in flight can become ready without making it so: a host does nothing before it sleeps.
 * After a poll that returned events it stays readable, and the poll that returns 0 makes it quiet.
 * A host that watches edge-triggered polls until 0, or makes the driver with ABIO_DRIVER_EDGE.  The
 * host never reads, writes or closes it.  A host whose loop can watch only sockets is told by one:
 * abio_driver_doorbell.
 * A host retries a wait that a signal interrupts, as loops do: closing a ring, which making the
 * first driver does too, ends one system call of the thread that made it with EINTR some 15 ms
 * later, and with ABIO_DRIVER_COOPERATIVE every completion may.
 *
 * LIMITS
 * A transfer is clamped to 0x7ffff000 bytes, on a file to 1 MiB, and answers the short count; the
 * exact and all forms go on.  An array of abio_iovec is clamped to 1024.  On a stream one read and
 * one write may be in flight at a time, of whatever form; a second is ABIO_E_BUSY, also while the
 * event of one that was cancelled is not delivered.  Operations at an offset, datagrams, accepts,
 * flushes and waits for readiness are unlimited.  Nothing blocks but abio_driver_wait.  Out of
 * memory or descriptors is a code, and every object can still be used or closed.
 *
 * VERSIONS AND TABLES
 * A program built against this header works with every later release of the same soname.  Numbers
 * never change their meaning, functions are only added, structs and tables only grow at their end.
 * Each trait has a table whose slots are the very functions declared here; abio_api gives them all
 * to a host that looks up one symbol.  A slot is there when the table's head.size reaches past it.
 *
 * A WHOLE PROGRAM
 * Prints the first bytes of a file.  A host with a loop of its own would watch abio_driver_fd and
 * call abio_driver_poll where this one waits.
 *
 * 	#include <abio.h>
 * 	#include <stdio.h>
 *
 * 	static int64_t finish(abio_driver driver, uint64_t *handle)
 * 	{
 * 		struct abio_event event;
 *
 * 		if (abio_driver_wait(driver, &event, sizeof(event), 1, -1) != 1)
 * 			return ABIO_E_CANCELED;
 * 		*handle = event.handle;
 * 		return event.result;
 * 	}
 *
 * 	int main(void)
 * 	{
 * 		abio_driver driver;
 * 		abio_io file = 0;
 * 		uint64_t none;
 * 		char text[64];
 * 		int64_t got;
 *
 * 		if (abio_driver_create(NULL, &driver) < 0)
 * 			return 1;
 * 		got = abio_open(driver, "/etc/hostname", 13, NULL, 1);
 * 		if (got == 0)
 * 			got = finish(driver, &file);
 * 		if (got == 0)
 * 			got = abio_read(file, text, sizeof(text), 0, 2);
 * 		if (got == 0)
 * 			got = finish(driver, &none);
 * 		if (got < 0)
 * 			fprintf(stderr, "%s\n", abio_error_text((int32_t)got));
 * 		else
 * 			fwrite(text, 1, (size_t)got, stdout);
 * 		if (file)
 * 			abio_release(file);
 * 		abio_driver_shutdown(driver);
 * 		while (abio_driver_close(driver) == ABIO_E_BUSY)
 * 			finish(driver, &none);
 * 		return got < 0;
 * 	}
 *
 * abio 0.1.0: asynchronous IO traits as a stable C ABI.
 *
 * Generated by abi/generate.py from abi/abio.toml: do not edit.
 * sha256 of the description: 8b4873b6e05e798dad8b7a159c9d156e093af74495be830886e270de59e596b6
 */
#ifndef ABIO_H
#define ABIO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- constants ------------------------------------------------------------------------------- */

/* Codes that are not errors of an operation. */
enum {
	/* a try_ function or abio_put cannot proceed now; nothing happened */
	ABIO_WOULD_BLOCK = -4096,
	ABIO_HOST_EOF = -4097, /* end of file, as a slot that a host implements says it */
	/* started with ABIO_START_INLINE and not finished at once: the event will come */
	ABIO_PENDING = -4098
};

/*
 * The library's own refusals and results.  Codes -1 to -4095 are -errno and only ever come from the
 * system.
 */
enum {
	/* the handle is zero, forged, stale, of the wrong kind, or already released */
	ABIO_E_HANDLE = -4112,
	ABIO_E_CLOSED = -4113, /* the object is closed or closing, or the driver is shut down */
	/* the handle was made before fork and belongs to the parent process */
	ABIO_E_FORKED = -4114,
	ABIO_E_WRONG_THREAD = -4115, /* the driver is pinned to another thread that is alive */
	/* this object, or this build, cannot do that; abio_query tells what an object can */
	ABIO_E_UNSUPPORTED = -4116,
	ABIO_E_TOO_NEW = -4117, /* a struct has a non-zero field this library does not know */
	/* an argument is out of its range; found by the library, never the kernel's EINVAL */
	ABIO_E_ARGUMENT = -4118,
	/*
	 * that direction already has an operation, or the object is in use; never the kernel's
	 * EBUSY
	 */
	ABIO_E_BUSY = -4119,
	/*
	 * poll, wait, submit, close or abandon of a driver called from inside a host-implemented
	 * slot
	 */
	ABIO_E_REENTERED = -4120,
	/* the stream ended before an exact read was full; progress says how much arrived */
	ABIO_E_UNEXPECTED_EOF = -4121,
	ABIO_E_WRITE_ZERO = -4122, /* a write accepted no bytes and reported no error */
	ABIO_E_HOST = -4123, /* a host-implemented slot broke its contract */
	/* the operation was cancelled, by abio_cancel, close, release or shutdown */
	ABIO_E_CANCELED = -4124,
	/* a limit of the library or of the given buffer was reached; what was taken is kept */
	ABIO_E_LIMIT = -4125,
	ABIO_E_NAME_NOT_FOUND = -4160, /* resolver: the name or service is not known */
	ABIO_E_NAME_AGAIN = -4161, /* resolver: a temporary failure, try again later */
	ABIO_E_NAME_FAILED = -4162, /* resolver: a failure that will not go away by itself */
	ABIO_E_NAME_FAMILY = -4163 /* resolver: no address of a supported family */
};

/* What abio_error_kind answers: small stable classes, the same on every platform. */
enum {
	ABIO_CLASS_NONE = 0, /* not an error */
	ABIO_CLASS_AGAIN = 1, /* try again later */
	ABIO_CLASS_CANCELED = 2, /* cancelled */
	ABIO_CLASS_CLOSED = 3, /* closed, or the end of the stream */
	/* the connection was refused, reset, aborted, unreachable, or the pipe is broken */
	ABIO_CLASS_CONNECTION = 4,
	ABIO_CLASS_TIMEOUT = 5, /* timed out */
	ABIO_CLASS_NOT_FOUND = 6, /* no such file, directory or name */
	ABIO_CLASS_EXISTS = 7, /* it exists already */
	ABIO_CLASS_PERMISSION = 8, /* not permitted */
	ABIO_CLASS_RESOURCE = 9, /* out of memory, descriptors, space or buffers */
	ABIO_CLASS_USAGE = 10, /* the program is wrong: bad handle, argument, thread, order */
	ABIO_CLASS_UNSUPPORTED = 11, /* not supported here */
	ABIO_CLASS_INPUT_OUTPUT = 12 /* any other failure of the system */
};

/* Trait ids, for abio_query and in table heads.  A number is never reused. */
enum {
	ABIO_TRAIT_OBJECT = 1, /* what every io has */
	ABIO_TRAIT_READY = 2, /* waiting for readiness */
	ABIO_TRAIT_READ = 3, /* reading a stream, or a file at its cursor */
	ABIO_TRAIT_WRITE = 4, /* writing a stream, or a file at its cursor */
	ABIO_TRAIT_BUF_READ = 5, /* reading through memory of the library */
	ABIO_TRAIT_BUF_WRITE = 6, /* writing through memory of the library */
	ABIO_TRAIT_OWNED_READ = 7, /* reading into buffers the library may keep */
	ABIO_TRAIT_OWNED_WRITE = 8, /* writing from buffers the library may keep */
	ABIO_TRAIT_SEEK = 9, /* moving the cursor */
	ABIO_TRAIT_READ_AT = 10, /* reading at an offset */
	ABIO_TRAIT_WRITE_AT = 11, /* writing at an offset */
	ABIO_TRAIT_ACCEPT = 12, /* accepting connections */
	ABIO_TRAIT_SPLIT = 13, /* halves of a duplex object */
	ABIO_TRAIT_DATAGRAM = 14 /* messages with an address each */
};

/*
 * Capabilities of a table (what the library can) and of an object's trait (what abio_query
 * reports).
 */
enum {
	/* vectored transfers are one system call, not a fallback over the first vector */
	ABIO_CAP_VECTORED = 1,
	ABIO_CAP_CALLS_HOST = 2 /* a call may enter slots the host implements */
};

/* What to wait for. */
enum {
	/* a read would not wait: data, end of stream, or an error to collect */
	ABIO_INTEREST_READ = 1,
	ABIO_INTEREST_WRITE = 2 /* a write would not wait: room, or an error to collect */
};

/*
 * What is ready.  ERROR and HUP are reported without being asked for; READ_CLOSED comes when READ
 * is asked for or with HUP, WRITE_CLOSED when WRITE is asked for: else a wait for room on a
 * half-closed stream would end at once, for ever.
 */
enum {
	ABIO_READY_READ = 1, /* a read would not wait */
	ABIO_READY_WRITE = 2, /* a write would not wait */
	ABIO_READY_READ_CLOSED = 4, /* the peer will send no more; data may still be buffered */
	ABIO_READY_WRITE_CLOSED = 8, /* the peer takes no more */
	ABIO_READY_ERROR = 16, /* an error is waiting to be collected */
	ABIO_READY_HUP = 32 /* hung up in both directions; data may still be buffered */
};

/* Bits of abio_event.flags.  Hosts ignore bits they do not know. */
enum {
	ABIO_EVENT_MORE = 1, /* not the terminal event: more events of this token follow */
	/*
	 * wrapped memory, or the `user` of an object a host implements, is the host's again; token
	 * is the one given when it was made
	 */
	ABIO_EVENT_RELEASED = 2,
	ABIO_EVENT_WAKE = 4, /* abio_driver_wake was called; token is 0 */
	ABIO_EVENT_HANDLE = 8, /* `handle` is a new io handle that the host now owns */
	ABIO_EVENT_BUFFER = 16, /* `handle` is the buffer that came home */
	/*
	 * `data` is the address of `result` bytes (resolve: of `result` addresses) valid until the
	 * next poll or wait begins; of fill_buf and reserve: as long as those say
	 */
	ABIO_EVENT_VIEW = 32,
	/* a datagram was longer than the memory for it; the rest is lost */
	ABIO_EVENT_TRUNCATED = 64
};

/* Flags of start functions. */
enum {
	/* try at once: return the result (>= 0, no event), an error (no event), or ABIO_PENDING */
	ABIO_START_INLINE = 1
};

/* Backends of a driver. */
enum {
	/*
	 * io_uring where a trial round trip works, else epoll; the environment's
	 * ABIO_BACKEND=uring|epoll decides first
	 */
	ABIO_BACKEND_AUTO = 0,
	ABIO_BACKEND_URING = 1, /* io_uring, or an error */
	ABIO_BACKEND_EPOLL = 2 /* epoll and worker threads */
};

/* Flags of abio_driver_options. */
enum {
	/*
	 * signal the fd anew at every start and every full poll, for hosts that watch it
	 * edge-triggered and do not poll until 0
	 */
	ABIO_DRIVER_EDGE = 1,
	/* not pinned: any one thread at a time may use it, the host orders them; implies epoll */
	ABIO_DRIVER_MIGRATES = 2,
	ABIO_DRIVER_COOPERATIVE = 4 /* io_uring with cooperative instead of deferred task work */
};

/* What an io is. */
enum {
	ABIO_KIND_AUTO = 0, /* abio_adopt finds out */
	ABIO_KIND_FILE = 1, /* regular file, block device or directory: positional, no readiness */
	ABIO_KIND_TCP = 2, /* TCP stream */
	ABIO_KIND_UNIX = 3, /* Unix stream socket */
	ABIO_KIND_PIPE = 4, /* pipe, FIFO, terminal or other character stream */
	ABIO_KIND_TCP_LISTENER = 5, /* listening TCP socket */
	ABIO_KIND_UNIX_LISTENER = 6, /* listening Unix socket */
	ABIO_KIND_UDP = 7, /* UDP socket */
	ABIO_KIND_UNIX_DATAGRAM = 8, /* Unix datagram socket */
	ABIO_KIND_HOST = 9, /* implemented by a host: abio_object_create */
	ABIO_KIND_BUF_READER = 10, /* abio_buf_reader */
	ABIO_KIND_BUF_WRITER = 11, /* abio_buf_writer */
	ABIO_KIND_READ_HALF = 12, /* reading half of abio_split */
	ABIO_KIND_WRITE_HALF = 13, /* writing half of abio_split */
	ABIO_KIND_TAKE = 14, /* abio_take */
	ABIO_KIND_CHAIN = 15 /* abio_chain */
};

/* Address families of abio_address; not the system's AF_ numbers. */
enum {
	ABIO_FAMILY_NONE = 0, /* no address */
	ABIO_FAMILY_IPV4 = 1, /* data is 4 bytes in network order */
	ABIO_FAMILY_IPV6 = 2, /* data is 16 bytes in network order */
	ABIO_FAMILY_UNIX = 3 /* data is a path, or a name whose first byte is 0 (abstract) */
};

/* abio_open_options.access. */
enum {
	ABIO_ACCESS_READ = 1, /* for reading; the default when access is 0 */
	ABIO_ACCESS_WRITE = 2 /* for writing */
};

/* abio_open_options.flags. */
enum {
	ABIO_OPEN_CREATE = 1, /* create the file when it does not exist */
	ABIO_OPEN_EXCLUSIVE = 2, /* with CREATE: fail when it exists */
	ABIO_OPEN_TRUNCATE = 4, /* set its length to 0 */
	ABIO_OPEN_APPEND = 8, /* every write goes to the end */
	ABIO_OPEN_DIRECT = 16 /* bypass the page cache; memory, length and offset must be aligned */
};

/* abio_listen_options.flags. */
enum {
	ABIO_LISTEN_REUSE_PORT = 1, /* several sockets may listen on the port */
	ABIO_LISTEN_ONLY_IPV6 = 2, /* an IPv6 socket does not take IPv4 connections */
	/* leave Nagle's algorithm on for accepted connections; off by default */
	ABIO_LISTEN_DELAY = 4
};

/* abio_connect_options.flags. */
enum {
	ABIO_CONNECT_DELAY = 1 /* leave Nagle's algorithm on; off by default */
};

/* Flags of abio_adopt. */
enum {
	ABIO_ADOPT_DUPLICATE = 1 /* work on a duplicate; the host keeps its own descriptor */
};

/* Flags of abio_sync. */
enum {
	ABIO_SYNC_DATA = 1 /* only what is needed to read the data back (fdatasync) */
};

/* Where abio_seek counts from. */
enum {
	ABIO_SEEK_START = 0, /* the start */
	ABIO_SEEK_CURRENT = 1, /* the position of the handle */
	ABIO_SEEK_END = 2 /* the end */
};

/* Flags of abio_datagram. */
enum {
	ABIO_DATAGRAM_REUSE_PORT = 1, /* several sockets may be bound to the port */
	ABIO_DATAGRAM_ONLY_IPV6 = 2, /* an IPv6 socket does not take IPv4 datagrams */
	ABIO_DATAGRAM_BROADCAST = 4 /* sending to broadcast addresses is allowed */
};

/* Flags of abio_resolve. */
enum {
	ABIO_RESOLVE_IPV4 = 1, /* only IPv4 addresses */
	ABIO_RESOLVE_IPV6 = 2, /* only IPv6 addresses */
	ABIO_RESOLVE_PASSIVE = 4 /* for listening: an empty name is every local address */
};

/* ---- handles --------------------------------------------------------------------------------- */

/* A completion queue, its backend and the operations in flight.  One per host thread. */
typedef uint64_t abio_driver;

/* Anything that does IO.  Reference-counted; abio_retain and abio_release from any thread. */
typedef uint64_t abio_io;

/*
 * Memory that the library may keep while an operation runs.  Reference-counted; abio_buffer_retain
 * and abio_buffer_release from any thread.
 */
typedef uint64_t abio_buffer;

/* ---- structs --------------------------------------------------------------------------------- */

/*
 * What happened.  48 bytes on every platform, readable as six 64-bit words.
 * Frozen: its layout never changes.  Since 0.1.
 */
struct abio_event {
	uint64_t token; /* what the host passed at start; 0 with ABIO_EVENT_WAKE */
	/* >= 0: the operation's value (count, position, readiness bits); < 0: an error */
	int64_t result;
	/* bytes moved; valid on error and cancel too; of a receive all that came so far */
	uint64_t progress;
	/*
	 * with ABIO_EVENT_HANDLE: the object opened or accepted; with ABIO_EVENT_BUFFER: the
	 * buffer; else 0
	 */
	uint64_t handle;
	/*
	 * with ABIO_EVENT_VIEW: the address of the view; with ABIO_EVENT_RELEASED: the memory, or
	 * the `user`, that is the host's again; else 0
	 */
	uint64_t data;
	uint32_t flags; /* ABIO_EVENT_* */
	uint32_t reserved; /* 0 */
};

/*
 * One piece of memory of a vectored transfer.  The layout of the system's struct iovec on 64-bit
 * platforms.
 * Frozen: its layout never changes.  Since 0.1.
 */
struct abio_iovec {
	void *base; /* start of the memory; NULL only where length is 0 */
	uint64_t length; /* in bytes; the sum of all is clamped to 0x7ffff000 */
};

/*
 * Memory that need not be initialised, and how far it is: filled <= initialized <= capacity.  A
 * read appends behind `filled` and never reads what is there.
 * Frozen: its layout never changes.  Since 0.1.
 */
struct abio_readbuf {
	void *data; /* start of the memory; NULL only where capacity is 0 */
	uint32_t capacity; /* bytes there are */
	uint32_t filled; /* bytes that hold data */
	/* bytes that were ever written: `filled` and what lies behind it from earlier */
	uint32_t initialized;
	uint32_t reserved; /* 0 */
};

/*
 * A socket address.
 * Read by the library; `size` is the caller's sizeof.  Since 0.1.
 */
struct abio_address {
	uint32_t size; /* sizeof(struct abio_address) */
	uint32_t family; /* ABIO_FAMILY_* */
	uint32_t port; /* of TCP and UDP: 0 to 65535, host byte order; else 0 */
	uint32_t scope; /* IPv6 scope id (interface index); else 0 */
	uint32_t length; /* bytes used in data: 4, 16, or those of the path */
	uint8_t data[108]; /* 4 or 16 bytes of IP address, or a Unix path without terminator */
};

/*
 * How to make a driver.  All zero but size is the default.
 * Read by the library; `size` is the caller's sizeof.  Since 0.1.
 */
struct abio_driver_options {
	uint32_t size; /* sizeof(struct abio_driver_options) */
	uint32_t flags; /* ABIO_DRIVER_* */
	uint32_t backend; /* ABIO_BACKEND_* */
	uint32_t entries; /* io_uring: submission entries, rounded up to a power of two; 0: 256 */
	/*
	 * io_uring: completion entries, at least `entries`; 0: 4096.  A smaller queue costs speed,
	 * never events
	 */
	uint32_t completions;
	uint32_t workers; /* most worker threads for files and names, at most 64; 0: 4 */
};

/*
 * What a driver is and does.
 * Filled by the library up to `size`, which stays the caller's sizeof.  Since 0.1.
 */
struct abio_driver_state {
	uint32_t size; /* sizeof(struct abio_driver_state) */
	uint32_t backend; /* ABIO_BACKEND_URING or ABIO_BACKEND_EPOLL */
	uint32_t flags; /* ABIO_DRIVER_* in force */
	int32_t fallback_error; /* why io_uring was not used: a negative code, or 0 */
	uint32_t in_flight; /* operations accepted and not yet finished */
	uint32_t undelivered; /* events waiting to be polled */
	uint8_t reason[104]; /* the choice of backend in words, NUL-terminated */
};

/*
 * How to open a file.
 * Read by the library; `size` is the caller's sizeof.  Since 0.1.
 */
struct abio_open_options {
	uint32_t size; /* sizeof(struct abio_open_options) */
	uint32_t flags; /* ABIO_OPEN_* */
	uint32_t access; /* ABIO_ACCESS_*; 0: READ */
	uint32_t mode; /* permission bits of a created file, before the umask; 0: 0666 */
};

/*
 * How to connect.
 * Read by the library; `size` is the caller's sizeof.  Since 0.1.
 */
struct abio_connect_options {
	uint32_t size; /* sizeof(struct abio_connect_options) */
	uint32_t flags; /* ABIO_CONNECT_* */
};

/*
 * How to listen.
 * Read by the library; `size` is the caller's sizeof.  Since 0.1.
 */
struct abio_listen_options {
	uint32_t size; /* sizeof(struct abio_listen_options) */
	uint32_t flags; /* ABIO_LISTEN_* */
	uint32_t backlog; /* pending connections the system may hold; 0: 1024 */
	uint32_t reserved; /* 0 */
};

/*
 * What an io is.
 * Filled by the library up to `size`, which stays the caller's sizeof.  Since 0.1.
 */
struct abio_io_info {
	uint32_t size; /* sizeof(struct abio_io_info) */
	uint32_t kind; /* ABIO_KIND_* */
	int32_t fd; /* the system's descriptor, still the library's; -1 when there is none */
	uint32_t flags; /* 0 */
	uint64_t driver; /* the driver it belongs to */
	struct abio_address local; /* own address of a socket; family NONE otherwise */
	struct abio_address peer; /* peer's address of a connected socket; family NONE otherwise */
};

/*
 * What a buffer is and holds.
 * Filled by the library up to `size`, which stays the caller's sizeof.  Since 0.1.
 */
struct abio_buffer_state {
	uint32_t size; /* sizeof(struct abio_buffer_state) */
	uint32_t flags; /* 0 */
	void *data; /* its memory, the same for life; to be touched only while it is not lent */
	uint32_t capacity; /* in bytes */
	uint32_t filled; /* bytes that hold data */
	uint32_t initialized; /* bytes that were ever written */
	uint32_t lent; /* 1 while an operation has it, else 0 */
};

/*
 * What an object offers of a trait.
 * Filled by the library up to `size`, which stays the caller's sizeof.  Since 0.1.
 */
struct abio_trait_info {
	uint32_t size; /* sizeof(struct abio_trait_info) */
	uint32_t caps; /* ABIO_CAP_* of this object */
	uint64_t slots; /* bit n set: slot n of the table works on this object */
	/*
	 * the trait's table: a const struct abio_<trait>_ops *, valid for the life of the process
	 */
	const void *table;
};

/*
 * Which library this is.
 * Filled by the library up to `size`, which stays the caller's sizeof.  Since 0.1.
 */
struct abio_abi {
	uint32_t size; /* sizeof(struct abio_abi) */
	uint16_t major; /* version of the library: major */
	uint16_t minor; /* minor */
	uint16_t patch; /* patch */
	uint16_t reserved; /* 0 */
	uint32_t reserved2; /* 0 */
	/*
	 * random number of this loaded copy: handles cross between bindings only where it is equal
	 */
	uint64_t instance;
	/*
	 * SHA-256 of the description this library was built from, without its texts and patch
	 * level: it changes only with major or minor
	 */
	uint8_t hash[32];
};

/*
 * The first 16 bytes of every table, for ever.
 * Frozen: its layout never changes.  Since 0.1.
 */
struct abio_table_head {
	/* bytes of the table, head included: a slot is there when size reaches past it */
	uint32_t size;
	uint16_t major; /* major version of the library */
	uint16_t minor; /* minor version */
	uint32_t trait; /* ABIO_TRAIT_*; 0 for the root table */
	uint32_t caps; /* ABIO_CAP_* the library can offer in this trait */
};

/* ---- what a host implements ------------------------------------------------------------------ */

/*
 * Tables that a host fills.
 * Such a table is given to abio_object_create, which copies it.  `head.size` is the host's sizeof
 * of the struct, `head.trait` the trait, the rest of the head is 0.  A slot that is NULL is not
 * there, and what is not there is provided where it can be.
 * Every slot gets the host's `user` first and is called on the driver's thread, only inside a call
 * of the host's own, and never twice at once for one direction.  Inside a slot abio_driver_poll,
 * abio_driver_wait, abio_driver_submit, abio_driver_close and abio_driver_abandon answer
 * ABIO_E_REENTERED, everything else is allowed.  A slot must return: neither an exception nor a
 * longjmp may leave it.
 * A slot returns > 0 on success; ABIO_HOST_EOF at the end; ABIO_WOULD_BLOCK or, from a start_ slot,
 * ABIO_PENDING; or an error (< 0), which is -errno or a code of the library.  0, and what is no
 * code, is ABIO_E_HOST: many languages turn an exception into 0.  From a try_ slot -EAGAIN is
 * ABIO_WOULD_BLOCK.
 */

/*
 * Implementing object: how the object ends, and what the library waits for.
 * Since 0.1.
 */
struct abio_object_impl {
	struct abio_table_head head;
	/*
	 * The object is being closed: nothing of it is called any more.  > 0: done; ABIO_PENDING:
	 * abio_object_complete follows; < 0: done, with that error.
	 */
	int32_t (*close)(void *user, uint64_t op);
	/*
	 * Asks an operation that was answered with ABIO_PENDING to end; called at the next poll.
	 * It still ends by abio_object_complete, with ABIO_E_CANCELED or its own result.  Its
	 * answer is ignored.  Without this slot such an operation ends when the host ends it.
	 */
	int32_t (*cancel)(void *user, uint64_t op);
	/*
	 * What is waited for from now on: abio_object_notify is due when that is ready, at once
	 * where it is already.  Told at the next poll, when it has changed.  Its answer is ignored.
	 */
	int32_t (*interest)(void *user, uint32_t interest);
};

/*
 * Implementing read: either try_read or start_read is required; try_readv is optional.
 * Since 0.1.
 */
struct abio_read_impl {
	struct abio_table_head head;
	/*
	 * Fills at most `length` bytes (at least 1) now.  > 0: that many; ABIO_WOULD_BLOCK: nothing
	 * now, abio_object_notify will follow; ABIO_HOST_EOF: the end.
	 */
	int32_t (*try_read)(void *user, void *data, uint32_t length);
	/* The same into several pieces of memory. */
	int32_t (*try_readv)(void *user, const struct abio_iovec *iovecs, uint32_t count);
	/*
	 * Begins to fill at most `length` bytes, which are the host's until it completes.  > 0:
	 * done at once; ABIO_PENDING: abio_object_complete follows; ABIO_HOST_EOF: the end.
	 */
	int32_t (*start_read)(void *user, uint64_t op, void *data, uint32_t length);
};

/*
 * Implementing write: either try_write or start_write is required; the others are optional.
 * Since 0.1.
 */
struct abio_write_impl {
	struct abio_table_head head;
	/*
	 * Takes at most `length` bytes (at least 1) now.  > 0: that many; ABIO_WOULD_BLOCK: none
	 * now, abio_object_notify will follow.
	 */
	int32_t (*try_write)(void *user, const void *data, uint32_t length);
	/* The same from several pieces of memory. */
	int32_t (*try_writev)(void *user, const struct abio_iovec *iovecs, uint32_t count);
	/*
	 * Begins to take at most `length` bytes, which do not change until it completes.  > 0: done
	 * at once; ABIO_PENDING: abio_object_complete follows.
	 */
	int32_t (*start_write)(void *user, uint64_t op, const void *data, uint32_t length);
	/*
	 * Pushes out what the object itself holds.  > 0: all is out; ABIO_WOULD_BLOCK: not yet,
	 * abio_object_notify (WRITE) will follow.
	 */
	int32_t (*try_flush)(void *user);
	/* The same, completion style.  > 0: done; ABIO_PENDING: abio_object_complete follows. */
	int32_t (*start_flush)(void *user, uint64_t op);
	/*
	 * No more will be written: the other side is to see the end.  > 0: done; ABIO_PENDING:
	 * abio_object_complete follows.
	 */
	int32_t (*start_shutdown)(void *user, uint64_t op);
};

/*
 * Implementing buf_read: for an object that has its bytes in memory already; both slots are
 * required.  Without this table abio_buf_reader gives the trait to anything that reads.
 * Since 0.1.
 */
struct abio_buf_read_impl {
	struct abio_table_head head;
	/*
	 * Where the next bytes are.  > 0: how many; they stay there until they are consumed.
	 * ABIO_WOULD_BLOCK: none now, abio_object_notify (READ) will follow; ABIO_HOST_EOF: the
	 * end.
	 */
	int32_t (*try_fill_buf)(void *user, const void **data);
	/* The first `count` of those bytes are done with.  > 0: yes. */
	int32_t (*consume)(void *user, uint32_t count);
};

/*
 * Implementing seek: moving the object's own position.
 * Since 0.1.
 */
struct abio_seek_impl {
	struct abio_table_head head;
	/*
	 * Moves the position.  > 0: done, and the new position is stored; ABIO_PENDING:
	 * abio_object_complete follows, with the position as its value.
	 */
	int32_t (*start_seek)(void *user, uint64_t op, uint32_t whence, int64_t offset,
			uint64_t *position);
};

/*
 * Implementing read_at: reading at an offset, any number at once.
 * Since 0.1.
 */
struct abio_read_at_impl {
	struct abio_table_head head;
	/* As start_read, at `offset`. */
	int32_t (*start_read_at)(void *user, uint64_t op, void *data, uint32_t length,
			uint64_t offset);
};

/*
 * Implementing write_at: writing at an offset, any number at once.
 * Since 0.1.
 */
struct abio_write_at_impl {
	struct abio_table_head head;
	/* As start_write, at `offset`. */
	int32_t (*start_write_at)(void *user, uint64_t op, const void *data, uint32_t length,
			uint64_t offset);
};

/*
 * Implementing accept: handing out connections; one of both is required.
 * Since 0.1.
 */
struct abio_accept_impl {
	struct abio_table_head head;
	/*
	 * > 0: a connection, stored, which goes to whoever accepts; ABIO_WOULD_BLOCK: none now,
	 * abio_object_notify (READ) will follow.
	 */
	int32_t (*try_accept)(void *user, abio_io *accepted);
	/*
	 * > 0: a connection, stored; ABIO_PENDING: abio_object_complete follows, with the io as its
	 * value.
	 */
	int32_t (*start_accept)(void *user, uint64_t op, abio_io *accepted);
};

/* ---- functions ------------------------------------------------------------------------------- */

/*
 * abio_abi_info: tell which library this is
 *
 * Tells which library this is: version, the description's hash, and the number of this loaded copy.
 * Returns 0.
 *
 * Parameters:
 *   info  struct abio_abi, `size` set, to be filled; not NULL
 *
 * Errors:
 *   ABIO_E_ARGUMENT  `info` is NULL or of a size below its first release's or over 4096
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_abi_info(struct abio_abi *info);

/*
 * abio_error_name: symbolic name of a code
 *
 * The symbolic name of a code: "ABIO_E_BUSY", "ENOENT", "ABIO_WOULD_BLOCK".
 * Returns a static string, never NULL; "ABIO_UNKNOWN" for a code nobody knows.
 *
 * Parameters:
 *   code  any number a function returned or an event brought
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
const char *abio_error_name(int32_t code);

/*
 * abio_error_text: English phrase for a code
 *
 * One English phrase for a code, such as "No such file or directory".
 * Returns a static string, never NULL, without the current locale.
 *
 * Parameters:
 *   code  any number a function returned or an event brought
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
const char *abio_error_text(int32_t code);

/*
 * abio_error_kind: class of a code, the same on every platform
 *
 * The class of a code, ABIO_CLASS_*, the same on every platform: what a program switches on.
 * Returns ABIO_CLASS_NONE for a code >= 0.
 *
 * Parameters:
 *   code  any number a function returned or an event brought
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_error_kind(int32_t code);

/*
 * abio_clock: the clock that all times are measured on
 *
 * Stores the clock that all times of the library are measured on: CLOCK_MONOTONIC, in nanoseconds.
 * Returns 0.
 *
 * Parameters:
 *   now_ns  where the value is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_ARGUMENT  `now_ns` is NULL
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_clock(int64_t *now_ns);

/*
 * abio_driver_create: make a driver: an event queue with one descriptor to watch
 *
 * Makes a driver: an event queue over a backend, and one fd a host can watch.  Which backend it
 * has, and why, abio_driver_info tells.
 * The driver is the host's until abio_driver_close or abio_driver_abandon.
 * It is pinned to a thread later, by the first call that starts, polls or waits; creating it does
 * not pin.
 * Returns 0 and stores the driver.
 *
 * Parameters:
 *   options  struct abio_driver_options, `size` set, copied; may be NULL: all defaults
 *   driver   where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_TOO_NEW      a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT     `options` is of a size below its first release's or over 4096, or has a
 *                       flag that is not known; `driver` is NULL; a backend that is not known, or
 *                       more than 64 workers
 *   -ENOMEM             no memory
 *   -EMFILE             the process has no descriptor left (-ENFILE: the system)
 *   ABIO_E_UNSUPPORTED  io_uring was asked for, by the options or by ABIO_BACKEND in the
 *                       environment, and does not work here; or by the options together with
 *                       ABIO_DRIVER_MIGRATES
 *   -errno              any other error of the system
 *
 * Thread: any.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_create(const struct abio_driver_options *options, abio_driver *driver);

/*
 * abio_driver_fd: the descriptor that a host watches
 *
 * The one descriptor a host watches for reading, the same for the life of the driver.  It belongs
 * to the library: never read, write or close it.
 * It is readable whenever a poll has an event to give or work to submit; the host polls then, and
 * has nothing else to do before it sleeps.
 * After a poll that returned events it stays readable until a poll returns 0.
 * A host that watches it edge-triggered polls until 0, or makes the driver with ABIO_DRIVER_EDGE.
 * Returns the descriptor.
 *
 * Parameters:
 *   driver  the driver
 *
 * Errors:
 *   ABIO_E_FORKED  the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE  `driver` is not a live driver
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_fd(abio_driver driver);

/*
 * abio_driver_poll: submit, collect and take events, without blocking
 *
 * Submits what was started, collects what has finished, and fills `events`.  Never blocks.
 * `stride` is sizeof(struct abio_event) as the host knows it, at least 48 and a multiple of 8;
 * `capacity` the number of events that fit, at least 1.
 * Ends the life of every view handed out by the poll or wait before.
 * Returns the number of events filled; 0 means the host may sleep on the fd.
 *
 * Parameters:
 *   driver    the driver
 *   events    the first struct abio_event of the host's array; not NULL
 *   stride    bytes from one event to the next
 *   capacity  number of events that fit, at least 1
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_ARGUMENT      `events` is NULL, `stride` too small or no multiple of 8, `capacity` 0
 *   ABIO_E_REENTERED     called from inside a host-implemented slot
 *   -ENOMEM              the system has no memory to go on with; nothing is lost, poll again
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_poll(abio_driver driver, struct abio_event *events, uint32_t stride,
		uint32_t capacity);

/*
 * abio_driver_wait: take events, and sleep until there are some
 *
 * As abio_driver_poll, and when there is no event sleeps until there is one or `timeout_ns`
 * nanoseconds have passed (0: not at all, -1: for ever).  For hosts that have no loop of their own.
 * Signals do not end it early.  After abio_driver_shutdown it returns 0 as soon as nothing is left
 * to end.
 * Returns the number of events filled; 0 when the time is over, or at once when the driver is shut
 * down and nothing is left that could end.
 *
 * Parameters:
 *   driver      the driver
 *   events      the first struct abio_event of the host's array; not NULL
 *   stride      bytes from one event to the next
 *   capacity    number of events that fit, at least 1
 *   timeout_ns  nanoseconds; 0: do not wait, -1: for ever
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_ARGUMENT      `events` is NULL, `stride` too small or no multiple of 8, `capacity` 0; a
 *                        timeout below -1
 *   ABIO_E_REENTERED     called from inside a host-implemented slot
 *   -ENOMEM              the system has no memory to go on with; nothing is lost, poll again
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: blocks, for as long as it was asked to.
 * Since 0.1.
 */
int32_t abio_driver_wait(abio_driver driver, struct abio_event *events, uint32_t stride,
		uint32_t capacity, int64_t timeout_ns);

/*
 * abio_driver_submit: hand what was started to the system now
 *
 * Hands what was started to the system now instead of at the next poll.  Never needed; for a host
 * that starts an operation and then computes for long.
 * Returns 0.
 *
 * Parameters:
 *   driver  the driver
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_REENTERED     called from inside a host-implemented slot
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_submit(abio_driver driver);

/*
 * abio_driver_wake: make the driver's next poll return, from any thread
 *
 * Makes the driver's next poll return an event with ABIO_EVENT_WAKE, and its fd readable.  Any
 * number of wakes before that poll give one event.
 * May be called from any thread and from a signal handler.
 * Returns 0.
 *
 * Parameters:
 *   driver  the driver
 *
 * Errors:
 *   ABIO_E_FORKED  the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE  `driver` is not a live driver
 *
 * Thread: any.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_wake(abio_driver driver);

/*
 * abio_driver_doorbell: have a socket rung when the driver's fd becomes readable
 *
 * Has the library send a byte to the connected socket `fd` when the driver's fd becomes readable,
 * for a host whose loop can watch only sockets: it watches the other end.
 * Where the host can watch the driver's fd itself this is only slower: it costs a thread and three
 * descriptors of the driver's.
 * Told of a byte, the host first reads what bytes there are and then polls until 0, as an
 * edge-triggered host does; with ABIO_DRIVER_EDGE one poll for each time will do.
 * There is at most one byte from one poll to the next, and never an event to give without a byte
 * that was sent since the last poll began; the poll after a byte may give nothing.  What a full
 * socket does not take is dropped, and nothing is lost by it.  When the driver's fd is readable
 * already, the first byte comes at once.
 * Any stream or datagram socket will do that is connected and that the host writes nothing to.  The
 * library sends without waiting and without SIGPIPE whatever the socket's flags are, and forgets a
 * peer that is gone.
 * It uses a duplicate: `fd` stays the host's, who may close it at any time.  A socket given before
 * is let go, and so is the last one by abio_driver_close and abio_driver_abandon; with `fd` = -1
 * that is all.  The duplicate is closed soon after, by the thread that used it, and a byte on its
 * way may still come.
 * After an error everything is as it was.
 * Returns 0.
 *
 * Parameters:
 *   driver  the driver
 *   fd      a connected socket; -1: none
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `fd` is below -1
 *   -EBADF               `fd` is not a descriptor
 *   -ENOTSOCK            `fd` is not a socket
 *   -ENOTCONN            the socket is not connected
 *   -ENOMEM              no memory, or no room for a thread
 *   -EMFILE              the process has no descriptor left (-ENFILE: the system)
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_doorbell(abio_driver driver, int32_t fd, uint32_t flags);

/*
 * abio_driver_shutdown: refuse new work and end what is in flight
 *
 * Refuses new work from now on (ABIO_E_CLOSED), asks every operation in flight to end, and closes
 * every io.  Data still waiting in abio_put is dropped.
 * The terminal events come through poll and wait as always; when the last is delivered and the last
 * descriptor closed, abio_driver_close succeeds.
 * When the owner thread is dead, any thread may shut down, poll and close.
 * Returns the number of operations still in flight, the library's own included.
 *
 * Parameters:
 *   driver  the driver
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_shutdown(abio_driver driver);

/*
 * abio_driver_close: free an idle driver
 *
 * Frees an idle driver and closes the ios that are still open on it; their handles answer
 * ABIO_E_CLOSED until they are released.  Never blocks.
 * No event of this driver comes after it.  Worker threads that it had started end a moment later,
 * and the one descriptor they share with them.
 * Returns 0.
 *
 * Parameters:
 *   driver  the driver
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_BUSY          operations are in flight, events undelivered, an object that the host
 *                        implements is open, or a descriptor is still being closed by a worker:
 *                        shut down, poll until 0, and while it is busy sleep on the fd (or wait)
 *                        and poll again
 *   ABIO_E_REENTERED     called from inside a host-implemented slot
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_close(abio_driver driver);

/*
 * abio_driver_abandon: give a driver up at once, also in the child of a fork
 *
 * Gives the driver up at once.  Memory that the system may still write to is leaked on purpose, and
 * buffers of operations in flight must never be used again.  Events that are undelivered are
 * dropped.
 * For a process that is about to end, and for the child of a fork, where it closes the inherited
 * descriptors and touches nothing of the parent's.
 * Returns 0.
 *
 * Parameters:
 *   driver  the driver
 *
 * Errors:
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_REENTERED     called from inside a host-implemented slot
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_abandon(abio_driver driver);

/*
 * abio_driver_info: tell a driver's backend, why it was chosen, and what is going on
 *
 * Tells the backend, why it was chosen, and how much is going on.  The two counts are exact only on
 * the owner's thread.
 * Returns 0.
 *
 * Parameters:
 *   driver  the driver
 *   info    struct abio_driver_state, `size` set, to be filled; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED    the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE    `driver` is not a live driver
 *   ABIO_E_ARGUMENT  `info` is NULL or of a size below its first release's or over 4096
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_driver_info(abio_driver driver, struct abio_driver_state *info);

/*
 * abio_retain: add a reference to an io
 *
 * Adds a reference.
 * Returns 0.
 *
 * Parameters:
 *   io  the io
 *
 * Errors:
 *   ABIO_E_FORKED  the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE  `io` is not a live io
 *   ABIO_E_LIMIT   2^31 references
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Trait object, slot 0.  Since 0.1.
 */
int32_t abio_retain(abio_io io);

/*
 * abio_release: drop a reference to an io
 *
 * Drops a reference.  The last one ends the handle: operations in flight are cancelled (their
 * events still come), what abio_put holds is sent, then the object is closed.
 * From another thread than the driver's it only queues; the driver's thread finishes at its next
 * poll.
 * In the child of a fork it closes the child's copy of the descriptor and touches nothing else.
 * Returns 0.
 *
 * Parameters:
 *   io  the io
 *
 * Errors:
 *   ABIO_E_HANDLE  `io` is not a live io
 *
 * Thread: any.
 * Cost: may make system calls, never blocks.
 * Trait object, slot 1.  Since 0.1.
 */
int32_t abio_release(abio_io io);

/*
 * abio_close: close an io
 *
 * Closes the object.  From now on every call on it answers ABIO_E_CLOSED; operations in flight are
 * cancelled and end first, what abio_put holds is sent, then the descriptor is closed and the
 * terminal event comes.
 * Cancelling the close drops what abio_put holds and closes at once.  The handle itself lives until
 * abio_release.
 * The event's result is 0, the sticky error of abio_put, or what the system said on closing.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait object, slot 2.  Since 0.1.
 */
int32_t abio_close(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_cancel: ask operations in flight to end
 *
 * Asks every operation in flight under this driver, or on this io, that carries `token` to end.  A
 * request, not a result: each still ends in its one terminal event, with ABIO_E_CANCELED, or with
 * its own result if that came first; `progress` counts what was moved.  Until that event was
 * delivered the operation is in flight: its direction is taken, and a start there answers
 * ABIO_E_BUSY.
 * Opening, connecting, resolving and timers are cancelled through the driver.
 * Returns how many operations were asked; 0 when none was in flight, or all had been asked before.
 *
 * Parameters:
 *   handle  a driver or an io
 *   token   the one that the operations were started with
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `handle` is not a live driver or io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait object, slot 3.  Since 0.1.
 */
int32_t abio_cancel(uint64_t handle, uint64_t token);

/*
 * abio_query: ask for a trait of an io: what it can, and its table
 *
 * Tells whether an object has a trait, what it can do there, and gives the trait's table.
 * Returns 0.
 *
 * Parameters:
 *   io     the io
 *   trait  ABIO_TRAIT_*
 *   info   struct abio_trait_info, `size` set, to be filled; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `info` is NULL or of a size below its first release's or over 4096
 *   ABIO_E_UNSUPPORTED   the object does not have that trait, or nobody knows it
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait object, slot 4.  Since 0.1.
 */
int32_t abio_query(abio_io io, uint32_t trait, struct abio_trait_info *info);

/*
 * abio_info: tell what an io is
 *
 * Tells what an io is: its kind, descriptor, driver, and a socket's addresses.
 * Returns 0.
 *
 * Parameters:
 *   io    the io
 *   info  struct abio_io_info, `size` set, to be filled; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `info` is NULL or of a size below its first release's or over 4096
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait object, slot 5.  Since 0.1.
 */
int32_t abio_info(abio_io io, struct abio_io_info *info);

/*
 * abio_open: open a file
 *
 * Opens a file.  `path` is `length` bytes (1 to 4095) without a zero byte; a relative one is of the
 * directory that the process has when the system looks it up.
 * A regular file, block device or directory becomes an ABIO_KIND_FILE; a FIFO or character device
 * an ABIO_KIND_PIPE.  Its traits are those of the kind, whatever the access: a write to what was
 * opened for reading alone ends in -EBADF.  A FIFO opens at once: for reading without a writer, for
 * writing without a reader it fails with -ENXIO.
 * The event brings the io in `handle` (ABIO_EVENT_HANDLE), its result is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   driver   the driver
 *   path     `length` bytes to be read, copied; NULL only where that is 0
 *   length   in bytes
 *   options  struct abio_open_options, `size` set, copied; may be NULL: all defaults
 *   token    any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_TOO_NEW       a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT      `path` is NULL and `length` is not 0; `options` is of a size below its
 *                        first release's or over 4096, or has a flag that is not known; an empty or
 *                        too long path, or one with a zero byte; an access or mode that is not
 *                        known
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ENOENT             no such file or directory
 *   -EACCES             not permitted (-EPERM, -EROFS)
 *   -EEXIST             it is there already, and EXCLUSIVE was given
 *   -EISDIR             a directory, to be written
 *   -EMFILE             no descriptor left
 *   ABIO_E_UNSUPPORTED  a kind of file the library has no io for
 *   ABIO_E_CANCELED     cancelled, by abio_cancel, close, release or shutdown
 *   -errno              any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_open(abio_driver driver, const void *path, uint32_t length,
		const struct abio_open_options *options, uint64_t token);

/*
 * abio_connect: connect a stream socket
 *
 * Connects a stream socket to an IPv4, IPv6 or Unix address.
 * TCP_NODELAY is set unless ABIO_CONNECT_DELAY is given.
 * The event brings the io in `handle` (ABIO_EVENT_HANDLE), its result is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   driver   the driver
 *   address  struct abio_address, `size` set, copied; not NULL
 *   options  struct abio_connect_options, `size` set, copied; may be NULL: all defaults
 *   token    any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_TOO_NEW       a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT      `address` is NULL or of a size below its first release's or over 4096;
 *                        `options` is of a size below its first release's or over 4096, or has a
 *                        flag that is not known; a family or length that is not valid
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ECONNREFUSED    nobody listens there
 *   -ETIMEDOUT       no answer
 *   -ENETUNREACH     no way there (-EHOSTUNREACH)
 *   -ENOENT          no such Unix socket
 *   -EACCES          not permitted
 *   -EMFILE          no descriptor left
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_connect(abio_driver driver, const struct abio_address *address,
		const struct abio_connect_options *options, uint64_t token);

/*
 * abio_listen: make a listening socket
 *
 * Makes a listening socket bound to `address` (port 0: one the system picks, see abio_info).
 * SO_REUSEADDR is set on TCP.  A Unix path is created by it and is not removed on close.
 * Returns 0 and stores the io.
 *
 * Parameters:
 *   driver   the driver
 *   address  struct abio_address, `size` set, copied; not NULL
 *   options  struct abio_listen_options, `size` set, copied; may be NULL: all defaults
 *   io       where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_TOO_NEW       a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT      `address` is NULL or of a size below its first release's or over 4096;
 *                        `options` is of a size below its first release's or over 4096, or has a
 *                        flag that is not known; `io` is NULL; a family or length that is not valid
 *   -EADDRINUSE          the address is taken
 *   -EACCES              not permitted
 *   -EMFILE              no descriptor left
 *   -ENOMEM              no memory
 *   -EADDRNOTAVAIL       not an address of this machine
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_listen(abio_driver driver, const struct abio_address *address,
		const struct abio_listen_options *options, abio_io *io);

/*
 * abio_resolve: look up the addresses of a host name
 *
 * Looks up the addresses of a host name, on a worker thread; a numeric address needs none.  `name`
 * is `length` bytes, 0 to 255: an empty one is the loopback addresses, or with ABIO_RESOLVE_PASSIVE
 * the wildcard ones, which stand for all addresses of this machine.  `port` is put into every
 * address.
 * The event's result is the number of addresses, at most 32; it has ABIO_EVENT_VIEW, and `data` is
 * the first of that many struct abio_address, valid until the next poll or wait begins.
 * A cancelled look-up ends at once; its worker is left to finish alone.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   driver  the driver
 *   name    `length` bytes to be read, copied; NULL only where that is 0
 *   length  in bytes
 *   port    0 to 65535, host byte order
 *   flags   ABIO_RESOLVE_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `name` is NULL and `length` is not 0; `flags` has a bit that is not known;
 *                        a name that is too long or has a zero byte, a port over 65535
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_NAME_NOT_FOUND  the name is not known
 *   ABIO_E_NAME_AGAIN      a temporary failure
 *   ABIO_E_NAME_FAILED     a failure that will stay
 *   ABIO_E_NAME_FAMILY     no address of a family that was asked for
 *   ABIO_E_CANCELED        cancelled, by abio_cancel, close, release or shutdown
 *   -errno                 any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_resolve(abio_driver driver, const void *name, uint32_t length, uint32_t port,
		uint32_t flags, uint64_t token);

/*
 * abio_adopt: make an io of a descriptor the host has
 *
 * Makes an io of a descriptor the host has.  `kind` is ABIO_KIND_AUTO, or the kind it must be.
 * On success the descriptor belongs to the library, or with ABIO_ADOPT_DUPLICATE a duplicate does;
 * on failure nothing has changed.
 * What the descriptor shares with its duplicates, in other processes too, is put back when the io
 * is detached or closed, at its last release and with its driver, also of a duplicate: O_NONBLOCK,
 * where a pipe or terminal did not have it; and the position of a file, at which the io's cursor
 * begins and which becomes the cursor's again.  Descriptors that share one open file, such as
 * standard input and output of a terminal, belong on one driver, or get O_NONBLOCK from the host
 * beforehand.
 * A regular file, block device or directory becomes an ABIO_KIND_FILE, whatever it is the standard
 * input of; a terminal, pipe or character device such as /dev/null an ABIO_KIND_PIPE.
 * Returns 0 and stores the io.
 *
 * Parameters:
 *   driver  the driver
 *   fd      an open descriptor
 *   kind    ABIO_KIND_*
 *   flags   ABIO_ADOPT_* bits, or 0
 *   io      where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `io` is NULL; it is not of the kind
 *                        that was asked for
 *   -EBADF               not an open descriptor
 *   ABIO_E_UNSUPPORTED   a kind of descriptor the library has no io for
 *   -ENOMEM              no memory
 *   -EMFILE              with DUPLICATE: no descriptor left
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_adopt(abio_driver driver, int32_t fd, uint32_t kind, uint32_t flags, abio_io *io);

/*
 * abio_detach: take the descriptor back out of an io
 *
 * Takes the descriptor back out of an idle io.  The io is closed by it; the descriptor is the
 * host's, as it was before abio_adopt but for the position of a file.  One that the library made is
 * close-on-exec, and O_NONBLOCK unless it is a file's.
 * Returns 0 and stores the descriptor.
 *
 * Parameters:
 *   io  the io
 *   fd  where the value is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `fd` is NULL
 *   ABIO_E_BUSY          operations are in flight, abio_put has not sent everything, bytes were
 *                        read ahead, or an adapter holds it
 *   ABIO_E_UNSUPPORTED   it has no descriptor: an adapter, or implemented by the host
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_detach(abio_io io, int32_t *fd);

/*
 * abio_move: give an io to another driver
 *
 * Gives an idle io to another driver, of this thread or another: accept on one, serve on another.
 * On failure nothing has changed.  The old handle answers ABIO_E_CLOSED from now on and is released
 * by the host; the new one belongs to the other driver's thread and has one reference.
 * Returns 0 and stores the new handle.
 *
 * Parameters:
 *   io     the io
 *   to     the driver it goes to
 *   moved  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent; `to` was made before a
 *                        fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io; `to` is not a driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `moved` is NULL
 *   ABIO_E_BUSY          operations are in flight, abio_put has not sent everything, bytes were
 *                        read ahead, or an adapter holds it
 *   ABIO_E_UNSUPPORTED   it has no descriptor: an adapter, or implemented by the host
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_move(abio_io io, uint64_t to, abio_io *moved);

/*
 * abio_pipe: make a pipe
 *
 * Makes a pipe: what is written to `writer` is read from `reader`.
 * Returns 0 and stores both ios.
 *
 * Parameters:
 *   driver  the driver
 *   flags   0: there are no flags yet
 *   reader  where the handle is stored on success; not NULL
 *   writer  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `reader` is NULL; `writer` is NULL
 *   -EMFILE              no descriptor left
 *   -ENOMEM              no memory
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_pipe(abio_driver driver, uint32_t flags, abio_io *reader, abio_io *writer);

/*
 * abio_timer: get an event after some time
 *
 * Asks for an event after `after_ns` nanoseconds, never earlier.  Timers are behind the driver's fd
 * like everything else.  They are cancelled through the driver.
 * The event's result is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   driver    the driver
 *   after_ns  nanoseconds from now, at least 0
 *   flags     0: there are no flags yet
 *   token     any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; a negative time
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_timer(abio_driver driver, int64_t after_ns, uint32_t flags, uint64_t token);

/*
 * abio_ready: wait until an io is ready
 *
 * Waits until the object is ready for any of `interest` (at least one bit), holding no memory of
 * the host's.  Any number may wait at once.
 * The event's result is ABIO_READY_* bits, at least one.  Readiness is a hint: the try_ function
 * decides.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io        the io
 *   interest  ABIO_INTEREST_* bits
 *   flags     ABIO_START_* bits, or 0
 *   token     any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `interest` has a bit that is not known; `flags` has a bit that is not
 *                        known; no interest
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait ready, slot 0.  Since 0.1.
 */
int32_t abio_ready(abio_io io, uint32_t interest, uint32_t flags, uint64_t token);

/*
 * abio_ready_now: ask what an io is ready for, without waiting
 *
 * Asks what is ready at this moment, without waiting.
 * Returns ABIO_READY_* bits; 0 when nothing is.
 *
 * Parameters:
 *   io        the io
 *   interest  ABIO_INTEREST_* bits
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `interest` has a bit that is not known
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait ready, slot 1.  Since 0.1.
 */
int32_t abio_ready_now(abio_io io, uint32_t interest);

/*
 * abio_ready_fd: what a host may watch itself instead of waiting by abio_ready
 *
 * What a host may watch itself, level-triggered, instead of starting abio_ready: a descriptor and
 * the poll(2) bits (POLLIN, POLLOUT, POLLRDHUP) for `interest`.  The descriptor stays the
 * library's; stop watching before closing the io.
 * Returns 0.
 *
 * Parameters:
 *   io        the io
 *   interest  ABIO_INTEREST_* bits
 *   fd        where the value is stored on success; not NULL
 *   events    where the value is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `interest` has a bit that is not known; `fd` is NULL; `events` is NULL
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait ready, slot 2.  Since 0.1.
 */
int32_t abio_ready_fd(abio_io io, uint32_t interest, int32_t *fd, uint32_t *events);

/*
 * abio_try_read: read what is there now
 *
 * Reads what is there now, into memory that is borrowed for the call.
 * Returns the number of bytes; 0 at the end of the stream (or for length 0).
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, borrowed for the call; NULL only where that is 0
 *   length  in bytes
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known
 *   ABIO_WOULD_BLOCK     nothing to read now
 *   ABIO_E_BUSY          a read or receive is in flight
 *   -ECONNRESET          the peer broke the connection off
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait read, slot 0.  Since 0.1.
 */
int32_t abio_try_read(abio_io io, void *data, uint32_t length, uint32_t flags);

/*
 * abio_try_readv: read what is there now into several pieces of memory
 *
 * As abio_try_read, into several pieces of memory in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else into the first piece alone.  More than 1024 pieces are clamped to the
 * first 1024.
 * Returns the number of bytes; 0 at the end of the stream (or without room).
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is borrowed for the call;
 *           NULL only where the count is 0
 *   count   number of elements
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known
 *   ABIO_WOULD_BLOCK     nothing to read now
 *   ABIO_E_BUSY          a read or receive is in flight
 *   -ECONNRESET          the peer broke the connection off
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait read, slot 1.  Since 0.1.
 */
int32_t abio_try_readv(abio_io io, const struct abio_iovec *iovecs, uint32_t count, uint32_t flags);

/*
 * abio_read: read at least one byte
 *
 * Reads at least one byte and at most `length` (clamped to 0x7ffff000; on a file one operation
 * moves at most 1 MiB) into `data`, which belongs to the library from acceptance until the terminal
 * event is delivered.
 * The event's result and progress are the number of bytes; 0 at the end.  A length of 0 ends at
 * once with 0, which is then not the end.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ECONNRESET      the peer broke the connection off
 *   -EBADF           not open for reading
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read, slot 2.  Since 0.1.
 */
int32_t abio_read(abio_io io, void *data, uint32_t length, uint32_t flags, uint64_t token);

/*
 * abio_readv: read at least one byte into several pieces of memory
 *
 * As abio_read, into several pieces of memory in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else into the first piece alone.  The array is copied at start, only the
 * memory it points to is lent.  More than 1024 pieces are clamped to the first 1024.
 * The event's result and progress are the number of bytes; 0 at the end, or without room.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is lent to the library
 *           until the terminal event; NULL only where the count is 0
 *   count   number of elements
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read, slot 3.  Since 0.1.
 */
int32_t abio_readv(abio_io io, const struct abio_iovec *iovecs, uint32_t count, uint32_t flags,
		uint64_t token);

/*
 * abio_read_exact: read exactly as many bytes as asked for
 *
 * Reads exactly `length` bytes.  With ABIO_START_INLINE it returns ABIO_PENDING unless everything
 * was there at once.
 * The event's result is `length`; on any error and on cancel `progress` says how many bytes are in
 * `data`, and a new read_exact for the rest continues.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_UNEXPECTED_EOF  the stream ended first
 *   ABIO_E_CANCELED        cancelled, by abio_cancel, close, release or shutdown
 *   -errno                 any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read, slot 4.  Since 0.1.
 */
int32_t abio_read_exact(abio_io io, void *data, uint32_t length, uint32_t flags, uint64_t token);

/*
 * abio_try_write: write what fits now
 *
 * Writes what fits now, from memory that is borrowed for the call.  Never raises SIGPIPE.
 * Returns the number of bytes.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, borrowed for the call; NULL only where that is 0
 *   length  in bytes
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known
 *   ABIO_WOULD_BLOCK     no room now
 *   ABIO_E_BUSY          a write is in flight, or abio_put has not sent everything
 *   -EPIPE               nobody reads the other end; this or another error of an earlier abio_put
 *                        sticks
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait write, slot 0.  Since 0.1.
 */
int32_t abio_try_write(abio_io io, const void *data, uint32_t length, uint32_t flags);

/*
 * abio_try_writev: write what fits now from several pieces of memory
 *
 * As abio_try_write, from several pieces of memory in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else from the first piece alone.  More than 1024 pieces are clamped to the
 * first 1024.
 * Returns the number of bytes.
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is borrowed for the call;
 *           NULL only where the count is 0
 *   count   number of elements
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known; on a datagram
 *                        socket, more than 1024 pieces, for a message is never cut
 *   ABIO_WOULD_BLOCK     no room now
 *   ABIO_E_BUSY          a write is in flight, or abio_put has not sent everything
 *   -EPIPE               nobody reads the other end; this or another error of an earlier abio_put
 *                        sticks
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait write, slot 1.  Since 0.1.
 */
int32_t abio_try_writev(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
		uint32_t flags);

/*
 * abio_try_flush: ask whether everything that was put has reached the system
 *
 * Asks whether everything that abio_put took has reached the system.
 * Of a file everything always has.
 * Returns 0 when it has.
 *
 * Parameters:
 *   io  the io
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_WOULD_BLOCK     not everything yet
 *   -EPIPE               or another sticky error of abio_put
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait write, slot 2.  Since 0.1.
 */
int32_t abio_try_flush(abio_io io);

/*
 * abio_write: write at least one byte
 *
 * Writes at least one byte and at most `length` (clamped to 0x7ffff000; on a file one operation
 * moves at most 1 MiB) from `data`, which must not change until the terminal event is delivered.
 * What abio_put took before goes first.
 * The event's result and progress are the number of bytes.  Never raises SIGPIPE.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known
 *   ABIO_E_BUSY          a write is in flight on this io already; on a file also a read, for both
 *                        use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EPIPE           nobody reads the other end; this or another error of an earlier abio_put
 *                    sticks
 *   -ECONNRESET      the peer broke the connection off
 *   -ENOSPC          no space left
 *   -EBADF           not open for writing
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write, slot 3.  Since 0.1.
 */
int32_t abio_write(abio_io io, const void *data, uint32_t length, uint32_t flags, uint64_t token);

/*
 * abio_writev: write at least one byte from several pieces of memory
 *
 * As abio_write, from several pieces of memory in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else from the first piece alone.  The array is copied at start, only the
 * memory it points to is lent.  More than 1024 pieces are clamped to the first 1024.
 * The event's result and progress are the number of bytes.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is lent to the library
 *           until the terminal event; NULL only where the count is 0
 *   count   number of elements
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known; on a datagram
 *                        socket, more than 1024 pieces, for a message is never cut
 *   ABIO_E_BUSY          a write is in flight on this io already; on a file also a read, for both
 *                        use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EPIPE           nobody reads the other end; this or another error of an earlier abio_put
 *                    sticks
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write, slot 4.  Since 0.1.
 */
int32_t abio_writev(abio_io io, const struct abio_iovec *iovecs, uint32_t count, uint32_t flags,
		uint64_t token);

/*
 * abio_write_all: write all bytes
 *
 * Writes all `length` bytes.  With ABIO_START_INLINE it returns ABIO_PENDING unless everything
 * fitted at once.
 * The event's result is `length`; on any error and on cancel `progress` says how many bytes are
 * gone, and a new write_all of the rest continues.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known
 *   ABIO_E_BUSY          a write is in flight on this io already; on a file also a read, for both
 *                        use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_WRITE_ZERO  the system took nothing
 *   -EPIPE             nobody reads the other end; this or another error of an earlier abio_put
 *                      sticks
 *   ABIO_E_CANCELED    cancelled, by abio_cancel, close, release or shutdown
 *   -errno             any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write, slot 5.  Since 0.1.
 */
int32_t abio_write_all(abio_io io, const void *data, uint32_t length, uint32_t flags,
		uint64_t token);

/*
 * abio_flush: wait until everything that was put has reached the system
 *
 * Ends when everything that abio_put took before has reached the system; not durability, see
 * abio_sync.  Any number may wait.
 * The event's result is 0, or the sticky error of abio_put.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io     the io
 *   flags  ABIO_START_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write, slot 6.  Since 0.1.
 */
int32_t abio_flush(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_shutdown: flush and close the writing direction of a stream
 *
 * Flushes, then closes the writing direction: the peer reads the end of the stream, this side goes
 * on reading.  Writing afterwards fails with -EPIPE.  Harmless when done twice; on a pipe's writer
 * it closes nothing but flushes.
 * The event's result is 0, or an error.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a write is in flight on this io
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ENOTCONN        the peer is gone already
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait write, slot 7.  Since 0.1.
 */
int32_t abio_shutdown(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_receive: get a stream piece by piece, as it arrives
 *
 * Stays armed and delivers the stream as it arrives.  The bytes are the library's and valid until
 * the next poll or wait begins.  No memory is held while nothing arrives.
 * It is the stream's reader: other reads answer ABIO_E_BUSY meanwhile.  A cancel delivers first
 * what has arrived.  abio_receive_pause holds it back.
 * The event of each piece has ABIO_EVENT_MORE and ABIO_EVENT_VIEW, `data` and `result` saying where
 * and how much; its `progress` is all that has come so far.
 * The terminal event has result 0 at the end of the stream, else an error.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read or receive is already in flight on this io
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_read, slot 0.  Since 0.1.
 */
int32_t abio_receive(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_receive_pause: hold a receive back
 *
 * Stops a receive from taking more: what the library already took, at most one piece, still comes;
 * the rest waits in the system, so the peer feels it.
 * Returns 0; also when it is paused already.
 *
 * Parameters:
 *   io  the io
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      no receive is in flight
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_read, slot 1.  Since 0.1.
 */
int32_t abio_receive_pause(abio_io io);

/*
 * abio_receive_resume: let a paused receive go on
 *
 * Lets a paused receive go on.
 * Returns 0; also when it is not paused.
 *
 * Parameters:
 *   io  the io
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      no receive is in flight
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_read, slot 2.  Since 0.1.
 */
int32_t abio_receive_resume(abio_io io);

/*
 * abio_put: write a copy of some bytes at the next poll
 *
 * Copies bytes to be written.  All puts of a turn of the host's loop are written in one go, at the
 * next poll, wait or submit.  The memory is the host's again at return.  There is no event for
 * success: abio_flush drains, close flushes.  An error of the transport sticks: every later put,
 * flush and close reports it.
 * Returns the number of bytes taken: less than `length` when the high-water mark (256 KiB, or the
 * capacity of a buffered writer) is near.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, borrowed for the call; NULL only where that is 0
 *   length  in bytes
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0
 *   ABIO_WOULD_BLOCK     at the high-water mark: flush, then put again
 *   ABIO_E_BUSY          a reserve is in flight; of a buffered writer also a write
 *   -EPIPE               or another sticky error of an earlier put
 *   -ENOMEM              no memory; nothing was taken
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_write, slot 0.  Since 0.1.
 */
int32_t abio_put(abio_io io, const void *data, uint32_t length);

/*
 * abio_try_read_at: read at an offset what the system has in memory
 *
 * Reads at `offset` what the system has in memory, without waiting for a device.  A hint:
 * WOULD_BLOCK can come for no visible reason; then start abio_read_at.
 * Returns the number of bytes; 0 at or past the end.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, borrowed for the call; NULL only where that is 0
 *   length  in bytes
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known;
 *                        `offset` is over 2^63-1
 *   ABIO_WOULD_BLOCK     it would have to wait for the device
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait read_at, slot 0.  Since 0.1.
 */
int32_t abio_try_read_at(abio_io io, void *data, uint32_t length, uint64_t offset, uint32_t flags);

/*
 * abio_read_at: read at an offset
 *
 * Reads at most `length` bytes (at most 1 MiB in one operation) at `offset`, 0 to 2^63-1, into
 * `data`, which belongs to the library until the terminal event is delivered.
 * The event's result and progress are the number of bytes; 0 at or past the end.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known;
 *                        `offset` is over 2^63-1
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read_at, slot 1.  Since 0.1.
 */
int32_t abio_read_at(abio_io io, void *data, uint32_t length, uint64_t offset, uint32_t flags,
		uint64_t token);

/*
 * abio_read_at_exact: read exactly as many bytes as asked for, at an offset
 *
 * Reads exactly `length` bytes at `offset`.
 * The event's result is `length`; on error and cancel `progress` says how many bytes are in `data`.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known;
 *                        `offset`, or the end of what was asked for, is over 2^63-1
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_UNEXPECTED_EOF  the file ended first
 *   ABIO_E_CANCELED        cancelled, by abio_cancel, close, release or shutdown
 *   -errno                 any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read_at, slot 2.  Since 0.1.
 */
int32_t abio_read_at_exact(abio_io io, void *data, uint32_t length, uint64_t offset,
		uint32_t flags, uint64_t token);

/*
 * abio_readv_at: read at an offset into several pieces of memory
 *
 * As abio_read_at, into several pieces of memory in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else into the first piece alone.  The array is copied at start, only the
 * memory it points to is lent.  More than 1024 pieces are clamped to the first 1024.
 * The event's result and progress are the number of bytes; 0 at or past the end, or without room.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is lent to the library
 *           until the terminal event; NULL only where the count is 0
 *   count   number of elements
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known; `offset` is over
 *                        2^63-1
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read_at, slot 3.  Since 0.1.
 */
int32_t abio_readv_at(abio_io io, const struct abio_iovec *iovecs, uint32_t count, uint64_t offset,
		uint32_t flags, uint64_t token);

/*
 * abio_write_at: write at an offset
 *
 * Writes at most `length` bytes (at most 1 MiB in one operation) at `offset`, 0 to 2^63-1, from
 * `data`, which must not change until the terminal event is delivered.  A file opened with
 * ABIO_OPEN_APPEND ignores the offset.
 * The event's result and progress are the number of bytes.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known;
 *                        `offset` is over 2^63-1
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ENOSPC          no space left
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write_at, slot 0.  Since 0.1.
 */
int32_t abio_write_at(abio_io io, const void *data, uint32_t length, uint64_t offset,
		uint32_t flags, uint64_t token);

/*
 * abio_write_at_all: write all bytes at an offset
 *
 * Writes all `length` bytes at `offset`.
 * The event's result is `length`; on error and cancel `progress` says how many bytes are written.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `flags` has a bit that is not known;
 *                        `offset`, or the end of what was asked for, is over 2^63-1
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_WRITE_ZERO  the system took nothing
 *   -ENOSPC            no space left
 *   ABIO_E_CANCELED    cancelled, by abio_cancel, close, release or shutdown
 *   -errno             any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write_at, slot 1.  Since 0.1.
 */
int32_t abio_write_at_all(abio_io io, const void *data, uint32_t length, uint64_t offset,
		uint32_t flags, uint64_t token);

/*
 * abio_sync: make what was written to a file durable
 *
 * Makes what was written durable (fsync), or with ABIO_SYNC_DATA what is needed to read it back
 * (fdatasync).  It orders nothing: only writes whose terminal event has come before are covered.
 * The event's result is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  ABIO_SYNC_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EIO             the device failed; data may be lost
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait write_at, slot 2.  Since 0.1.
 */
int32_t abio_sync(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_try_accept: take a connection that is waiting
 *
 * Takes a connection that is waiting.
 * Returns 0 and stores the io.
 *
 * Parameters:
 *   io        the io
 *   flags     0: there are no flags yet
 *   accepted  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `accepted` is NULL
 *   ABIO_WOULD_BLOCK     no connection is waiting
 *   -EMFILE              no descriptor left; the connection keeps waiting
 *   -ENOMEM              no memory; the connection keeps waiting
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait accept, slot 0.  Since 0.1.
 */
int32_t abio_try_accept(abio_io io, uint32_t flags, abio_io *accepted);

/*
 * abio_accept: wait for a connection
 *
 * Waits for a connection.  Any number of accepts may wait; each takes one connection.
 * The event brings the io in `handle` (ABIO_EVENT_HANDLE), its result is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EMFILE          no descriptor left; the connection keeps waiting
 *   -ECONNABORTED    the connection was gone already
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait accept, slot 1.  Since 0.1.
 */
int32_t abio_accept(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_datagram: make a datagram socket
 *
 * Makes a datagram socket (UDP or Unix), bound to `local` unless that is NULL, and connected to
 * `peer` unless that is NULL: then it takes datagrams from there alone, and abio_write and
 * abio_send_to without an address go there.  One of the two is required; both are of one family.
 * Beside Datagram it has the traits Ready, Read, Write, OwnedRead and OwnedWrite, without their
 * exact and all forms: each transfer is one message, in the same line as abio_receive_from and
 * abio_send_to, and a transfer of length 0 moves none.  A read with ABIO_START_INLINE of a message
 * that is cut returns ABIO_PENDING, for only the event can say so.  A Unix path is created by
 * `local` and is not removed on close.
 * Returns 0 and stores the io.
 *
 * Parameters:
 *   driver  the driver
 *   local   struct abio_address, `size` set, copied; may be NULL: none
 *   peer    struct abio_address, `size` set, copied; may be NULL: none
 *   flags   ABIO_DATAGRAM_* bits, or 0
 *   io      where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_TOO_NEW       a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT      `local` is of a size below its first release's or over 4096; `peer` is of
 *                        a size below its first release's or over 4096; `flags` has a bit that is
 *                        not known; `io` is NULL; no address, two families, or a family or length
 *                        that is not valid
 *   -EADDRINUSE          the address is taken
 *   -EACCES              not permitted
 *   -EMFILE              no descriptor left
 *   -ENOMEM              no memory
 *   -ECONNREFUSED        nobody has the Unix address `peer` (-ENOENT)
 *   -EADDRNOTAVAIL       not an address of this machine
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_datagram(abio_driver driver, const struct abio_address *local,
		const struct abio_address *peer, uint32_t flags, abio_io *io);

/*
 * abio_buf_reader: put a buffer for reading in front of an io
 *
 * Gives BufRead to anything that reads: a new io with a buffer of `capacity` bytes (at most 2^30)
 * in front of `io`.  It has the traits Ready, Read, BufRead, OwnedRead, where `io` has it Seek, and
 * passes on Write and its kin.  Over a file a write goes where the file's own position is, which is
 * behind what was read ahead: seek before it.
 * It takes a reference on `io`, which nobody else should read from meanwhile: what was read ahead
 * is in the reader.  Releasing or closing the reader closes the reader and drops that reference.
 * Returns 0 and stores the new io.
 *
 * Parameters:
 *   io        the io
 *   capacity  bytes of its buffer, 0: 8192
 *   flags     0: there are no flags yet
 *   reader    where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `reader` is NULL; a capacity over
 *                        2^30
 *   ABIO_E_UNSUPPORTED   `io` does not read
 *   ABIO_E_LIMIT         64 adapters are on top of each other
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_buf_reader(abio_io io, uint32_t capacity, uint32_t flags, abio_io *reader);

/*
 * abio_buf_writer: put a buffer for writing in front of an io
 *
 * Gives BufWrite to anything that writes: a new io that collects what is written in a buffer of
 * `capacity` bytes (at most 2^30) and writes it to `io` when it is full or flushed.  It has the
 * traits Ready, Write, BufWrite, OwnedWrite, where `io` has it Seek, and passes on Read and its
 * kin.
 * It takes a reference on `io`.  Closing or releasing the writer flushes it first; a close says how
 * that went.
 * Returns 0 and stores the new io.
 *
 * Parameters:
 *   io        the io
 *   capacity  bytes of its buffer, 0: 8192
 *   flags     0: there are no flags yet
 *   writer    where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `writer` is NULL; a capacity over
 *                        2^30
 *   ABIO_E_UNSUPPORTED   `io` does not write
 *   ABIO_E_LIMIT         64 adapters are on top of each other
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_buf_writer(abio_io io, uint32_t capacity, uint32_t flags, abio_io *writer);

/*
 * abio_take: read at most so many bytes of an io
 *
 * A new io that reads at most `limit` bytes of `io` and is then at its end.  It never reads further
 * than that.  It takes a reference on `io`.
 * Returns 0 and stores the new io.
 *
 * Parameters:
 *   io     the io
 *   limit  in bytes
 *   flags  0: there are no flags yet
 *   taken  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `taken` is NULL
 *   ABIO_E_UNSUPPORTED   `io` does not read
 *   ABIO_E_LIMIT         64 adapters are on top of each other
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_take(abio_io io, uint64_t limit, uint32_t flags, abio_io *taken);

/*
 * abio_chain: read one io and then another
 *
 * A new io that reads `io` to its end and then `next`.  It takes a reference on both.
 * Returns 0 and stores the new io.
 *
 * Parameters:
 *   io       the io
 *   next     an io of the same driver
 *   flags    0: there are no flags yet
 *   chained  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `next` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io or `next` is closed or closing
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `chained` is NULL; `next` belongs to
 *                        another driver
 *   ABIO_E_UNSUPPORTED   one of them does not read
 *   ABIO_E_LIMIT         64 adapters are on top of each other
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_chain(abio_io io, abio_io next, uint32_t flags, abio_io *chained);

/*
 * abio_copy: copy from one io to another
 *
 * Copies from `io` to `sink` until the end or until `limit` bytes are written, by the kernel alone
 * where it can, through a buffer elsewhere.  It takes the reading direction of the one and the
 * writing direction of the other; `sink` is not flushed or closed.
 * The event's result and progress are the number of bytes written.  On error and cancel `progress`
 * is exact, and no byte is lost: what was read and not written is read again by the next read from
 * `io`, and a file's position is behind what was written.  abio_cancel finds it by the driver and
 * by `io`, not by `sink`.
 * The kernel copies from files alone: to files, and to pipes and sockets whose descriptors are
 * O_NONBLOCK, as those that the library made are.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   sink   an io of the same driver
 *   limit  most bytes to copy; 2^64-1: to the end
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `sink` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io or `sink` is closed or closing
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `sink` belongs to another driver, or
 *                        is `io`'s own file
 *   ABIO_E_BUSY          `io` has a read in flight, or `sink` a write; or one is a file with an
 *                        operation at its position
 *   ABIO_E_UNSUPPORTED   `io` does not read, or `sink` does not write
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_WRITE_ZERO  the sink took nothing
 *   ABIO_E_CANCELED    cancelled, by abio_cancel, close, release or shutdown
 *   -errno             any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_copy(abio_io io, abio_io sink, uint64_t limit, uint32_t flags, uint64_t token);

/*
 * abio_object_create: make an io that the host implements
 *
 * Makes an io that the host implements: `impls` are `count` pointers to abio_<trait>_impl tables,
 * one for each trait at most, which are copied.  It has the traits of its tables with all their
 * functions, beside them Ready, and where it reads or writes OwnedRead, OwnedWrite and BufWrite,
 * where it does both Split: the io works wherever a native one does.  BufRead without a table for
 * it, and abio_receive, are had by abio_buf_reader over it.  `user` is passed to every slot.
 * When it is closed, by abio_close, its last release or abio_driver_shutdown, an event with
 * ABIO_EVENT_RELEASED, `token` and `data` = `user` follows, exactly once: nothing is called any
 * more.  Until then abio_driver_close answers ABIO_E_BUSY, so that no `user` is lost; only
 * abio_driver_abandon gives it up silently.
 * Without try_ slots a read begins when somebody waits for readiness, of a few bytes that are read
 * first later; what abio_try_write is given is copied, as by abio_put, one such write at a time.
 * With them readiness is what abio_object_notify said last; an object that nobody has tried is
 * ready to write, and, unless it has the `interest` slot, to read.
 * The position (abio_stream_position) begins at 0, and moves by what is read and written and by
 * seeks.  It cannot be detached or moved.
 * Returns 0 and stores the io.
 *
 * Parameters:
 *   driver  the driver
 *   impls   `count` pointers to tables of the host's, copied; not NULL
 *   count   number of elements
 *   user    any pointer of the host, passed back; may be NULL
 *   token   any number; it comes back in the event that gives `user` back
 *   io      where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `impls` is NULL; `io` is NULL; no table; one that is NULL, of no trait
 *                        that hosts implement, twice, shorter than its head, or lacks what it
 *                        requires; a head whose versions or caps are not 0
 *   ABIO_E_TOO_NEW       a table has a slot this library does not know
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_object_create(abio_driver driver, const struct abio_table_head *const *impls,
		uint32_t count, void *user, uint64_t token, abio_io *io);

/*
 * abio_object_notify: tell that an object the host implements is ready
 *
 * The host tells that an object it implements is ready: what waits for that tries again at the next
 * poll.  The bits stay until a try_ slot of that direction answers ABIO_WOULD_BLOCK.  May be called
 * inside a slot, and while the object is closing: what abio_put took is still to be written.
 * Returns 0.
 *
 * Parameters:
 *   io         the io
 *   readiness  ABIO_READY_* bits
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_ARGUMENT      `readiness` has a bit that is not known
 *   ABIO_E_UNSUPPORTED   not an object that a host implements
 *   ABIO_E_CLOSED        it is closed: `user` is on its way home
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_object_notify(abio_io io, uint32_t readiness);

/*
 * abio_object_complete: end an operation of an object the host implements
 *
 * The host ends an operation that it answered with ABIO_PENDING: `result` > 0 for success (a
 * count), ABIO_HOST_EOF, or an error; 0 is ABIO_E_HOST.  May be called inside a slot, also inside
 * the one that is about to answer ABIO_PENDING, and when nobody holds the io any more.
 * Returns 0.
 *
 * Parameters:
 *   io      the io
 *   op      the operation, as the slot was given it
 *   result  what the slot would have returned
 *   value   the position of a seek, the io of an accept, else 0
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_ARGUMENT      no such operation, or a count larger than was asked for (it then ends with
 *                        ABIO_E_HOST)
 *   ABIO_E_CLOSED        its driver is closed
 *   ABIO_E_UNSUPPORTED   not an object that a host implements
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_object_complete(abio_io io, uint64_t op, int32_t result, uint64_t value);

/*
 * abio_buffer_alloc: make a buffer of the library's own memory
 *
 * Makes a buffer of the library's own memory, not initialised, on no driver.  A large capacity
 * costs nothing before it is filled: it serves as a limit.
 * Returns 0 and stores the buffer.
 *
 * Parameters:
 *   capacity   in bytes, 1 to 0x7ffff000
 *   alignment  a power of two up to 2^20; 0: 64
 *   flags      0: there are no flags yet
 *   buffer     where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_ARGUMENT  `flags` has a bit that is not known; `buffer` is NULL; a capacity or alignment
 *                    out of range
 *   -ENOMEM          no memory
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_alloc(uint32_t capacity, uint32_t alignment, uint32_t flags,
		abio_buffer *buffer);

/*
 * abio_buffer_wrap: make a buffer of the host's memory
 *
 * Makes a buffer of the host's memory, such as a part of a larger structure or an mmap.  It starts
 * with filled = 0 and initialized = capacity.
 * It is used with ios of this driver alone.  After the last abio_buffer_release, and when no
 * operation has it, an event of the driver with ABIO_EVENT_RELEASED, `token` and `data` = the
 * address gives it back.
 * Closing the driver ends its wrapped buffers: then their memory is the host's at once, without an
 * event, and their handles answer ABIO_E_CLOSED until they are released.
 * Returns 0 and stores the buffer.
 *
 * Parameters:
 *   driver    the driver
 *   data      `capacity` bytes to be filled, the library's until the event that releases it; NULL
 *             only where that is 0
 *   capacity  in bytes, 1 to 0x7ffff000
 *   flags     0: there are no flags yet
 *   token     any number; it comes back in the event that gives the memory back
 *   buffer    where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `data` is NULL and `capacity` is not 0; `flags` has a bit that is not
 *                        known; `buffer` is NULL; a capacity out of range
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_wrap(abio_driver driver, void *data, uint32_t capacity, uint32_t flags,
		uint64_t token, abio_buffer *buffer);

/*
 * abio_buffer_pool: make a driver's pool of buffers
 *
 * Makes the driver's pool of buffers, all at once; abio_buffer_draw takes from it and the last
 * abio_buffer_release gives back.  Once in the life of a driver.
 * Each begins at a multiple of `alignment`.  Buffers that are out when the driver is closed work
 * until they are released.
 * Returns 0.
 *
 * Parameters:
 *   driver     the driver
 *   count      buffers, 1 to 65536
 *   capacity   bytes of each, 1 to 2^30
 *   alignment  a power of two up to 2^20; 0: 16
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_BUSY          the driver has a pool already
 *   ABIO_E_ARGUMENT      a number out of range
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_pool(abio_driver driver, uint32_t count, uint32_t capacity, uint32_t alignment);

/*
 * abio_buffer_draw: take a buffer from the driver's pool
 *
 * Takes an empty buffer from the driver's pool: `filled` is 0, `initialized` as the last user left
 * it.
 * Returns 0 and stores the buffer.
 *
 * Parameters:
 *   driver  the driver
 *   buffer  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `driver` is not a live driver
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the driver is shut down
 *   ABIO_E_ARGUMENT      `buffer` is NULL
 *   ABIO_WOULD_BLOCK     all are out
 *   ABIO_E_UNSUPPORTED   the driver has no pool, see abio_buffer_pool
 *   -ENOMEM              no memory for another handle
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_draw(abio_driver driver, abio_buffer *buffer);

/*
 * abio_buffer_retain: add a reference to a buffer
 *
 * Adds a reference.
 * Returns 0.
 *
 * Parameters:
 *   buffer  the buffer
 *
 * Errors:
 *   ABIO_E_FORKED  the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE  `buffer` is not a live buffer
 *   ABIO_E_LIMIT   2^31 references
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_retain(abio_buffer buffer);

/*
 * abio_buffer_release: drop a reference to a buffer
 *
 * Drops a reference.  The last one ends the handle and frees the memory, gives it back to its pool,
 * or tells the host that it is the host's again.
 * While an operation has the buffer, that is done when its terminal event is delivered; the event
 * still names the handle, which has ended.
 * In the child of a fork it frees the child's copy.
 * Returns 0.
 *
 * Parameters:
 *   buffer  the buffer
 *
 * Errors:
 *   ABIO_E_HANDLE  `buffer` is not a live buffer
 *
 * Thread: any.
 * Cost: may make system calls, never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_release(abio_buffer buffer);

/*
 * abio_buffer_info: tell where a buffer's memory is and how far it is filled
 *
 * Tells where a buffer's memory is and how far it is filled.
 * Returns 0.
 *
 * Parameters:
 *   buffer  the buffer
 *   info    struct abio_buffer_state, `size` set, to be filled; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED    the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE    `buffer` is not a live buffer
 *   ABIO_E_ARGUMENT  `info` is NULL or of a size below its first release's or over 4096
 *   ABIO_E_CLOSED    a wrapped buffer whose driver is closed
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_info(abio_buffer buffer, struct abio_buffer_state *info);

/*
 * abio_buffer_set: say how far a buffer is filled
 *
 * Says how far a buffer is filled: after the host wrote to it, or to empty it.
 * Returns 0.
 *
 * Parameters:
 *   buffer       the buffer
 *   filled       bytes that hold data
 *   initialized  bytes that were ever written, at least `filled`
 *
 * Errors:
 *   ABIO_E_FORKED    the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE    `buffer` is not a live buffer
 *   ABIO_E_CLOSED    a wrapped buffer whose driver is closed
 *   ABIO_E_BUSY      an operation has it
 *   ABIO_E_ARGUMENT  filled <= initialized <= capacity does not hold
 *
 * Thread: any.
 * Cost: makes no system call, never blocks.
 * Since 0.1.
 */
int32_t abio_buffer_set(abio_buffer buffer, uint32_t filled, uint32_t initialized);

/*
 * abio_try_read_buf: read what is there now behind what a readbuf holds
 *
 * Reads what is there now behind what `buf` holds already, into memory that need not be
 * initialised, and moves `filled` and `initialized`.
 * Returns the number of bytes; 0 at the end of the stream (or without room).
 *
 * Parameters:
 *   io     the io
 *   buf    struct abio_readbuf, updated; the memory it points to is borrowed for the call; not NULL
 *   flags  0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buf` is NULL; `flags` has a bit that is not known; filled <= initialized
 *                        <= capacity does not hold, or there is capacity and `data` is NULL
 *   ABIO_WOULD_BLOCK     nothing to read now
 *   ABIO_E_BUSY          a read or receive is in flight
 *   -ECONNRESET          the peer broke the connection off
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait read, slot 5.  Since 0.1.
 */
int32_t abio_try_read_buf(abio_io io, struct abio_readbuf *buf, uint32_t flags);

/*
 * abio_try_read_bufv: read what is there now behind what several readbufs hold
 *
 * As abio_try_read_buf, into several in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else into the first alone.  More than 1024 are clamped to the first 1024.
 * Returns the number of bytes in all of them; 0 at the end of the stream (or without room).
 *
 * Parameters:
 *   io     the io
 *   bufs   `count` struct abio_readbuf, updated; NULL only where the count is 0
 *   count  number of elements
 *   flags  0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `bufs` is NULL and `count` is not 0; `flags` has a bit that is not known;
 *                        filled <= initialized <= capacity does not hold, or there is capacity and
 *                        `data` is NULL
 *   ABIO_WOULD_BLOCK     nothing to read now
 *   ABIO_E_BUSY          a read or receive is in flight
 *   -ENOMEM              no memory
 *   -ECONNRESET          the peer broke the connection off
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait read, slot 6.  Since 0.1.
 */
int32_t abio_try_read_bufv(abio_io io, struct abio_readbuf *bufs, uint32_t count, uint32_t flags);

/*
 * abio_read_buf: read at least one byte behind what a readbuf holds
 *
 * As abio_read, behind what `buf` holds already.  The struct is copied; what lies behind the bytes
 * that come is left as it was.
 * The event's result and progress are the number of bytes, which the host adds to `filled`, and
 * then raises `initialized` to at least that; 0 at the end, or without room.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io     the io
 *   buf    struct abio_readbuf, copied; the memory it points to is lent to the library until the
 *          terminal event; not NULL
 *   flags  ABIO_START_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buf` is NULL; `flags` has a bit that is not known; filled <= initialized
 *                        <= capacity does not hold, or there is capacity and `data` is NULL
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read, slot 7.  Since 0.1.
 */
int32_t abio_read_buf(abio_io io, const struct abio_readbuf *buf, uint32_t flags, uint64_t token);

/*
 * abio_read_bufv: read at least one byte behind what several readbufs hold
 *
 * As abio_read_buf, into several in turn, by one system call where the io has ABIO_CAP_VECTORED,
 * else into the first alone.  The array is copied at start.  More than 1024 are clamped to the
 * first 1024.
 * The event's result and progress are the number of bytes in all of them, which the host
 * distributes; 0 at the end, or without room.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io     the io
 *   bufs   `count` struct abio_readbuf, copied; the memory they point to is lent to the library
 *          until the terminal event; NULL only where the count is 0
 *   count  number of elements
 *   flags  ABIO_START_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `bufs` is NULL and `count` is not 0; `flags` has a bit that is not known;
 *                        filled <= initialized <= capacity does not hold, or there is capacity and
 *                        `data` is NULL
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read, slot 8.  Since 0.1.
 */
int32_t abio_read_bufv(abio_io io, const struct abio_readbuf *bufs, uint32_t count, uint32_t flags,
		uint64_t token);

/*
 * abio_read_buf_exact: fill all the room of a readbuf
 *
 * As abio_read_exact, filling all the room there is behind what `buf` holds already.  The struct is
 * copied.
 * The event's result is that room; `progress` says how much arrived, on error and cancel too, which
 * the host adds to `filled`.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io     the io
 *   buf    struct abio_readbuf, copied; the memory it points to is lent to the library until the
 *          terminal event; not NULL
 *   flags  ABIO_START_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buf` is NULL; `flags` has a bit that is not known; filled <= initialized
 *                        <= capacity does not hold, or there is capacity and `data` is NULL
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_UNEXPECTED_EOF  the stream ended first
 *   ABIO_E_CANCELED        cancelled, by abio_cancel, close, release or shutdown
 *   -errno                 any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait read, slot 9.  Since 0.1.
 */
int32_t abio_read_buf_exact(abio_io io, const struct abio_readbuf *buf, uint32_t flags,
		uint64_t token);

/*
 * abio_read_to_end: read to the end of a stream into a buffer
 *
 * Reads to the end of the stream, behind what `into` holds already.  The buffer's capacity is the
 * limit.  A buffer that is full waits for one byte more, to know whether this is the end; whoever
 * reads next is given that byte.
 * The event brings the buffer home (ABIO_EVENT_BUFFER); its result and progress are the number of
 * bytes read.  Cancelled or failed, it is continued by another.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   into   a buffer that is not lent; lent until the terminal event
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `into` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `into` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `into` wraps memory for another driver; `flags` has a bit that is not
 *                        known
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position; or the buffer is lent
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_LIMIT     the buffer is full and this is not the end; the bytes are in it
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait read, slot 10.  Since 0.1.
 */
int32_t abio_read_to_end(abio_io io, abio_buffer into, uint32_t flags, uint64_t token);

/*
 * abio_write_allv: write all bytes of several pieces of memory
 *
 * Writes all bytes of several pieces of memory in turn.  The array is copied at start, only the
 * memory it points to is lent.
 * The event's result is their sum; on error and cancel `progress` says how many bytes are gone.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is lent to the library
 *           until the terminal event; NULL only where the count is 0
 *   count   number of elements
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known; more than 1024
 *                        pieces, or more than 0x7ffff000 bytes
 *   ABIO_E_BUSY          a write is in flight on this io already; on a file also a read, for both
 *                        use its position
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_WRITE_ZERO  the system took nothing
 *   -EPIPE             nobody reads the other end; this or another error of an earlier abio_put
 *                      sticks
 *   ABIO_E_CANCELED    cancelled, by abio_cancel, close, release or shutdown
 *   -errno             any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write, slot 8.  Since 0.1.
 */
int32_t abio_write_allv(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
		uint32_t flags, uint64_t token);

/*
 * abio_try_fill_buf: show what there is to read now, without consuming it
 *
 * As abio_fill_buf, without waiting.
 * Returns the number of bytes and stores where they are; 0, and NULL, at the end of the stream.
 *
 * Parameters:
 *   io    the io
 *   data  where the value is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL
 *   ABIO_WOULD_BLOCK     nothing to read now
 *   ABIO_E_BUSY          a read or receive is in flight
 *   -ENOMEM              no memory
 *   -ECONNRESET          the peer broke the connection off
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait buf_read, slot 3.  Since 0.1.
 */
int32_t abio_try_fill_buf(abio_io io, const void **data);

/*
 * abio_consume: be done with bytes that a fill has shown
 *
 * The first `count` bytes of what abio_fill_buf gave are done with: the next read or fill begins
 * behind them.  The view ends with its last byte.
 * Returns 0.
 *
 * Parameters:
 *   io     the io
 *   count  bytes, at most as many as the last view had left
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      more than there is; nothing is consumed
 *   ABIO_E_BUSY          a read or receive is in flight
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait buf_read, slot 4.  Since 0.1.
 */
int32_t abio_consume(abio_io io, uint32_t count);

/*
 * abio_fill_buf: wait for something to read and show it, without consuming it
 *
 * Waits until there is something to read, and tells where it is.  Nothing is consumed: until
 * abio_consume another fill or read gives the same bytes.  While nothing is there no memory is
 * held.  With ABIO_START_INLINE the answer is how many bytes there are, and abio_try_fill_buf tells
 * where.
 * The view lives until its last byte is consumed, the next fill or read ends, or the io is released
 * or its driver closed; abio_close does not end it.
 * Cancelled, it loses nothing: what has arrived is there for the next.
 * The event has ABIO_EVENT_VIEW, `data` and `result` saying where and how much; 0 at the end of the
 * stream, without a view.  Its `progress` is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io     the io
 *   flags  ABIO_START_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read or receive is already in flight on this io
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait buf_read, slot 5.  Since 0.1.
 */
int32_t abio_fill_buf(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_read_until: read up to a byte, into a buffer
 *
 * Reads up to and with the next `byte`, or to the end of the stream, behind what `into` holds
 * already.  Cancelled or failed, it is continued by another.
 * The event brings the buffer home (ABIO_EVENT_BUFFER); its result and progress are the number of
 * bytes added: 0 at the end.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   byte   0 to 255
 *   into   a buffer that is not lent; lent until the terminal event
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `into` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `into` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `into` wraps memory for another driver; `flags` has a bit that is not
 *                        known; `byte` over 255
 *   ABIO_E_BUSY          a read or receive is already in flight on this io, or the buffer is lent
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_LIMIT     the buffer is full and the byte has not come; the bytes are in it
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_read, slot 6.  Since 0.1.
 */
int32_t abio_read_until(abio_io io, uint32_t byte, abio_buffer into, uint32_t flags,
		uint64_t token);

/*
 * abio_read_line: read a line into a buffer
 *
 * As abio_read_until of the byte 10: a line with its end, if it has one.
 * The event brings the buffer home (ABIO_EVENT_BUFFER); its result and progress are the number of
 * bytes added: 0 at the end.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   into   a buffer that is not lent; lent until the terminal event
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `into` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `into` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `into` wraps memory for another driver; `flags` has a bit that is not
 *                        known
 *   ABIO_E_BUSY          a read or receive is already in flight on this io, or the buffer is lent
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_LIMIT     the buffer is full and the line has not ended; the bytes are in it
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_read, slot 7.  Since 0.1.
 */
int32_t abio_read_line(abio_io io, abio_buffer into, uint32_t flags, uint64_t token);

/*
 * abio_has_data_left: wait until it is known whether a stream goes on
 *
 * Waits until it is known whether the stream goes on.  Nothing is consumed.
 * The event's result is 1 when there is data, 0 at the end.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io     the io
 *   flags  ABIO_START_* bits, or 0
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read or receive is already in flight on this io
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait buf_read, slot 8.  Since 0.1.
 */
int32_t abio_has_data_left(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_seek_relative: move the position of a buffered reader, within its buffer if it can
 *
 * Moves the position of a buffered reader over something that seeks, and keeps its buffer where the
 * new position lies in it.
 * The event's result is the new position.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   offset  in bytes from the next byte to be read
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query; what is underneath
 *                        does not seek
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read is in flight
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_ARGUMENT  before the start, or over 2^63-1; nothing has moved
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_read, slot 9.  Since 0.1.
 */
int32_t abio_seek_relative(abio_io io, int64_t offset, uint32_t flags, uint64_t token);

/*
 * abio_try_reserve: get memory of the library's to write to, if there is room now
 *
 * As abio_reserve, without waiting.
 * Returns how many bytes there are, at least `minimum`, and stores where.
 *
 * Parameters:
 *   io       the io
 *   minimum  bytes wanted, at least 1
 *   data     where the value is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL; a minimum of 0
 *   ABIO_WOULD_BLOCK     not as much room now
 *   ABIO_E_BUSY          a reserve or write is in flight
 *   ABIO_E_LIMIT         more than can ever be reserved: 256 KiB, or the capacity of a buffered
 *                        writer
 *   -EPIPE               or another sticky error of abio_put
 *   -ENOMEM              no memory
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait buf_write, slot 1.  Since 0.1.
 */
int32_t abio_try_reserve(abio_io io, uint32_t minimum, void **data);

/*
 * abio_commit: write what was put into reserved memory
 *
 * The first `count` reserved bytes are written, as by abio_put: they are sent at the next poll,
 * abio_flush drains them.  The reservation ends with it.
 * Returns 0.
 *
 * Parameters:
 *   io     the io
 *   count  bytes, at most as many as were reserved
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      more than was reserved; the reservation stands
 *   -EPIPE               or another sticky error of abio_put
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_write, slot 2.  Since 0.1.
 */
int32_t abio_commit(abio_io io, uint32_t count);

/*
 * abio_reserve: wait for memory of the library's to write to
 *
 * Waits for room and lends memory of the library's to be written to.  abio_commit makes it data;
 * what is not committed was never written.
 * The view lives until the next commit, reserve, put, write or flush, or until the io is released.
 * The event has ABIO_EVENT_VIEW, `data` and `result` (at least `minimum`) saying where and how
 * much.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io       the io
 *   minimum  bytes wanted, at least 1
 *   flags    0: there are no flags yet
 *   token    any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; a minimum of 0
 *   ABIO_E_BUSY          a reserve or write is in flight
 *   ABIO_E_LIMIT         more than can ever be reserved: 256 KiB, or the capacity of a buffered
 *                        writer
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EPIPE           or another sticky error of abio_put
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait buf_write, slot 3.  Since 0.1.
 */
int32_t abio_reserve(abio_io io, uint32_t minimum, uint32_t flags, uint64_t token);

/*
 * abio_writev_at: write at an offset from several pieces of memory
 *
 * As abio_write_at, from several pieces of memory in turn, by one system call where the io has
 * ABIO_CAP_VECTORED, else from the first piece alone.  The array is copied at start, only the
 * memory it points to is lent.  More than 1024 pieces are clamped to the first 1024.
 * The event's result and progress are the number of bytes.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 * With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), an error
 * (no event), or ABIO_PENDING: the event follows.
 *
 * Parameters:
 *   io      the io
 *   iovecs  `count` struct abio_iovec, copied; the memory they point to is lent to the library
 *           until the terminal event; NULL only where the count is 0
 *   count   number of elements
 *   offset  in bytes from the start, 0 to 2^63-1
 *   flags   ABIO_START_* bits, or 0
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `iovecs` is NULL and `count` is not 0; a piece's `base` is NULL and its
 *                        length is not 0; `flags` has a bit that is not known; `offset` is over
 *                        2^63-1
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ENOSPC          no space left
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the
 *   transfer; never blocks.
 * Trait write_at, slot 3.  Since 0.1.
 */
int32_t abio_writev_at(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
		uint64_t offset, uint32_t flags, uint64_t token);

/*
 * abio_read_owned: read at least one byte into a buffer
 *
 * Reads at least one byte behind what `buffer` holds already, and at most what fits.
 * The event brings the buffer home (ABIO_EVENT_BUFFER) in every outcome, with `filled` and
 * `initialized` moved.  Its result and progress are the number of bytes; 0 at the end, or without
 * room.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   buffer  a buffer that is not lent; lent until the terminal event
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `buffer` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `buffer` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buffer` wraps memory for another driver; `flags` has a bit that is not
 *                        known
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position; or the buffer is lent
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ECONNRESET      the peer broke the connection off
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait owned_read, slot 0.  Since 0.1.
 */
int32_t abio_read_owned(abio_io io, abio_buffer buffer, uint32_t flags, uint64_t token);

/*
 * abio_read_owned_exact: read exactly as many bytes as asked for into a buffer
 *
 * Reads exactly `length` bytes behind what `buffer` holds already.
 * The event brings the buffer home (ABIO_EVENT_BUFFER) in every outcome, with what arrived; its
 * result is `length`, `progress` what arrived.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   buffer  a buffer that is not lent; lent until the terminal event
 *   length  in bytes
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `buffer` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `buffer` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buffer` wraps memory for another driver; `flags` has a bit that is not
 *                        known
 *   ABIO_E_BUSY          a read or receive is in flight on this io already; on a file also a write,
 *                        for both use its position; or the buffer is lent
 *   ABIO_E_LIMIT         the buffer has less room than `length`
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_UNEXPECTED_EOF  the stream ended first
 *   ABIO_E_CANCELED        cancelled, by abio_cancel, close, release or shutdown
 *   -errno                 any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait owned_read, slot 1.  Since 0.1.
 */
int32_t abio_read_owned_exact(abio_io io, abio_buffer buffer, uint32_t length, uint32_t flags,
		uint64_t token);

/*
 * abio_write_owned: write at least one byte of a buffer
 *
 * Writes at least one byte of what `buffer` holds from `offset` on.
 * Where the kernel sends without a copy (io_uring, TCP, from 16 KiB on) the result comes first, in
 * an event with ABIO_EVENT_MORE, and the next write may start.  The terminal event, with the same
 * result, follows when the kernel needs the memory no more: when the peer has acknowledged it, or
 * the connection is given up.  Until then neither a cancel nor closing the io brings the buffer,
 * and abio_driver_close answers ABIO_E_BUSY.
 * The event brings the buffer home (ABIO_EVENT_BUFFER) in every outcome.  The result and progress
 * are the number of bytes.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   buffer  a buffer that is not lent; lent until the terminal event
 *   offset  where in the buffer to begin, at most `filled`
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `buffer` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `buffer` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buffer` wraps memory for another driver; `flags` has a bit that is not
 *                        known; an offset over `filled`
 *   ABIO_E_BUSY          a write is in flight on this io already; on a file also a read, for both
 *                        use its position; or the buffer is lent
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EPIPE           nobody reads the other end; this or another error of an earlier abio_put
 *                    sticks
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait owned_write, slot 0.  Since 0.1.
 */
int32_t abio_write_owned(abio_io io, abio_buffer buffer, uint32_t offset, uint32_t flags,
		uint64_t token);

/*
 * abio_write_owned_all: write all that a buffer holds
 *
 * Writes all that `buffer` holds from `offset` on, as abio_write_owned does.
 * The event brings the buffer home (ABIO_EVENT_BUFFER) in every outcome.  The result is the number
 * of bytes; on error and cancel `progress` says how many are gone.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   buffer  a buffer that is not lent; lent until the terminal event
 *   offset  where in the buffer to begin, at most `filled`
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` or `buffer` is not a live handle of its kind
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing, or `buffer` wraps memory for a driver that is
 *                        closed
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `buffer` wraps memory for another driver; `flags` has a bit that is not
 *                        known; an offset over `filled`
 *   ABIO_E_BUSY          a write is in flight on this io already; on a file also a read, for both
 *                        use its position; or the buffer is lent
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_WRITE_ZERO  the system took nothing
 *   -EPIPE             nobody reads the other end; this or another error of an earlier abio_put
 *                      sticks
 *   ABIO_E_CANCELED    cancelled, by abio_cancel, close, release or shutdown
 *   -errno             any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait owned_write, slot 1.  Since 0.1.
 */
int32_t abio_write_owned_all(abio_io io, abio_buffer buffer, uint32_t offset, uint32_t flags,
		uint64_t token);

/*
 * abio_seek: move the position of a handle
 *
 * Moves the position at which the handle reads and writes next.  Behind the end is allowed.  What
 * abio_put took is written first.  A cancelled seek has moved it or not, and the event says which.
 * The event's result is the new position.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   whence  ABIO_SEEK_*
 *   offset  in bytes from there
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known; `whence` is not one of ABIO_SEEK_*
 *   ABIO_E_BUSY          a read, write or seek that uses the position is in flight
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_ARGUMENT  the new position would be before the start or over 2^63-1; nothing has moved
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait seek, slot 0.  Since 0.1.
 */
int32_t abio_seek(abio_io io, uint32_t whence, int64_t offset, uint32_t flags, uint64_t token);

/*
 * abio_rewind: move the position of a handle to the start
 *
 * As abio_seek to the start.
 * The event's result is 0.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read, write or seek that uses the position is in flight
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait seek, slot 1.  Since 0.1.
 */
int32_t abio_rewind(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_stream_position: the position of a handle
 *
 * The position at which the handle reads and writes next, in bytes from the start; of a buffered
 * reader that of the next byte it gives.
 * Returns 0 and stores it.
 *
 * Parameters:
 *   io        the io
 *   position  where the value is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `position` is NULL
 *   ABIO_E_BUSY          a read, write or seek that uses the position is in flight
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait seek, slot 2.  Since 0.1.
 */
int32_t abio_stream_position(abio_io io, uint64_t *position);

/*
 * abio_stream_len: the length of what is behind a handle
 *
 * Asks for the length of what is behind the handle; the position is not moved.
 * The event's result is the length, in bytes.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io     the io
 *   flags  0: there are no flags yet
 *   token  any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `flags` has a bit that is not known
 *   ABIO_E_BUSY          a read, write or seek that uses the position is in flight
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait seek, slot 3.  Since 0.1.
 */
int32_t abio_stream_len(abio_io io, uint32_t flags, uint64_t token);

/*
 * abio_split: make two handles of a duplex io, one for each direction
 *
 * Two new ios on one duplex object: one that reads, one that writes.  Each takes a reference on
 * `io`, may be used while the other waits, and outlives the other and the handle `io`.  When the
 * writing half is closed or released it flushes and shuts writing down; cancelling the close ends
 * the wait for what others have put on `io` or are writing to it, and writing is not shut down
 * then.
 * Returns 0 and stores both.
 *
 * Parameters:
 *   io          the io
 *   read_half   where the handle is stored on success; not NULL
 *   write_half  where the handle is stored on success; not NULL
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `read_half` is NULL; `write_half` is NULL
 *   ABIO_E_LIMIT         64 adapters are on top of each other
 *   -ENOMEM              no memory
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait split, slot 0.  Since 0.1.
 */
int32_t abio_split(abio_io io, abio_io *read_half, abio_io *write_half);

/*
 * abio_try_receive_from: take a datagram that is there now
 *
 * Takes a datagram that is there now, and stores who sent it unless `from` is NULL.  What does not
 * fit is lost.
 * Returns its number of bytes, which may be 0.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, borrowed for the call; NULL only where that is 0
 *   length  in bytes
 *   from    struct abio_address, `size` set, to be filled, borrowed for the call; may be NULL
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `from` is of a size below its first
 *                        release's or over 4096; `flags` has a bit that is not known
 *   ABIO_WOULD_BLOCK     no datagram now
 *   ABIO_E_BUSY          others wait for one, and come first
 *   -ECONNREFUSED        an earlier datagram found nobody
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait datagram, slot 0.  Since 0.1.
 */
int32_t abio_try_receive_from(abio_io io, void *data, uint32_t length, struct abio_address *from,
		uint32_t flags);

/*
 * abio_receive_from: wait for a datagram
 *
 * Waits for a datagram, and stores who sent it unless `from` is NULL; `data` and `from` belong to
 * the library from acceptance until the terminal event is delivered.  Any number may wait; each
 * takes one, in the order they were started.
 * The event's result and progress are its number of bytes in `data`, which may be 0;
 * ABIO_EVENT_TRUNCATED when the rest did not fit and is lost.  A datagram that was taken is never
 * lost on cancel.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be filled, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   from    struct abio_address, `size` set, to be filled, lent to the library until the terminal
 *           event; may be NULL
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `from` is of a size below its first
 *                        release's or over 4096; `flags` has a bit that is not known
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -ECONNREFUSED    an earlier datagram found nobody
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait datagram, slot 1.  Since 0.1.
 */
int32_t abio_receive_from(abio_io io, void *data, uint32_t length, struct abio_address *from,
		uint32_t flags, uint64_t token);

/*
 * abio_try_send_to: send a datagram now
 *
 * Sends one datagram now; `to` may be NULL on a connected socket.
 * Returns the number of bytes.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, borrowed for the call; NULL only where that is 0
 *   length  in bytes
 *   to      struct abio_address, `size` set, copied; may be NULL: none
 *   flags   0: there are no flags yet
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_TOO_NEW       a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `to` is of a size below its first
 *                        release's or over 4096; `flags` has a bit that is not known; a family or
 *                        length that is not valid
 *   ABIO_WOULD_BLOCK     no room now
 *   ABIO_E_BUSY          others wait to be sent, and come first
 *   -EMSGSIZE            too long for one datagram
 *   -EDESTADDRREQ        no address, and not connected
 *   -ECONNREFUSED        an earlier datagram found nobody
 *   -errno               any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: may make system calls, never blocks.
 * Trait datagram, slot 2.  Since 0.1.
 */
int32_t abio_try_send_to(abio_io io, const void *data, uint32_t length,
		const struct abio_address *to, uint32_t flags);

/*
 * abio_send_to: send a datagram
 *
 * Sends one datagram; `to` may be NULL on a connected socket, and a length of 0 sends an empty one.
 * Any number may wait; they go out in the order they were started.
 * The event's result and progress are the number of bytes: all, a datagram is never cut.
 * Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory
 * untouched.
 *
 * Parameters:
 *   io      the io
 *   data    `length` bytes to be read, lent to the library until the terminal event; NULL only
 *           where that is 0
 *   length  in bytes
 *   to      struct abio_address, `size` set, copied; may be NULL: none
 *   flags   0: there are no flags yet
 *   token   any number; it comes back in the events
 *
 * Errors:
 *   ABIO_E_FORKED        the handle was made before a fork, by the parent
 *   ABIO_E_HANDLE        `io` is not a live io
 *   ABIO_E_WRONG_THREAD  the driver is pinned to another thread that is alive
 *   ABIO_E_CLOSED        the io is closed or closing
 *   ABIO_E_UNSUPPORTED   the object does not have this slot, see abio_query
 *   ABIO_E_TOO_NEW       a struct's unknown tail is not all zero
 *   ABIO_E_ARGUMENT      `data` is NULL and `length` is not 0; `to` is of a size below its first
 *                        release's or over 4096; `flags` has a bit that is not known; a family or
 *                        length that is not valid
 *   -ENOMEM              no memory
 *
 * Errors of the event:
 *   -EMSGSIZE        too long for one datagram
 *   -EDESTADDRREQ    no address, and not connected
 *   -ECONNREFUSED    an earlier datagram found nobody
 *   ABIO_E_CANCELED  cancelled, by abio_cancel, close, release or shutdown
 *   -errno           any other error of the system
 *
 * Thread: the driver's, which the first such call decides.
 * Cost: at most a signal to the driver's descriptor; never blocks.
 * Trait datagram, slot 3.  Since 0.1.
 */
int32_t abio_send_to(abio_io io, const void *data, uint32_t length, const struct abio_address *to,
		uint32_t flags, uint64_t token);

/* ---- tables ---------------------------------------------------------------------------------- */

/*
 * Trait object: What every io has.
 * Since 0.1.
 */
struct abio_object_ops {
	struct abio_table_head head;
	int32_t (*retain)(abio_io io);
	int32_t (*release)(abio_io io);
	int32_t (*close)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*cancel)(uint64_t handle, uint64_t token);
	int32_t (*query)(abio_io io, uint32_t trait, struct abio_trait_info *info);
	int32_t (*info)(abio_io io, struct abio_io_info *info);
};

/*
 * Trait ready: Waiting until an io is ready, without lending it memory.  Files do not have it: a
 * file is always 'ready' and reading it can still wait.
 * Since 0.1.
 */
struct abio_ready_ops {
	struct abio_table_head head;
	int32_t (*ready)(abio_io io, uint32_t interest, uint32_t flags, uint64_t token);
	int32_t (*ready_now)(abio_io io, uint32_t interest);
	int32_t (*ready_fd)(abio_io io, uint32_t interest, int32_t *fd, uint32_t *events);
};

/*
 * Trait read: Reading.  On a file the handle's own cursor is used and moved.
 * Since 0.1.
 */
struct abio_read_ops {
	struct abio_table_head head;
	int32_t (*try_read)(abio_io io, void *data, uint32_t length, uint32_t flags);
	int32_t (*try_readv)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags);
	int32_t (*read)(abio_io io, void *data, uint32_t length, uint32_t flags, uint64_t token);
	int32_t (*readv)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*read_exact)(abio_io io, void *data, uint32_t length, uint32_t flags,
			uint64_t token);
	int32_t (*try_read_buf)(abio_io io, struct abio_readbuf *buf, uint32_t flags);
	int32_t (*try_read_bufv)(abio_io io, struct abio_readbuf *bufs, uint32_t count,
			uint32_t flags);
	int32_t (*read_buf)(abio_io io, const struct abio_readbuf *buf, uint32_t flags,
			uint64_t token);
	int32_t (*read_bufv)(abio_io io, const struct abio_readbuf *bufs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*read_buf_exact)(abio_io io, const struct abio_readbuf *buf, uint32_t flags,
			uint64_t token);
	int32_t (*read_to_end)(abio_io io, abio_buffer into, uint32_t flags, uint64_t token);
};

/*
 * Trait write: Writing.  On a file the handle's own cursor is used and moved.
 * Since 0.1.
 */
struct abio_write_ops {
	struct abio_table_head head;
	int32_t (*try_write)(abio_io io, const void *data, uint32_t length, uint32_t flags);
	int32_t (*try_writev)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags);
	int32_t (*try_flush)(abio_io io);
	int32_t (*write)(abio_io io, const void *data, uint32_t length, uint32_t flags,
			uint64_t token);
	int32_t (*writev)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*write_all)(abio_io io, const void *data, uint32_t length, uint32_t flags,
			uint64_t token);
	int32_t (*flush)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*shutdown)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*write_allv)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags, uint64_t token);
};

/*
 * Trait buf_read: Reading through memory of the library: an idle stream holds none.
 * Since 0.1.
 */
struct abio_buf_read_ops {
	struct abio_table_head head;
	int32_t (*receive)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*receive_pause)(abio_io io);
	int32_t (*receive_resume)(abio_io io);
	int32_t (*try_fill_buf)(abio_io io, const void **data);
	int32_t (*consume)(abio_io io, uint32_t count);
	int32_t (*fill_buf)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*read_until)(abio_io io, uint32_t byte, abio_buffer into, uint32_t flags,
			uint64_t token);
	int32_t (*read_line)(abio_io io, abio_buffer into, uint32_t flags, uint64_t token);
	int32_t (*has_data_left)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*seek_relative)(abio_io io, int64_t offset, uint32_t flags, uint64_t token);
};

/*
 * Trait buf_write: Writing through memory of the library.
 * Since 0.1.
 */
struct abio_buf_write_ops {
	struct abio_table_head head;
	int32_t (*put)(abio_io io, const void *data, uint32_t length);
	int32_t (*try_reserve)(abio_io io, uint32_t minimum, void **data);
	int32_t (*commit)(abio_io io, uint32_t count);
	int32_t (*reserve)(abio_io io, uint32_t minimum, uint32_t flags, uint64_t token);
};

/*
 * Trait read_at: Reading at an offset; any number at once, the cursor is not involved.
 * Since 0.1.
 */
struct abio_read_at_ops {
	struct abio_table_head head;
	int32_t (*try_read_at)(abio_io io, void *data, uint32_t length, uint64_t offset,
			uint32_t flags);
	int32_t (*read_at)(abio_io io, void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*read_at_exact)(abio_io io, void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*readv_at)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint64_t offset, uint32_t flags, uint64_t token);
};

/*
 * Trait write_at: Writing at an offset; any number at once, the cursor is not involved.
 * Since 0.1.
 */
struct abio_write_at_ops {
	struct abio_table_head head;
	int32_t (*write_at)(abio_io io, const void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*write_at_all)(abio_io io, const void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*sync)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*writev_at)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint64_t offset, uint32_t flags, uint64_t token);
};

/*
 * Trait accept: Accepting connections; any number of accepts may wait.
 * Since 0.1.
 */
struct abio_accept_ops {
	struct abio_table_head head;
	int32_t (*try_accept)(abio_io io, uint32_t flags, abio_io *accepted);
	int32_t (*accept)(abio_io io, uint32_t flags, uint64_t token);
};

/*
 * Trait owned_read: Reading into a buffer that the library has until the event brings it home.
 * Since 0.1.
 */
struct abio_owned_read_ops {
	struct abio_table_head head;
	int32_t (*read_owned)(abio_io io, abio_buffer buffer, uint32_t flags, uint64_t token);
	int32_t (*read_owned_exact)(abio_io io, abio_buffer buffer, uint32_t length,
			uint32_t flags, uint64_t token);
};

/*
 * Trait owned_write: Writing from a buffer that the library has until the event brings it home;
 * what allows sending without a copy.
 * Since 0.1.
 */
struct abio_owned_write_ops {
	struct abio_table_head head;
	int32_t (*write_owned)(abio_io io, abio_buffer buffer, uint32_t offset, uint32_t flags,
			uint64_t token);
	int32_t (*write_owned_all)(abio_io io, abio_buffer buffer, uint32_t offset, uint32_t flags,
			uint64_t token);
};

/*
 * Trait seek: The cursor of a handle: where its next read or write begins.
 * Since 0.1.
 */
struct abio_seek_ops {
	struct abio_table_head head;
	int32_t (*seek)(abio_io io, uint32_t whence, int64_t offset, uint32_t flags,
			uint64_t token);
	int32_t (*rewind)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*stream_position)(abio_io io, uint64_t *position);
	int32_t (*stream_len)(abio_io io, uint32_t flags, uint64_t token);
};

/*
 * Trait split: Two handles on one duplex object, one for each direction.
 * Since 0.1.
 */
struct abio_split_ops {
	struct abio_table_head head;
	int32_t (*split)(abio_io io, abio_io *read_half, abio_io *write_half);
};

/*
 * Trait datagram: Messages: each read brings one, each write sends one.  Any number of operations
 * may wait in each direction.
 * Since 0.1.
 */
struct abio_datagram_ops {
	struct abio_table_head head;
	int32_t (*try_receive_from)(abio_io io, void *data, uint32_t length,
			struct abio_address *from, uint32_t flags);
	int32_t (*receive_from)(abio_io io, void *data, uint32_t length, struct abio_address *from,
			uint32_t flags, uint64_t token);
	int32_t (*try_send_to)(abio_io io, const void *data, uint32_t length,
			const struct abio_address *to, uint32_t flags);
	int32_t (*send_to)(abio_io io, const void *data, uint32_t length,
			const struct abio_address *to, uint32_t flags, uint64_t token);
};

/* The table of each trait: constant, valid for the life of the process, from any thread. */
const struct abio_object_ops *abio_object_table(void);
const struct abio_ready_ops *abio_ready_table(void);
const struct abio_read_ops *abio_read_table(void);
const struct abio_write_ops *abio_write_table(void);
const struct abio_buf_read_ops *abio_buf_read_table(void);
const struct abio_buf_write_ops *abio_buf_write_table(void);
const struct abio_read_at_ops *abio_read_at_table(void);
const struct abio_write_at_ops *abio_write_at_table(void);
const struct abio_accept_ops *abio_accept_table(void);
const struct abio_owned_read_ops *abio_owned_read_table(void);
const struct abio_owned_write_ops *abio_owned_write_table(void);
const struct abio_seek_ops *abio_seek_table(void);
const struct abio_split_ops *abio_split_table(void);
const struct abio_datagram_ops *abio_datagram_table(void);

/* Every function, for a host that looks up one symbol. */
struct abio_api_table {
	struct abio_table_head head;
	int32_t (*abi_info)(struct abio_abi *info);
	const char *(*error_name)(int32_t code);
	const char *(*error_text)(int32_t code);
	int32_t (*error_kind)(int32_t code);
	int32_t (*clock)(int64_t *now_ns);
	int32_t (*driver_create)(const struct abio_driver_options *options, abio_driver *driver);
	int32_t (*driver_fd)(abio_driver driver);
	int32_t (*driver_poll)(abio_driver driver, struct abio_event *events, uint32_t stride,
			uint32_t capacity);
	int32_t (*driver_wait)(abio_driver driver, struct abio_event *events, uint32_t stride,
			uint32_t capacity, int64_t timeout_ns);
	int32_t (*driver_submit)(abio_driver driver);
	int32_t (*driver_wake)(abio_driver driver);
	int32_t (*driver_doorbell)(abio_driver driver, int32_t fd, uint32_t flags);
	int32_t (*driver_shutdown)(abio_driver driver);
	int32_t (*driver_close)(abio_driver driver);
	int32_t (*driver_abandon)(abio_driver driver);
	int32_t (*driver_info)(abio_driver driver, struct abio_driver_state *info);
	int32_t (*retain)(abio_io io);
	int32_t (*release)(abio_io io);
	int32_t (*close)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*cancel)(uint64_t handle, uint64_t token);
	int32_t (*query)(abio_io io, uint32_t trait, struct abio_trait_info *info);
	int32_t (*info)(abio_io io, struct abio_io_info *info);
	int32_t (*open)(abio_driver driver, const void *path, uint32_t length,
			const struct abio_open_options *options, uint64_t token);
	int32_t (*connect)(abio_driver driver, const struct abio_address *address,
			const struct abio_connect_options *options, uint64_t token);
	int32_t (*listen)(abio_driver driver, const struct abio_address *address,
			const struct abio_listen_options *options, abio_io *io);
	int32_t (*resolve)(abio_driver driver, const void *name, uint32_t length, uint32_t port,
			uint32_t flags, uint64_t token);
	int32_t (*adopt)(abio_driver driver, int32_t fd, uint32_t kind, uint32_t flags,
			abio_io *io);
	int32_t (*detach)(abio_io io, int32_t *fd);
	int32_t (*move)(abio_io io, uint64_t to, abio_io *moved);
	int32_t (*pipe)(abio_driver driver, uint32_t flags, abio_io *reader, abio_io *writer);
	int32_t (*timer)(abio_driver driver, int64_t after_ns, uint32_t flags, uint64_t token);
	int32_t (*ready)(abio_io io, uint32_t interest, uint32_t flags, uint64_t token);
	int32_t (*ready_now)(abio_io io, uint32_t interest);
	int32_t (*ready_fd)(abio_io io, uint32_t interest, int32_t *fd, uint32_t *events);
	int32_t (*try_read)(abio_io io, void *data, uint32_t length, uint32_t flags);
	int32_t (*try_readv)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags);
	int32_t (*read)(abio_io io, void *data, uint32_t length, uint32_t flags, uint64_t token);
	int32_t (*readv)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*read_exact)(abio_io io, void *data, uint32_t length, uint32_t flags,
			uint64_t token);
	int32_t (*try_write)(abio_io io, const void *data, uint32_t length, uint32_t flags);
	int32_t (*try_writev)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags);
	int32_t (*try_flush)(abio_io io);
	int32_t (*write)(abio_io io, const void *data, uint32_t length, uint32_t flags,
			uint64_t token);
	int32_t (*writev)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*write_all)(abio_io io, const void *data, uint32_t length, uint32_t flags,
			uint64_t token);
	int32_t (*flush)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*shutdown)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*receive)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*receive_pause)(abio_io io);
	int32_t (*receive_resume)(abio_io io);
	int32_t (*put)(abio_io io, const void *data, uint32_t length);
	int32_t (*try_read_at)(abio_io io, void *data, uint32_t length, uint64_t offset,
			uint32_t flags);
	int32_t (*read_at)(abio_io io, void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*read_at_exact)(abio_io io, void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*readv_at)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint64_t offset, uint32_t flags, uint64_t token);
	int32_t (*write_at)(abio_io io, const void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*write_at_all)(abio_io io, const void *data, uint32_t length, uint64_t offset,
			uint32_t flags, uint64_t token);
	int32_t (*sync)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*try_accept)(abio_io io, uint32_t flags, abio_io *accepted);
	int32_t (*accept)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*datagram)(abio_driver driver, const struct abio_address *local,
			const struct abio_address *peer, uint32_t flags, abio_io *io);
	int32_t (*buf_reader)(abio_io io, uint32_t capacity, uint32_t flags, abio_io *reader);
	int32_t (*buf_writer)(abio_io io, uint32_t capacity, uint32_t flags, abio_io *writer);
	int32_t (*take)(abio_io io, uint64_t limit, uint32_t flags, abio_io *taken);
	int32_t (*chain)(abio_io io, abio_io next, uint32_t flags, abio_io *chained);
	int32_t (*copy)(abio_io io, abio_io sink, uint64_t limit, uint32_t flags, uint64_t token);
	int32_t (*object_create)(abio_driver driver, const struct abio_table_head *const *impls,
			uint32_t count, void *user, uint64_t token, abio_io *io);
	int32_t (*object_notify)(abio_io io, uint32_t readiness);
	int32_t (*object_complete)(abio_io io, uint64_t op, int32_t result, uint64_t value);
	int32_t (*buffer_alloc)(uint32_t capacity, uint32_t alignment, uint32_t flags,
			abio_buffer *buffer);
	int32_t (*buffer_wrap)(abio_driver driver, void *data, uint32_t capacity, uint32_t flags,
			uint64_t token, abio_buffer *buffer);
	int32_t (*buffer_pool)(abio_driver driver, uint32_t count, uint32_t capacity,
			uint32_t alignment);
	int32_t (*buffer_draw)(abio_driver driver, abio_buffer *buffer);
	int32_t (*buffer_retain)(abio_buffer buffer);
	int32_t (*buffer_release)(abio_buffer buffer);
	int32_t (*buffer_info)(abio_buffer buffer, struct abio_buffer_state *info);
	int32_t (*buffer_set)(abio_buffer buffer, uint32_t filled, uint32_t initialized);
	int32_t (*try_read_buf)(abio_io io, struct abio_readbuf *buf, uint32_t flags);
	int32_t (*try_read_bufv)(abio_io io, struct abio_readbuf *bufs, uint32_t count,
			uint32_t flags);
	int32_t (*read_buf)(abio_io io, const struct abio_readbuf *buf, uint32_t flags,
			uint64_t token);
	int32_t (*read_bufv)(abio_io io, const struct abio_readbuf *bufs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*read_buf_exact)(abio_io io, const struct abio_readbuf *buf, uint32_t flags,
			uint64_t token);
	int32_t (*read_to_end)(abio_io io, abio_buffer into, uint32_t flags, uint64_t token);
	int32_t (*write_allv)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint32_t flags, uint64_t token);
	int32_t (*try_fill_buf)(abio_io io, const void **data);
	int32_t (*consume)(abio_io io, uint32_t count);
	int32_t (*fill_buf)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*read_until)(abio_io io, uint32_t byte, abio_buffer into, uint32_t flags,
			uint64_t token);
	int32_t (*read_line)(abio_io io, abio_buffer into, uint32_t flags, uint64_t token);
	int32_t (*has_data_left)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*seek_relative)(abio_io io, int64_t offset, uint32_t flags, uint64_t token);
	int32_t (*try_reserve)(abio_io io, uint32_t minimum, void **data);
	int32_t (*commit)(abio_io io, uint32_t count);
	int32_t (*reserve)(abio_io io, uint32_t minimum, uint32_t flags, uint64_t token);
	int32_t (*writev_at)(abio_io io, const struct abio_iovec *iovecs, uint32_t count,
			uint64_t offset, uint32_t flags, uint64_t token);
	int32_t (*read_owned)(abio_io io, abio_buffer buffer, uint32_t flags, uint64_t token);
	int32_t (*read_owned_exact)(abio_io io, abio_buffer buffer, uint32_t length,
			uint32_t flags, uint64_t token);
	int32_t (*write_owned)(abio_io io, abio_buffer buffer, uint32_t offset, uint32_t flags,
			uint64_t token);
	int32_t (*write_owned_all)(abio_io io, abio_buffer buffer, uint32_t offset, uint32_t flags,
			uint64_t token);
	int32_t (*seek)(abio_io io, uint32_t whence, int64_t offset, uint32_t flags,
			uint64_t token);
	int32_t (*rewind)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*stream_position)(abio_io io, uint64_t *position);
	int32_t (*stream_len)(abio_io io, uint32_t flags, uint64_t token);
	int32_t (*split)(abio_io io, abio_io *read_half, abio_io *write_half);
	int32_t (*try_receive_from)(abio_io io, void *data, uint32_t length,
			struct abio_address *from, uint32_t flags);
	int32_t (*receive_from)(abio_io io, void *data, uint32_t length, struct abio_address *from,
			uint32_t flags, uint64_t token);
	int32_t (*try_send_to)(abio_io io, const void *data, uint32_t length,
			const struct abio_address *to, uint32_t flags);
	int32_t (*send_to)(abio_io io, const void *data, uint32_t length,
			const struct abio_address *to, uint32_t flags, uint64_t token);
	const struct abio_object_ops *(*object_table)(void);
	const struct abio_ready_ops *(*ready_table)(void);
	const struct abio_read_ops *(*read_table)(void);
	const struct abio_write_ops *(*write_table)(void);
	const struct abio_buf_read_ops *(*buf_read_table)(void);
	const struct abio_buf_write_ops *(*buf_write_table)(void);
	const struct abio_read_at_ops *(*read_at_table)(void);
	const struct abio_write_at_ops *(*write_at_table)(void);
	const struct abio_accept_ops *(*accept_table)(void);
	const struct abio_owned_read_ops *(*owned_read_table)(void);
	const struct abio_owned_write_ops *(*owned_write_table)(void);
	const struct abio_seek_ops *(*seek_table)(void);
	const struct abio_split_ops *(*split_table)(void);
	const struct abio_datagram_ops *(*datagram_table)(void);
};

/*
 * abio_api
 *
 * The root table of a major version: NULL for one this library does not know.
 * Thread: any.  Cost: makes no system call, never blocks.
 */
const struct abio_api_table *abio_api(uint32_t major);

#ifdef __cplusplus
}
#endif

#endif
