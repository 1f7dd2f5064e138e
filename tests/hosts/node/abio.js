// libabio for Node.js: every function by the one symbol `abio_api`, and a driver in Node's loop.
//
//   const abio = load('libabio.so.0', directory of abio.json and conformance.json);
//   const driver = new Driver(abio);
//   const { handle } = await driver.run('open', driver.id, path, path.length, null);
//
// Handles are Numbers (below 2^53), pointers BigInts.  A Buffer that is given to `run` is held
// until the operation's terminal event, for until then it is the library's.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { watchFd } from './watch.js';

const TYPES = { u64: 'uint64_t', u32: 'uint32_t', i64: 'int64_t', i32: 'int32_t', ptr: 'void *' };
const protos = new Map();
const READERS = {
	u16: (b, at) => b.readUInt16LE(at),
	u32: (b, at) => b.readUInt32LE(at),
	i32: (b, at) => b.readInt32LE(at),
	u64: (b, at) => Number(b.readBigUInt64LE(at)),
	i64: (b, at) => Number(b.readBigInt64LE(at)),
	ptr: (b, at) => b.readBigUInt64LE(at),
};

export class AbioError extends Error {
	constructor(abio, number, progress = 0) {
		super(koffi.decode.string(abio.error_text(number)));
		this.name = 'AbioError';
		this.number = number;
		this.code = koffi.decode.string(abio.error_name(number));
		this.progress = progress;
	}
}

// koffi keeps every type for ever, so each is made once.
function proto(result, types) {
	const key = [result, ...types].join();
	if (!protos.has(key))
		protos.set(
			key,
			koffi.proto(
				TYPES[result],
				types.map(type => TYPES[type]),
			),
		);
	return protos.get(key);
}

// The functions of the root table without their prefix, and what abio.json says of the structs.
class Library {
	constructor(path, { description, sha256 }, functions) {
		this.structs = new Map(description.structs.map(struct => [struct.name, struct]));
		for (const { prefix, values } of description.constants)
			for (const { name, number } of values)
				this[prefix.replace('ABIO_', '') + name] = number;

		const { major, minor } = description.abi;
		this.api = koffi.load(path).func('abio_api', 'void *', ['uint32_t']);
		const root = this.api(major);
		if (root === null) throw new Error(`${path} is not of the major version ${major}`);
		const size = koffi.decode(root, 'uint32_t');
		const version = koffi.decode(root, 4, 'uint16_t', 2);
		if (version[0] !== major || version[1] < minor)
			throw new Error(
				`${path} is ${version.join('.')}, needed is ${major}.${minor}`,
			);

		for (const [name, { offset, types, result }] of Object.entries(functions)) {
			if (offset === 0) continue;
			if (offset + 8 > size)
				throw new Error(`${path} is too old: it has no ${name}`);
			// The library stays loaded (it is linked nodelete), so a function pointer
			// outlives koffi's object for the library.
			this[name.replace('abio_', '')] = koffi.decode(
				koffi.decode(root, offset, 'void *'),
				proto(result, types),
			);
		}

		const abi = this.filled('abi', info => this.abi_info(info));
		const newer = abi.minor > minor || abi.patch > description.abi.patch;
		if (abi.hash.toString('hex') !== sha256 && !newer)
			throw new Error(
				`${path} was built from another description than abio.json`,
			);
		this.version = [abi.major, abi.minor, abi.patch].join('.');
	}

	check(number) {
		if (number < 0) throw new AbioError(this, number);
		return number;
	}

	// A struct with its size and these fields.
	struct(name, fields = {}) {
		const { size, fields: layout } = this.structs.get(name);
		const memory = Buffer.alloc(size);
		for (const { name, type, offset } of layout) {
			const value = name === 'size' ? size : fields[name];
			if (Buffer.isBuffer(value)) value.copy(memory, offset);
			else if (value !== undefined)
				memory.writeUIntLE(value, offset, Number(type.slice(1)) / 8);
		}
		return memory;
	}

	// The fields of a struct in memory; those that are memory themselves as Buffers.
	fields(name, memory) {
		const read = ({ type, offset, size }) =>
			READERS[type]?.(memory, offset) ?? memory.subarray(offset, offset + size);
		return Object.fromEntries(
			this.structs.get(name).fields.map(f => [f.name, read(f)]),
		);
	}

	// The fields of a struct that `fill` fills.
	filled(name, fill) {
		const memory = this.struct(name);
		this.check(fill(memory));
		return this.fields(name, memory);
	}

