// Everything of JavaScript's may be collected, or end, while an operation is in flight.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import koffi from 'koffi';
import { Driver, load } from './abio.js';

const ROUNDS = 200;
const WORKERS = 10;
const ENDS = new URL('ends.js', import.meta.url);

export async function collectGarbage(check, library, generated) {
	const dropped = { libraries: 0, drivers: 0 };
	const registry = new FinalizationRegistry(what => dropped[what]++);
	const again = () => load(library, generated);

	const bare = [],
		held = [];
	for (let round = 0; round < ROUNDS; round++) {
		bare.push(await finishBare(again, startBare(again, registry)));
		held.push(await finishHeld(startHeld(again, registry)));
	}
	check('reads that lost their library', bare, Array(ROUNDS).fill('late'));
	check('reads that only the loop held', held, Array(ROUNDS).fill('late'));
	await collect();
	check('libraries were collected', dropped.libraries > ROUNDS, true);
	check('drivers were collected', dropped.drivers > ROUNDS / 2, true);

	const { status, signal } = spawnSync(
		process.execPath,
		[fileURLToPath(ENDS), library, generated, 'exits'],
		{ timeout: 60_000 },
	);
	check('a process that exits', [status, signal], [0, null]);
	const abio = again();
	for (let count = 0; count < WORKERS; count++) {
		check('a worker that exits', await endWorker(abio, library, generated, 'exits'), 0);
		check(
			'a worker terminated',
			await endWorker(abio, library, generated, 'terminated'),
			1,
		);
	}
}

// Scavenges and full collections, with turns of the loop for the finalizers.
async function collect() {
	for (let times = 0; times < 2; times++) {
		globalThis.gc({ type: 'minor' });
		globalThis.gc();
		await setImmediate();
	}
}

function pipe(abio, driver) {
	const ends = Buffer.alloc(16);
	abio.check(abio.pipe(driver, 0, ends, ends.subarray(8)));
	return [Number(ends.readBigUInt64LE(0)), Number(ends.readBigUInt64LE(8))];
}

// A read in flight of which nothing is left but numbers, and the memory: that has to be held.  So
// small a Buffer is on the heap that moves, until koffi asks for its address.
function startBare(again, registry) {
	const abio = again();
	registry.register(abio, 'libraries');
	const driver = abio.made(out => abio.driver_create(null, out));
	const [reader, writer] = pipe(abio, driver);
	const memory = Buffer.from(new Uint8Array(16).buffer);
	abio.check(abio.read(reader, memory, memory.length, 0, 7));
	const event = abio.struct('event');
	abio.check(abio.driver_poll(driver, event, event.length, 1));
	return { driver, writer, memory };
}

async function finishBare(again, { driver, writer, memory }) {
	await collect();
	const abio = again();
	const event = abio.struct('event');
	abio.check(abio.try_write(writer, Buffer.from('late'), 4, 0));
	abio.driver_wait(driver, event, event.length, 1, -1);
	const { result } = abio.fields('event', event);
	abio.driver_shutdown(driver);
	while (abio.driver_close(driver) === abio.E_BUSY)
		abio.driver_wait(driver, event, event.length, 1, -1);
	return memory.toString('latin1', 0, result);
}

// The same through a Driver, which nobody holds but the loop that watches for it, and memory that
// nobody holds but the Driver.
function startHeld(again, registry) {
	const abio = again();
	const driver = new Driver(abio);
	registry.register(driver, 'drivers');
	registry.register(abio, 'libraries');
	const [reader, writer] = pipe(abio, driver.id);
	const memory = Buffer.alloc(16);
	const address = koffi.address(memory);
	const text = driver.run('read', reader, memory, 16, 0).then(async ({ result }) => {
		const text = koffi.decode(address, 'char', result);
		await driver.close();
		return text;
	});
	const write = abio.try_write;
	return {
		text,
		memory: new WeakRef(memory),
		finish: () => write(writer, Buffer.from('late'), 4, 0),
	};
}

async function finishHeld({ text, memory, finish }) {
	await collect();
	const lost = !memory.deref();
	finish();
	return lost ? 'its memory was collected' : text;
}

// A driver whose thread is dead may be ended by any other.
async function endWorker(abio, library, generated, way) {
	const worker = new Worker(ENDS, { workerData: [library, generated, way] });
	const exit = once(worker, 'exit');
	const [driver] = await once(worker, 'message');
	if (way === 'terminated') worker.terminate();
	const [status] = await exit;
	const event = abio.struct('event');
	if (abio.driver_shutdown(driver) >= 0)
		while (abio.driver_close(driver) === abio.E_BUSY)
			abio.driver_wait(driver, event, event.length, 1, -1);
	return status;
}
