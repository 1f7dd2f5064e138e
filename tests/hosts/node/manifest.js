// Runs conformance.json: every function with every misuse, and the code it must answer.  Knows
// nothing of abio but how to call, and how handles are let go.

import { Worker } from 'node:worker_threads';
import koffi from 'koffi';

// One row's handles by name, and the memory of its calls, held until its drivers are closed.
class Scene {
	kept = new Map();
	named = new Map();
	memory = [];

	constructor(abio, manifest) {
		this.abio = abio;
		this.manifest = manifest;
	}

	// `using` makes the call: here, or in another thread.
	call(name, given, using = this.abio) {
		const made = [];
		const values = given.map(argument => this.argument(argument, made));
		const answer = using[name.replace('abio_', '')](...values);
		for (const [keep, memory] of made)
			this.kept.set(keep, Number(memory.readBigUInt64LE()));
		return answer;
	}

	argument(argument, made) {
		if (typeof argument === 'string') return this.kept.get(argument);
		if (typeof argument === 'number') return argument;
		if (argument.inside)
			return (
				koffi.address(this.named.get(argument.inside)) +
				BigInt(argument.offset)
			);
		const memory = Buffer.alloc(argument.memory);
		this.memory.push(memory);
		for (const [at, number] of argument.u32 ?? []) memory.writeUInt32LE(number, at);
		for (const [at, text] of argument.text ?? []) memory.write(text, at, 'latin1');
		for (const [at, inner] of argument.points ?? [])
			memory.writeBigUInt64LE(this.argument(inner, made), at);
		if (argument.keep) made.push([argument.keep, memory]);
		if (argument.as) this.named.set(argument.as, memory);
		return koffi.address(memory);
	}

	make(name) {
		if (this.kept.has(name)) return;
		const { needs, steps } = this.manifest.recipes[name];
		needs.forEach(need => this.make(need));
		for (const step of steps) {
			if (step.finish) {
				const { handle } = this.wait(
					this.kept.get(step.finish),
					step.token,
				);
				if (step.as) this.kept.set(step.as, handle);
			} else {
				this.abio.check(this.call(step.call, step.arguments));
			}
		}
	}

	wait(driver, token) {
		const memory = this.abio.struct('event');
		for (;;) {
			this.abio.check(
				this.abio.driver_wait(driver, memory, memory.length, 1, -1),
			);
			const event = this.abio.fields('event', memory);
			if (event.token !== token || event.flags & this.abio.EVENT_MORE) continue;
			this.abio.check(event.result);
			return event;
		}
	}

	end() {
		const { abio } = this;
		const event = abio.struct('event');
		const of = wanted =>
			[...this.kept]
				.filter(([name]) => this.manifest.kinds[name] === wanted)
				.map(([, handle]) => handle);
		for (const driver of of('driver')) {
			abio.driver_shutdown(driver);
			while (abio.driver_close(driver) === abio.E_BUSY)
				abio.driver_wait(driver, event, event.length, 1, -1);
		}
		const letGo = (release, handle) => {
			for (let times = 0; times < 8 && release(handle) >= 0; times++);
		};
		of('io').forEach(io => letGo(abio.release, io));
		of('buffer').forEach(buffer => letGo(abio.buffer_release, buffer));
	}
}

// Makes a call in a worker, where koffi is loaded a second time, and waits for its answer.
class Elsewhere {
	#answer = new Int32Array(new SharedArrayBuffer(8));
	#worker;

	constructor(library, generated) {
		const workerData = { library, generated, answer: this.#answer };
		this.#worker = new Worker(new URL('caller.js', import.meta.url), { workerData });
		return new Proxy(this, {
			get:
				(self, name) =>
				(...values) =>
					self.#call(name, values),
		});
	}

	#call(name, values) {
		if (name === 'end') return this.#worker.terminate();
		Atomics.store(this.#answer, 0, 0);
		this.#worker.postMessage([name, values]);
		Atomics.wait(this.#answer, 0, 0);
		return this.#answer[1];
	}
}

function difference(row, answer) {
	if (row.text !== undefined)
		return koffi.decode.string(answer) === row.text ? null : `'${row.text}'`;
	if (row.null) return answer === null ? null : 'NULL';
	if (row.head) {
		const [size, , trait] = koffi.decode(answer, 'uint32_t', 3);
		const { size: least, trait: wanted } = row.head;
		return size >= least && trait === wanted ? null : `a table of the trait ${wanted}`;
	}
	if ((answer === row.code) === row.refused) return null;
	return `${row.refused ? '' : 'anything but '}${row.code_name}`;
}

// Answers how many rows ran, what failed, and how many need a forked child.
export async function runManifest(abio, manifest, library, generated) {
	const elsewhere = new Elsewhere(library, generated);
	const failed = [];
	const rows = manifest.rows.filter(row => row.where !== 'child');
	for (const row of rows) {
		const scene = new Scene(abio, manifest);
		let wanted, answer;
		try {
			row.needs.forEach(name => scene.make(name));
			answer = scene.call(
				row.function,
				row.arguments,
				row.where === 'thread' ? elsewhere : abio,
			);
			wanted = difference(row, answer);
		} catch (error) {
			[wanted, answer] = ['an answer', error.message];
		}
		if (wanted)
			failed.push(
				`${row.function} ${row.case}: expected ${wanted}, got ${answer}`,
			);
		scene.end();
	}
	await elsewhere.end();
	return { ran: rows.length, failed, left: manifest.rows.length - rows.length };
}
