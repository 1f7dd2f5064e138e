/*
 * What goes on in a world beside the echo: timers, file reads, accepts, cancels, submits; all
 * started by the host outside of any poll, on a cold fd as often as on a hot one.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMER_MAX_NS 1500000u

static struct abio_address listener_address(const char *name)
{
	struct abio_address address = { .size = sizeof(address), .family = ABIO_FAMILY_UNIX };
	size_t length = strlen(name);

	address.length = (uint32_t)length + 1;
	memcpy(address.data + 1, name, length);
	return address;
}

static bool open_listener(struct world *world)
{
	static uint32_t number;
	struct abio_address address;

	snprintf(world->listener_name, sizeof(world->listener_name), "abio-soak-%d-%u", getpid(),
		 number++);
	address = listener_address(world->listener_name);
	return abio_listen(world->driver, &address, NULL, &world->listener) == 0;
}

static bool open_file(struct world *world)
{
	char path[] = "/tmp/abio-soak-XXXXXX";
	static uint8_t data[FILE_BYTES];
	int fd = mkstemp(path);
	bool written;

	if (fd < 0)
		return false;
	unlink(path);
	pattern_fill(data, FILE_BYTES, FILE_SERIAL, 0);
	written = write(fd, data, FILE_BYTES) == FILE_BYTES;
	if (written && abio_adopt(world->driver, fd, ABIO_KIND_FILE, 0, &world->file) == 0)
		return true;
	close(fd);
	return false;
}

bool extras_open(struct world *world)
{
	if (world->plan.calm)
		return true;
	return open_listener(world) && open_file(world);
}

static void check_accepted(struct world *world, const char *call, int32_t result)
{
	if (result < 0)
		world_fail(world, "refused", "%s: %s", call, abio_error_name(result));
}

void extras_accept(struct world *world)
{
	while (world->listener != 0 && world->accepts < ACCEPTS_MAX && !world->failed &&
	       !world->ending) {
		world->accepts++;
		world->asked++;
		check_accepted(world, "accept",
			       abio_accept(world->listener, 0, token_of(TOKEN_ACCEPT, 0)));
	}
}

static void start_timer(struct world *world)
{
	uint32_t index = rng_below(&world->rng, TIMERS_MAX);
	struct timer *timer = &world->timers[index];
	int64_t after = rng_one_in(&world->rng, 3) ? 0 : rng_below(&world->rng, TIMER_MAX_NS);

	if (timer->active) {
		timer->canceled = true;
		world->settled_cancels++;
		abio_cancel(world->driver, token_of(TOKEN_TIMER, index));
		return;
	}
	*timer = (struct timer){ .active = true, .deadline_ns = clock_ns() + after };
	check_accepted(world, "timer",
		       abio_timer(world->driver, after, 0, token_of(TOKEN_TIMER, index)));
}

static void start_file_read(struct world *world)
{
	uint32_t index = rng_below(&world->rng, FILES_MAX);
	struct file_read *read = &world->files[index];

	if (read->active) {
		read->canceled = true;
		world->settled_cancels++;
		abio_cancel(world->file, token_of(TOKEN_FILE, index));
		return;
	}
	read->active = true;
	read->canceled = false;
	read->offset = rng_below(&world->rng, FILE_BYTES);
	read->length = 1 + rng_below(&world->rng, sizeof(read->data));
	if (read->length > FILE_BYTES - read->offset)
		read->length = FILE_BYTES - read->offset;
	check_accepted(world, "read_at",
		       abio_read_at(world->file, read->data, read->length, read->offset, 0,
				    token_of(TOKEN_FILE, index)));
}

static void cancel_accepts(struct world *world)
{
	int32_t asked = abio_cancel(world->listener, token_of(TOKEN_ACCEPT, 0));

	if (asked < 0)
		check_accepted(world, "cancel", asked);
	else
		world->settled_cancels += (uint32_t)asked;
}

void extras_act(struct world *world)
{
	uint32_t count = rng_below(&world->rng, 4);

	if (world->plan.calm)
		return;
	for (uint32_t i = 0; i < count && !world->failed; i++) {
		world->asked++;
		switch (rng_below(&world->rng, 8)) {
		case 0:
		case 1:
			start_timer(world);
			break;
		case 2:
			start_file_read(world);
			break;
		case 3:
			cancel_accepts(world);
			break;
		case 4:
			check_accepted(world, "submit", abio_driver_submit(world->driver));
			break;
		default:
			stream_extra(&world->streams[rng_below(&world->rng, world->plan.streams)]);
			break;
		}
	}
}

/* Something of each kind that ends by itself, for a host that then does nothing but sleep. */
void extras_begin(struct world *world)
{
	if (world->plan.calm)
		return;
	for (uint32_t i = 0; i < 4 && !world->failed; i++) {
		world->asked += 2;
		start_timer(world);
		start_file_read(world);
	}
}

