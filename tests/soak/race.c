/* Lending, ending and counting in a race: see race.h. */
#include "race.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CANARY       0xc5
#define PATIENCE_NS  60000000000
#define SMALL_BUFFER 4608
#define OUTCOMES_MIN 100u
#define TURNS_MAX    10u /* times the count, where a loaded machine lets nobody race */

bool race_fail(struct race *race, const char *word, const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (race->failed)
		return false;
	race->failed = true;
	atomic_store(&race->stop, true);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	soak_result(false, "%s %s seed=%llu: %s: %s", race->name, race->variant->name,
		    (unsigned long long)race->seed, word, text);
	return false;
}

static bool owned_by_kernel(const struct race *race)
{
	return race->variant->backend == ABIO_BACKEND_URING;
}

static bool all_canary(const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (data[i] != CANARY)
			return false;
	}
	return true;
}

struct race *race_open(const char *name, const struct variant *variant, uint64_t seed,
		       uint64_t count, bool small)
{
	struct race *race = calloc(1, sizeof(*race));
	int size = SMALL_BUFFER;
	int fds[2];

	if (race == NULL)
		return NULL;
	race->name = name;
	race->variant = variant;
	race->seed = seed;
	race->count = count;
	race->rng.state = seed;
	race->token = 1;
	memset(race->lent, CANARY, sizeof(race->lent));
	poison(race->lent, sizeof(race->lent));
	race->driver = variant_driver(variant, 0, 0);
	if (race->driver == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		race_fail(race, "refused", "no driver or no sockets");
		return race;
	}
	if (small)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	race->peer = fds[1];
	if (abio_adopt(race->driver, fds[0], ABIO_KIND_AUTO, 0, &race->io) < 0)
		race_fail(race, "refused", "no stream");
	return race;
}

bool race_goes_on(const struct race *race, bool partial_expected)
{
	uint64_t turns = race->won + race->canceled + race->partial;

	if (race->failed || turns >= race->count * TURNS_MAX)
		return false;
	return turns < race->count || race->won < OUTCOMES_MIN || race->canceled < OUTCOMES_MIN ||
	       (partial_expected && race->partial < OUTCOMES_MIN);
}

bool race_close(struct race *race, bool partial_expected)
{
	bool good;

	if (!race->failed) {
		abio_release(race->io);
		if (abio_driver_close(race->driver) < 0)
			race_fail(race, "event", "an idle driver does not close");
	}
	close(race->peer);
	if (atomic_load(&race->peer_failed))
		race_fail(race, "bytes", "the peer got other bytes");
	if (race->won == 0 || race->canceled == 0 || (partial_expected && race->partial == 0))
		race_fail(race, "event", "no race: %llu won, %llu canceled, %llu in part",
			  (unsigned long long)race->won, (unsigned long long)race->canceled,
			  (unsigned long long)race->partial);
	good = !race->failed;
	if (!good)
		return false; /* the kernel may still write to it */
	soak_result(true, "%s %s seed=%llu: %llu won, %llu canceled, %llu in part", race->name,
		    race->variant->name, (unsigned long long)race->seed,
		    (unsigned long long)race->won, (unsigned long long)race->canceled,
		    (unsigned long long)race->partial);
	unpoison(race->lent, sizeof(race->lent));
	free(race);
	return true;
}

uint8_t *race_lend(struct race *race, uint32_t length)
{
	struct lent *lent = &race->lent[race->next_lent];

	unpoison(lent, sizeof(*lent));
	/* Since it came home last. */
	if (!all_canary(lent->before, sizeof(*lent)))
		race_fail(race, "bytes", "written to after the terminal event");
	if (owned_by_kernel(race)) {
		poison(lent, sizeof(*lent));
	} else {
		poison(lent->before, LENT_GUARD);
		/* ASan knows eighths only: what follows the lent bytes in the last of them is left.
		 */
		length = (length + 7) / 8 * 8;
		poison(lent->data + length, LENT_MAX - length + LENT_GUARD);
	}
	return lent->data;
}

bool race_home(struct race *race, uint32_t length, uint64_t progress)
{
	struct lent *lent = &race->lent[race->next_lent];

	race->next_lent = (race->next_lent + 1) % LENT_COUNT;
	unpoison(lent, sizeof(*lent));
	if (progress > length)
		return race_fail(race, "event", "progress %llu of %u", (unsigned long long)progress,
				 length);
	if (!pattern_is(lent->data, progress, 1, race->moved))
		return race_fail(race, "bytes", "other bytes at %llu",
				 (unsigned long long)race->moved);
	race->moved += progress;
	if (!all_canary(lent->before, LENT_GUARD) ||
	    !all_canary(lent->data + progress, LENT_MAX - progress) ||
	    !all_canary(lent->behind, LENT_GUARD))
		return race_fail(race, "bytes", "written outside of what is reported");
	memset(lent->data, CANARY, progress);
	poison(lent, sizeof(*lent));
	return true;
}

bool race_event(struct race *race, struct abio_event *event)
{
	int32_t count = abio_driver_wait(race->driver, event, sizeof(*event), 1, PATIENCE_NS);

	if (count == 1)
		return true;
	return race_fail(race, "asleep", "no event after a minute: %d", count);
}

void race_spin(struct rng *rng, uint32_t most)
{
	uint32_t turns = rng_below(rng, most);

	for (volatile uint32_t i = 0; i < turns; i++)
		;
}

bool race_linger(struct race *race, struct abio_event *event)
{
	switch (rng_below(&race->rng, 4)) {
	case 0:
		return false;
	case 1:
		abio_driver_submit(race->driver);
		race_spin(&race->rng, 1000);
		return false;
	default:
		if (abio_driver_poll(race->driver, event, sizeof(*event), 1) > 0)
			return true;
		race_spin(&race->rng, 2000);
		return false;
	}
}

bool race_ended(struct race *race, const struct abio_event *event)
{
	if (event->token != race->token)
		return race_fail(race, "event", "a token that is not in flight: %llu for %llu",
				 (unsigned long long)event->token, (unsigned long long)race->token);
	race->token++;
	if (event->result >= 0)
		race->won++;
	else if (event->result != ABIO_E_CANCELED)
		return race_fail(race, "event", "ended with %s",
				 abio_error_name((int32_t)event->result));
	else if (event->progress > 0)
		race->partial++;
	else
		race->canceled++;
	return true;
}
