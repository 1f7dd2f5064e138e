// How Node's loop watches a driver's descriptor.  Each of these answers an object with pause,
// resume, ref, unref and close; whoever holds it keeps the watching alive.

import { Socket } from 'node:net';
import koffi from 'koffi';

// libuv's own uv_poll, on the loop of the thread that calls.  Fast, and not for a worker that may
// be terminated: koffi would call into it when it is gone.
export function watchFd(abio, driver, pump) {
	const handle = koffi.node.poll(abio.driver_fd(driver), pump);
	return {
		pause: () => handle.stop(),
		resume: () => handle.start(pump),
		ref: () => handle.ref(),
		unref: () => handle.unref(),
		close: () => handle.close(),
	};
}

// A socket of Node's that the library sends a byte to: for all that watches sockets and no more.
export function watchDoorbell(abio, driver, pump) {
	const [ours, rung] = socketpair();
	const socket = new Socket({ fd: ours, onread: { buffer: Buffer.alloc(64), callback } });
	abio.check(abio.driver_doorbell(driver, rung, 0));
	close(rung); // the library has its own
	function callback() {
		pump();
		return true;
	}
	return {
		pause() {},
		resume() {},
		ref: () => socket.ref(),
		unref: () => socket.unref(),
		close: () => socket.destroy(),
	};
}

const libc = koffi.load(null);
const close = libc.func('int close(int fd)');
const socketpairOf = libc.func(
	'int socketpair(int domain, int type, int protocol, _Out_ int *fds)',
);

function socketpair() {
	const AF_UNIX = 1,
		SOCK_STREAM = 1,
		SOCK_CLOEXEC = 0o2000000;
	const fds = [0, 0];
	if (socketpairOf(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		throw new Error(`socketpair: errno ${koffi.errno()}`);
	return fds;
}
