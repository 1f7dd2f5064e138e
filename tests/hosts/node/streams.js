// abio's ios as what Node's code expects: a Duplex for pipeline() and readline, and lines to
// `for await` over.

import { Duplex } from 'node:stream';
import koffi from 'koffi';

const CHUNK = 65536;

// Owns the io: destroying the stream, which ending it does too, closes and releases it.
export class IoStream extends Duplex {
	#abio;
	#driver;
	#io;

	constructor(abio, driver, io, options) {
		super({ ...options, decodeStrings: true });
		this.#abio = abio;
		this.#driver = driver;
		this.#io = io;
	}

	_read() {
		const chunk = Buffer.allocUnsafe(CHUNK);
		this.#driver.run('read', this.#io, chunk, chunk.length, 0).then(
			({ result }) => this.push(result > 0 ? chunk.subarray(0, result) : null),
			error => this.destroy(error),
		);
	}

	_write(chunk, _encoding, done) {
		this.#driver
			.run('write_all', this.#io, chunk, chunk.length, 0)
			.then(() => done(), done);
	}

	// The peer of a socket sees the end; a file has none to be seen.
	_final(done) {
		this.#driver.run('shutdown', this.#io, 0).then(
			() => done(),
			error => done(error.number === this.#abio.E_UNSUPPORTED ? null : error),
		);
	}

	_destroy(error, done) {
		const released = () => {
			this.#abio.release(this.#io);
			done(error);
		};
		this.#driver.run('close', this.#io, 0).then(released, released);
	}
}

// The lines of anything that reads, without their ends, by the library's own BufRead.  The bytes
// are in the library's memory and are copied out before the next line is read.
export async function* lines(abio, driver, io, longest = 1 << 20) {
	const reader = abio.made(out => abio.buf_reader(io, CHUNK, 0, out));
	const buffer = abio.made(out => abio.buffer_alloc(longest, 0, 0, out));
	const { data } = abio.filled('buffer_state', info => abio.buffer_info(buffer, info));
	try {
		for (;;) {
			abio.check(abio.buffer_set(buffer, 0, 0));
			const { result } = await driver.run('read_line', reader, buffer, 0);
			if (result === 0) return;
			const line = Buffer.from(koffi.decode(data, 'uint8_t', result));
			yield line.toString().replace(/\r?\n$/, '');
		}
	} finally {
		abio.buffer_release(buffer);
		abio.release(reader);
	}
}
