/*
 * Ios that move between two drivers on two threads, under traffic: nothing is lost or doubled on
 * the way, and a driver that closes turns them away without a leak.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "faults.h"

#define BALLS   4
#define ROUNDS  300u
#define MESSAGE 512u

/* ---- a game of catch ------------------------------------------------------------------------- */

struct ball {
	int peer; /* raw: what comes is echoed */
	pthread_t echo;
	abio_io io;
	uint32_t round;
	int left; /* operations of this round */
	uint8_t out[MESSAGE];
	uint8_t in[MESSAGE];
};

struct player {
	const struct variant *variant;
	_Atomic abio_driver driver;
	struct player *other;
	pthread_t thread;
	pthread_mutex_t mutex;
	struct ball *mailbox[BALLS];
	int mail_count;
	int ticks;
};

static struct ball balls[BALLS];
static struct player players[2];
static _Atomic int finished;

static void *echo(void *argument)
{
	struct ball *ball = argument;
	uint8_t bytes[MESSAGE];
	ssize_t count;

	while ((count = read(ball->peer, bytes, sizeof(bytes))) > 0)
		for (ssize_t sent = 0; sent < count;) {
			ssize_t more = send(ball->peer, bytes + sent, (size_t)(count - sent),
					    MSG_NOSIGNAL);

			need(more > 0);
			sent += more;
		}
	close(ball->peer);
	return NULL;
}

static uint64_t token_of(const struct ball *ball, int step)
{
	return (uint64_t)(ball - balls) * 4 + (uint64_t)step + 1;
}

static void mail(struct player *to, struct ball *ball)
{
	pthread_mutex_lock(&to->mutex);
	to->mailbox[to->mail_count++] = ball;
	pthread_mutex_unlock(&to->mutex);
	need_equal(abio_driver_wake(to->driver), 0);
}

static void serve(struct ball *ball)
{
	memset(ball->out, (int)ball->round, sizeof(ball->out));
	memset(ball->in, 0, sizeof(ball->in));
	ball->left = 2;
	need_equal(abio_read_exact(ball->io, ball->in, MESSAGE, 0, token_of(ball, 1)), 0);
	need_equal(abio_write_all(ball->io, ball->out, MESSAGE, 0, token_of(ball, 0)), 0);
}

static void open_mail(struct player *self)
{
	struct ball *got[BALLS];
	int count;

	pthread_mutex_lock(&self->mutex);
	count = self->mail_count;
	memcpy(got, self->mailbox, sizeof(got));
	self->mail_count = 0;
	pthread_mutex_unlock(&self->mutex);
	for (int i = 0; i < count; i++)
		serve(got[i]);
}

static void pass(struct player *self, struct ball *ball)
{
	abio_io old = ball->io;

	need(memcmp(ball->in, ball->out, MESSAGE) == 0);
	if (++ball->round == ROUNDS) {
		need_equal(abio_release(old), 0);
		finished++;
		need_equal(abio_driver_wake(self->other->driver), 0);
		return;
	}
	need_equal(abio_move(old, self->other->driver, &ball->io), 0);
	need(ball->io != old);
	need_equal(abio_try_read(old, ball->in, 1, 0), ABIO_E_CLOSED);
	need_equal(abio_release(old), 0);
	mail(self->other, ball);
}

static void take(struct player *self, const struct abio_event *event)
{
	struct ball *ball = &balls[(event->token - 1) / 4 % BALLS];

	if (event->flags & ABIO_EVENT_WAKE) {
		open_mail(self);
	} else if (event->token == UINT64_MAX) {
		/* Traffic of our own. */
		self->ticks++;
		need_equal(abio_timer(self->driver, 200000, 0, UINT64_MAX), 0);
	} else {
		need_equal(event->result, MESSAGE);
		if (--ball->left == 0)
			pass(self, ball);
	}
}

