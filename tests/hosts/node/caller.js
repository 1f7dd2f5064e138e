// A worker that makes the calls that manifest.js asks for.  Memory comes as addresses.

import { parentPort, workerData } from 'node:worker_threads';
import { load } from './abio.js';

const { library, generated, answer } = workerData;
const abio = load(library, generated);

parentPort.on('message', ([name, values]) => {
	answer[1] = abio[name](...values);
	Atomics.store(answer, 0, 1);
	Atomics.notify(answer, 0);
});