/* A paused stream takes nothing: the host must not sleep for what it has refused itself. */
void extras_before_sleep(struct world *world)
{
	for (uint32_t i = 0; i < world->plan.streams; i++)
		stream_resume(&world->streams[i]);
}

/* What ends without anybody else's doing. */
bool extras_under_way(const struct world *world)
{
	uint32_t count = world->guest_count;

	for (uint32_t i = 0; i < TIMERS_MAX; i++)
		count += world->timers[i].active;
	for (uint32_t i = 0; i < FILES_MAX; i++)
		count += world->files[i].active;
	return count > 0;
}

bool extras_busy(const struct world *world)
{
	return world->accepts > 0 || extras_under_way(world);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static bool fair_end(const struct world *world, const struct abio_event *event, bool canceled)
{
	return event->result >= 0 ||
	       (event->result == ABIO_E_CANCELED && (canceled || world->ending));
}

static void timer_ended(struct world *world, struct timer *timer, const struct abio_event *event)
{
	if (!timer->active || !fair_end(world, event, timer->canceled) || event->result > 0)
		world_fail(world, "event", "a timer ended with %lld", (long long)event->result);
	else if (event->result == 0 && clock_ns() < timer->deadline_ns)
		world_fail(world, "event", "a timer was early");
	timer->active = false;
}

static void file_ended(struct world *world, struct file_read *read, const struct abio_event *event)
{
	if (!read->active || !fair_end(world, event, read->canceled))
		world_fail(world, "event", "a file read ended with %lld", (long long)event->result);
	else if (event->result >= 0 && event->result != read->length)
		world_fail(world, "event", "a file read was short");
	else if (event->result >= 0 &&
		 !pattern_is(read->data, read->length, FILE_SERIAL, read->offset))
		world_fail(world, "bytes", "a file read brought other bytes");
	read->active = false;
}

static uint32_t seat(struct world *world)
{
	for (uint32_t i = 0; i < GUESTS_MAX; i++) {
		if (world->guests[i] == 0)
			return i;
	}
	return GUESTS_MAX;
}

static void accept_ended(struct world *world, const struct abio_event *event)
{
	uint32_t index = seat(world);

	world->accepts--;
	if (event->result == ABIO_E_CANCELED)
		return;
	if (event->result != 0 || (event->flags & ABIO_EVENT_HANDLE) == 0 || index == GUESTS_MAX) {
		world_fail(world, "event", "an accept ended with %lld", (long long)event->result);
		return;
	}
	world->accepted++;
	if (world->ending) {
		abio_release(event->handle);
		return;
	}
	world->guests[index] = event->handle;
	world->guest_count++;
	world->asked += 2;
	check_accepted(world, "put", abio_put(event->handle, "g", 1));
	check_accepted(world, "close", abio_close(event->handle, 0, token_of(TOKEN_GUEST, index)));
}

static void guest_gone(struct world *world, uint32_t index, const struct abio_event *event)
{
	if (index >= GUESTS_MAX || world->guests[index] == 0 ||
	    (event->result != 0 && !world->ending)) {
		world_fail(world, "event", "a guest's close ended with %lld",
			   (long long)event->result);
		return;
	}
	abio_release(world->guests[index]);
	world->guests[index] = 0;
	world->guest_count--;
}

void extras_event(struct world *world, enum token_kind kind, uint32_t index,
		  const struct abio_event *event)
{
	if (kind == TOKEN_TIMER && index < TIMERS_MAX)
		timer_ended(world, &world->timers[index], event);
	else if (kind == TOKEN_FILE && index < FILES_MAX)
		file_ended(world, &world->files[index], event);
	else if (kind == TOKEN_ACCEPT)
		accept_ended(world, event);
	else if (kind == TOKEN_GUEST)
		guest_gone(world, index, event);
	else
		world_fail(world, "event", "a token nobody gave: %d, %u", (int)kind, index);
}
