// abio inside Node: `run LIBRARY GENERATED_DIR`.  Those who come from Node read files() and
// sockets() first.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { Driver, load } from './abio.js';
import { collectGarbage } from './gc.js';
import { runManifest } from './manifest.js';
import { Report } from './report.js';
import { IoStream, lines } from './streams.js';
import { watchDoorbell } from './watch.js';

const TEXT = Array.from({ length: 10_000 }, (_, n) => `line ${n}\n`).join('');
const [library, generated] = process.argv.slice(2);
let abio, driver;

async function open(name, options = {}) {
	const path = Buffer.from(name);
	const { handle } = await driver.run(
		'open',
		driver.id,
		path,
		path.length,
		abio.struct('open_options', options),
	);
	return handle;
}

async function connect(port) {
	const { handle } = await driver.run('connect', driver.id, abio.ipv4(port), null);
	return handle;
}

function listen() {
	const listener = abio.made(out => abio.listen(driver.id, abio.ipv4(0), null, out));
	const { local } = abio.filled('io_info', info => abio.info(listener, info));
	return { listener, port: abio.fields('address', local).port };
}

async function close(...handles) {
	for (const io of handles) {
		await driver.run('close', io, 0);
		abio.release(io);
	}
}

async function files(check) {
	const flags = abio.OPEN_CREATE | abio.OPEN_TRUNCATE;
	const sink = await open('numbers', { flags, access: abio.ACCESS_WRITE });
	await pipeline([TEXT], new IoStream(abio, driver, sink, { readable: false }));

	const file = await open('numbers');
	const chunk = Buffer.alloc(1000);
	const { result } = await driver.run('read_at', file, chunk, chunk.length, 4321, 0);
	check('by offset', chunk.toString('latin1', 0, result), TEXT.substring(4321, 5321));

	const read = [];
	for await (const line of lines(abio, driver, file)) read.push(line);
	check('by lines', `${read.join('\n')}\n`, TEXT);

	// The same by Node's readline, over a stream of Node's.
	await driver.run('rewind', file, 0);
	const input = new IoStream(abio, driver, file, { writable: false });
	const again = [];
	for await (const line of createInterface({ input })) again.push(line);
	check('by readline', again, read);
}

async function sockets(check) {
	const { listener, port } = listen();
	const stop = new AbortController();
	const server = serve(listener, stop.signal);

	const digests = await Promise.all(
		Array.from({ length: 8 }, async () => {
			const stream = new IoStream(abio, driver, await connect(port));
			stream.end('GET numbers\n');
			const hash = createHash('sha256');
			await pipeline(stream, hash);
			return hash.digest('hex');
		}),
	);
	const digest = createHash('sha256').update(TEXT).digest('hex');
	check('what eight clients got', digests, Array(8).fill(digest));
	stop.abort();
	check('connections served', await server, 8);
	await close(listener);
}

async function serve(listener, signal) {
	const answers = [];
	try {
		for (;;) {
			const { handle } = await driver.runUntil(signal, 'accept', listener, 0);
			answers.push(answer(handle));
		}
	} catch (error) {
		if (error.name !== 'AbortError') throw error;
	}
	return (await Promise.all(answers)).length;
}

async function answer(peer) {
	for await (const line of lines(abio, driver, peer)) {
		const file = await open(line.replace('GET ', ''));
		await driver.run('copy', file, peer, 2n ** 64n - 1n, 0);
		await driver.run('shutdown', peer, 0);
		await close(file, peer);
		return;
	}
}

// A read through abio ends because a timer and a socket of Node's own go on meanwhile.
async function ownLoop(check) {
	const order = [];
	const echo = createServer(socket => {
		order.push('Node accepted');
		socket.pipe(socket);
	}).listen(0, '127.0.0.1');
	await once(echo, 'listening');
	const [io] = await Promise.all([connect(echo.address().port), once(echo, 'connection')]);
	const stream = new IoStream(abio, driver, io);
	const read = once(stream, 'data').then(([data]) => order.push(`abio read ${data}`));
	await setTimeout(1);
	order.push('timer');
	stream.write('hello');
	await read;
	check('order', order, ['Node accepted', 'timer', 'abio read hello']);
	stream.end();
	await once(stream.resume(), 'close');
	echo.close();
}

async function cancel(check) {
	const { listener, port } = listen();
	const [peer, { handle: silent }] = await Promise.all([
		connect(port),
		driver.run('accept', listener, 0),
	]);
	const stop = new AbortController();
	const memory = Buffer.alloc(16);
	const read = driver.runUntil(stop.signal, 'read', silent, memory, memory.length, 0);
	queueMicrotask(() => stop.abort());
	const error = await read.catch(error => error);
	check('name', error.name, 'AbortError');
	check('terminal event', error.cause?.number, abio.E_CANCELED);
	check('bytes moved', error.cause?.progress, 0);

	const words = Buffer.from('nothing is lost');
	await driver.run('write_all', peer, words, words.length, 0);
	const { result } = await driver.run('read_exact', silent, memory, words.length, 0);
	check('the next read', memory.toString('latin1', 0, result), 'nothing is lost');
	await close(peer, silent, listener);
	check('events nobody asked for', driver.unasked, 0);
}

const report = new Report();
await report.part('loads', () => {
	abio = load(library, generated);
	return `libabio ${abio.version}`;
});
const manifest = JSON.parse(readFileSync(join(generated, 'conformance.json'), 'utf8'));
const { ran, failed, left } = await runManifest(abio, manifest, library, generated);
report.passed += ran - failed.length;
failed.forEach(what => report.fail(what));
console.log(
	`manifest: ${ran} rows run, ${failed.length} failed; left out: ${left} rows in a ` +
		'forked child (Node has no fork without exec)',
);

driver = new Driver(abio);
await report.part('files', files);
await report.part('sockets', sockets);
await report.part('own loop', async check => {
	await ownLoop(check);
	const first = driver;
	driver = new Driver(abio, watchDoorbell);
	await ownLoop(check);
	await driver.close();
	driver = first;
	return 'libuv’s uv_poll by koffi.node.poll, and a doorbell';
});
await report.part('cancel', cancel);
await driver.close();
await report.part('gc', check => collectGarbage(check, library, generated));
report.end();