	// The handle that `make` stores.
	made(make) {
		const out = Buffer.alloc(8);
		this.check(make(out));
		return Number(out.readBigUInt64LE());
	}

	ipv4(port) {
		const data = Buffer.from([127, 0, 0, 1]);
		return this.struct('address', { family: this.FAMILY_IPV4, port, length: 4, data });
	}
}

export function load(path, generated) {
	const json = name => JSON.parse(readFileSync(join(generated, name), 'utf8'));
	return new Library(path, json('abio.json'), json('conformance.json').functions);
}

// A driver of this thread.  Its one pump is called by Node's loop when the driver's descriptor is
// readable, and settles the promises.  Operations in flight keep the loop alive, an idle driver
// does not.
export class Driver {
	#abio;
	#watch;
	#size;
	#events;
	#token = 0;
	unasked = 0; // events that nobody waited for: none, in a program without mistakes
	#pending = new Map();
	#closed = null;

	constructor(abio, watch = watchFd) {
		this.#abio = abio;
		this.#size = abio.structs.get('event').size;
		this.#events = Buffer.alloc(64 * this.#size);
		this.id = abio.made(out => abio.driver_create(null, out));
		this.#watch = watch(abio, this.id, () => this.#pump());
		this.#watch.unref();
		process.once('exit', this.#exit);
	}

	// Starts `name` with these arguments and awaits its terminal event.  What the operation has
	// moved stays moved when `signal` aborts: an operation that won all the same is a success.
	run(name, ...args) {
		return this.runUntil(undefined, name, ...args);
	}

	async runUntil(signal, name, ...args) {
		signal?.throwIfAborted();
		const token = ++this.#token;
		this.#abio.check(this.#abio[name](...args, token));
		if (this.#pending.size === 0) this.#watch.ref();
		const abort = () => this.#abio.cancel(this.id, token);
		signal?.addEventListener('abort', abort, { once: true });
		try {
			// `args` in the table is what keeps lent Buffers from the garbage collector.
			return await new Promise((resolve, reject) =>
				this.#pending.set(token, { resolve, reject, args }),
			);
		} catch (cause) {
			if (!signal?.aborted || cause.number !== this.#abio.E_CANCELED) throw cause;
			throw Object.assign(new Error('aborted', { cause }), {
				name: 'AbortError',
				code: 'ABORT_ERR',
			});
		} finally {
			signal?.removeEventListener('abort', abort);
		}
	}

	// Nothing may be thrown out of here: koffi would keep it from being seen.
	#pump() {
		const events = this.#events;
		let count;
		while ((count = this.#abio.driver_poll(this.id, events, this.#size, 64)) > 0)
			for (let at = 0; at < count * this.#size; at += this.#size)
				this.#settle(this.#abio.fields('event', events.subarray(at)));
		if (count < 0) process.nextTick(() => this.#abio.check(count));
		if (this.#closed) this.#finish();
	}

	#settle(event) {
		const pending = this.#pending.get(event.token);
		if (event.flags & this.#abio.EVENT_MORE) return;
		if (!pending) {
			this.unasked++;
			return;
		}
		this.#pending.delete(event.token);
		if (this.#pending.size === 0) this.#watch.unref();
		if (event.result < 0)
			pending.reject(new AbioError(this.#abio, event.result, event.progress));
		else pending.resolve(event);
	}

	// Cancels what is in flight; resolves when all of it has ended and the driver is gone.
	close() {
		return new Promise(resolve => {
			this.#closed = resolve;
			this.#abio.driver_shutdown(this.id);
			this.#pump();
		});
	}

	#finish() {
		// The loop must have let go of the descriptor before the driver closes it.
		this.#watch.pause();
		if (this.#abio.driver_close(this.id) === this.#abio.E_BUSY) {
			this.#watch.resume();
			this.#watch.ref();
			return;
		}
		this.#watch.close();
		process.off('exit', this.#exit);
		this.#closed();
	}

	// The process or the worker ends while operations are in flight: they must let go of the
	// memory before its isolate does, and Node must not call back into an isolate that ends.
	#exit = () => {
		this.#watch.close();
		this.#abio.driver_shutdown(this.id);
		while (this.#abio.driver_close(this.id) === this.#abio.E_BUSY)
			this.#abio.driver_wait(this.id, this.#events, this.#size, 64, -1);
	};
}
