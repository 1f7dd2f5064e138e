// The lines that a host program prints: one for each part, the checks counted.

import { isDeepStrictEqual } from 'node:util';

export class Report {
	passed = 0;
	failed = 0;

	// Runs `body(check)`; what it answers, if anything, is told after the `yes`.
	async part(name, body) {
		const before = this.failed;
		let how;
		try {
			how = await body((what, got, expected) =>
				this.check(`${name}, ${what}`, got, expected),
			);
			this.passed++;
		} catch (error) {
			this.fail(`${name}: expected no exception, got ${error.stack}`);
		}
		const failures = this.failed - before;
		if (failures > 0) console.log(`${name}: no: ${failures} checks failed`);
		else console.log(`${name}: yes${how ? `, ${how}` : ''}`);
	}

	check(what, got, expected) {
		if (isDeepStrictEqual(got, expected)) this.passed++;
		else this.fail(`${what}: expected ${brief(expected)}, got ${brief(got)}`);
	}

	fail(what) {
		this.failed++;
		console.error(`FAILED ${what}`);
	}

	end() {
		console.log(`${this.passed} passed, ${this.failed} failed`);
		process.exitCode = this.failed ? 1 : 0;
	}
}

function brief(value) {
	const text =
		typeof value === 'bigint'
			? String(value)
			: (JSON.stringify(value) ?? String(value));
	return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
