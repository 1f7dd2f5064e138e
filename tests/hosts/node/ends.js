// A process or a worker that ends while a read is in flight, in one of the ways there are.

import { parentPort, workerData } from 'node:worker_threads';
import { Driver, load } from './abio.js';
import { watchDoorbell, watchFd } from './watch.js';

const [library, generated, way] = workerData ?? process.argv.slice(2);
const abio = load(library, generated);
const driver = new Driver(abio, way === 'terminated' ? watchDoorbell : watchFd);
const ends = Buffer.alloc(16);
abio.check(abio.pipe(driver.id, 0, ends, ends.subarray(8)));
const reader = Number(ends.readBigUInt64LE());

if (way === 'terminated') {
	// Nothing of JavaScript runs at terminate(): only memory of the library's may be lent.
	const buffer = abio.made(out => abio.buffer_alloc(16, 0, 0, out));
	driver.run('read_owned', reader, buffer, 0).catch(() => {});
} else {
	// The driver's own handler of 'exit' ends the read before this Buffer goes.
	driver.run('read', reader, Buffer.alloc(16), 16, 0).catch(() => {});
}
parentPort?.postMessage(driver.id);
if (way === 'exits') setImmediate(() => process.exit(0));