static void *play(void *argument)
{
	struct player *self = argument;

	self->driver = new_driver(self->variant);
	while (self->other->driver == 0)
		usleep(100);
	need_equal(abio_timer(self->driver, 0, 0, UINT64_MAX), 0);
	if (self == &players[0])
		for (int i = 0; i < BALLS; i++) {
			int fds[2];

			raw_pair(i % 2 == 0 ? ABIO_KIND_TCP : ABIO_KIND_UNIX, fds);
			balls[i].peer = fds[1];
			need_equal(
				abio_adopt(self->driver, fds[0], ABIO_KIND_AUTO, 0, &balls[i].io),
				0);
			need(pthread_create(&balls[i].echo, NULL, echo, &balls[i]) == 0);
			serve(&balls[i]);
		}
	while (finished < BALLS) {
		struct abio_event event = next_event(self->driver);

		take(self, &event);
	}
	/* The other may still have to wake us. */
	finished++;
	while (finished < BALLS + 2)
		usleep(100);
	need(self->ticks > 0);
	end_driver(self->driver);
	return NULL;
}

static void play_with(const struct variant *first, const struct variant *second)
{
	players[0].variant = first;
	players[1].variant = second;
	for (int i = 0; i < 2; i++) {
		players[i].other = &players[1 - i];
		pthread_mutex_init(&players[i].mutex, NULL);
	}
	for (int i = 0; i < 2; i++)
		need(pthread_create(&players[i].thread, NULL, play, &players[i]) == 0);
	for (int i = 0; i < 2; i++)
		need(pthread_join(players[i].thread, NULL) == 0);
	for (int i = 0; i < BALLS; i++)
		need(pthread_join(balls[i].echo, NULL) == 0);
}

static void ios_move_between_equal_drivers(const struct variant *variant)
{
	play_with(variant, variant);
}

static void ios_move_between_backends(const struct variant *variant)
{
	play_with(variant, &variants[2]);
}

/* ---- moving to a driver that closes ---------------------------------------------------------- */

struct target {
	const struct variant *variant;
	_Atomic abio_driver driver;
	_Atomic bool go;
};

static void *open_and_close(void *argument)
{
	struct target *target = argument;
	struct abio_event event;
	abio_driver driver = new_driver(target->variant);

	need_equal(abio_driver_poll(driver, &event, sizeof(event), 1), 0);
	target->driver = driver;
	while (!target->go)
		;
	end_driver(driver);
	return NULL;
}

static void a_move_races_with_the_driver_closing(const struct variant *variant)
{
	abio_driver driver = new_driver(variant);

	for (int round = 0; round < 100; round++) {
		struct target target = { .variant = variant };
		pthread_t thread;
		abio_io pair[2];
		abio_io moved = 0;
		int32_t result;

		new_pair(driver, ABIO_KIND_PIPE, pair);
		need(pthread_create(&thread, NULL, open_and_close, &target) == 0);
		while (target.driver == 0)
			usleep(10);
		target.go = true;
		if (round % 2 == 0)
			usleep((useconds_t)round);
		result = abio_move(pair[0], target.driver, &moved);
		need(result == 0 || result == ABIO_E_HANDLE || result == ABIO_E_CLOSED);
		if (result == 0) {
			need_equal(abio_release(moved), 0);
		} else {
			/* Refused: it is where it was, and works. */
			need_equal(abio_try_write(pair[1], "x", 1, 0), 1);
			need_equal(abio_try_read(pair[0], &(char){ 0 }, 1, 0), 1);
		}
		need(pthread_join(thread, NULL) == 0);
		need_equal(abio_release(pair[0]), 0);
		need_equal(abio_release(pair[1]), 0);
	}
	end_driver(driver);
}

int main(void)
{
	run_on_all("ios_move_between_equal_drivers", ios_move_between_equal_drivers);
	run_on(&variants[0], "ios_move_between_backends", ios_move_between_backends);
	run_on_all("a_move_races_with_the_driver_closing", a_move_races_with_the_driver_closing);
	return tally_end();
}
