/*
 * One program that uses most of the library: files, pipes, TCP, put and receive, timers, names,
 * moving between two drivers, closing.  It goes on, or around, whatever fails, and keeps account:
 * every refusal and error it is told, every operation that was accepted and its one terminal event.
 *
 * What a library must not do in any weather (a second terminal event, one for nothing, a raw
 * EAGAIN, wrong bytes, no answer for long) ends the process by child_fail at once, but for silence,
 * which is noted: some faults excuse it.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "abio.h"
#include "child.h"

#define SCENARIO_TOKENS 128
#define SCENARIO_IOS    40

struct scenario {
	uint32_t backend;
	uint32_t flags;
	uint32_t patience_ms; /* how long silence is not yet noted */
	abio_driver drivers[2];
	abio_io ios[SCENARIO_IOS];
	uint32_t io_count;
	uint64_t next_token;
	struct {
		bool owed;
		bool done;
		struct abio_event event;
	} tokens[SCENARIO_TOKENS];
	uint32_t owed;
	uint64_t opening; /* the tokens whose events bring descriptors */
	uint64_t accepting;
	uint32_t errors; /* codes that said no */
	int32_t first_error;
	bool silent;
	uint64_t received; /* bytes that views brought */
	uint8_t text[256];
};

void scenario_run(struct scenario *scenario);
/*
 * Releases, shuts down, polls and closes, for as long as `tries` polls.  True when all is closed.
 */
bool scenario_clean(struct scenario *scenario, uint32_t tries);
/* What a program does that cannot close.  How many descriptors the system may still be opening. */
uint32_t scenario_abandon(struct scenario *scenario);

#endif
