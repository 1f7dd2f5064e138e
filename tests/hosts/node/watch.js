// How Node's loop watches a driver's descriptor.  Each of these answers an object with pause,
// resume, ref, unref and close.

import koffi from 'koffi';

// libuv's own uv_poll, on the loop of the thread that calls.  koffi holds its handle weakly: the
// watching ends without a word when nobody holds the object that this answers.
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
