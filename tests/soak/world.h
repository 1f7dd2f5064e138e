/*
 * A world: one driver, one host that sleeps on its fd, streams that echo, and peer threads that
 * race with it all.
 *
 * In lock step every peer falls silent at the end of a round until the host has begun the next one,
 * so that nothing that arrives later can heal a lost wake-up.  What a host may sleep through is
 * decided by what is known to have been sent, never by the clock alone (world_stall.c).
 */
#ifndef ABIO_WORLD_H
#define ABIO_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include "soak.h"

#define PEERS_MAX   4u
#define TIMERS_MAX  8u
#define FILES_MAX   8u
#define ACCEPTS_MAX 3u
#define GUESTS_MAX  64u
#define READ_MAX    512u
#define WRITE_MAX   8192u
#define FILE_BYTES  65536u
#define FILE_SERIAL 4242u
#define MESSAGE_UNIT                                                                \
	16u /* messages are multiples of it: an exact read up to one can always end \
	     */

enum spread {
	SPREAD_ALL,
	SPREAD_SOME,
	SPREAD_ONE
};
enum readers {
	READERS_ANY,
	READERS_RECEIVE,
	READERS_READ
};
enum writers {
	WRITERS_ANY,
	WRITERS_PUT
};

struct plan {
	const struct variant *variant;
	enum host_kind host;
	uint32_t completions; /* 0: default */
	uint32_t capacity;    /* events per poll */
	uint32_t streams;
	uint32_t rounds;
	enum spread spread;
	enum readers readers;
	enum writers writers;
	bool lockstep;
	bool calm;        /* nothing but the echo: no timers, cancels, closes */
	bool eager;       /* peers spin instead of sleeping: they race with every drain */
	bool late;        /* the host polls when the whole burst is there */
	uint32_t echoes;  /* one after the other in each round; 0: 1 */
	uint32_t peers;   /* 0: PEERS_MAX */
	uint32_t message; /* bytes; 0: any number */
	uint64_t seed;
};

enum reader {
	READER_NONE,
	READER_READ,
	READER_READV,
	READER_EXACT,
	READER_RECEIVE,
	READER_READY
};
enum writer {
	WRITER_NONE,
	WRITER_WRITE,
	WRITER_FLUSH
};

enum token_kind {
	TOKEN_READ = 1,
	TOKEN_WRITE,
	TOKEN_EXTRA,
	TOKEN_CLOSE,
	TOKEN_TIMER,
	TOKEN_FILE,
	TOKEN_ACCEPT,
	TOKEN_GUEST,
};

struct stream {
	struct world *world;
	uint32_t index;
	uint32_t serial;
	abio_io io;
	int peer;
	struct rng rng;
	enum reader reader;
	enum writer writer;
	bool paused;
	bool read_canceled;
	bool write_canceled;
	bool extra; /* another `ready` waits beside the reader */
	bool closing;
	uint32_t lent; /* bytes asked of the reader or given to the writer */
	uint32_t given;
	uint64_t in;             /* bytes the host has */
	uint64_t out;            /* bytes of the echo that are gone */
	_Atomic uint64_t sent;   /* the peer has written them */
	_Atomic uint64_t echoed; /* the peer has read them */
	uint8_t read_buffer[READ_MAX];
	uint8_t write_buffer[WRITE_MAX];
};

struct timer {
	bool active;
	bool canceled;
	int64_t deadline_ns;
};

struct file_read {
	bool active;
	bool canceled;
	uint32_t offset;
	uint32_t length;
	uint8_t data[4096];
};

struct peer {
	struct world *world;
	pthread_t thread;
	uint32_t first;
	uint32_t count;
	struct rng rng;
};

struct world {
	struct plan plan;
	abio_driver driver;
	struct host host;
	struct rng rng;
	bool failed;
	bool ending;
	bool resting; /* nothing new is begun: what is under way must end by itself */
	struct abio_event *events;
	struct stream *streams;
	uint32_t serials;

	/* peers */
	struct peer peers[PEERS_MAX];
	uint32_t peer_count;
	pthread_mutex_t mutex;
	pthread_cond_t go;
	_Atomic uint32_t round;
	_Atomic uint32_t bursts; /* peers that have sent all of a round, ever */
	_Atomic uint32_t done;   /* peers that finished their round, ever */
	_Atomic bool stop;
	_Atomic bool peer_failed;
	_Atomic uint64_t wakes_begun;
	_Atomic uint64_t wakes_made;
	_Atomic uint32_t connected; /* guests that connect() let in */
	_Atomic uint64_t pieces;    /* sends */
	uint64_t wakes_seen;

	/* extras */
	struct timer timers[TIMERS_MAX];
	struct file_read files[FILES_MAX];
	abio_io file;
	abio_io listener;
	char listener_name[32];
	uint32_t accepts; /* waiting */
	uint32_t accepted;
	abio_io guests[GUESTS_MAX]; /* being closed */
	uint32_t guest_count;

	/* counts */
	uint64_t wakes;
	uint64_t full_polls;  /* polls that gave events */
	uint64_t empty_wakes; /* told to poll, and the poll gave nothing */
	uint64_t streak;      /* of those in a row, with nothing asked in between */
	uint64_t asked;       /* calls that may complete inside the driver without an event */
	uint64_t asked_at_streak;
	uint64_t event_count;
	uint64_t settled_cancels; /* cancels since the last settling */
	uint64_t echoed_before;   /* of a stall's first look */
	uint32_t quiet_ticks;
};

static inline uint64_t token_of(enum token_kind kind, uint32_t index)
{
	return (uint64_t)kind << 32 | index;
}

/* world.c */
bool world_run(const struct plan *plan);
void world_fail(struct world *world, const char *word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Polls once or until 0, as the host does; handles what comes.  `told`: the fd said so. */
void world_turn(struct world *world, bool told);
/* One poll; its events are handled.  How many, or -1 after a failure. */
int32_t world_poll(struct world *world);

/* world_stall.c */
/* The deadline is over.  True: the fd did tell, only late. */
bool world_slept_long(struct world *world);
void world_check_streak(struct world *world);
void world_settle(struct world *world);

/* world_stream.c */
bool stream_open(struct stream *stream);
void stream_arm(struct stream *stream);
void stream_echo(struct stream *stream);
void stream_event(struct stream *stream, enum token_kind kind, const struct abio_event *event);
void stream_extra(struct stream *stream);
void stream_resume(struct stream *stream);
void stream_close(struct stream *stream);
bool stream_busy(const struct stream *stream);

/* world_extras.c */
bool extras_open(struct world *world);
void extras_act(struct world *world);
void extras_begin(struct world *world);
void extras_before_sleep(struct world *world);
void extras_event(struct world *world, enum token_kind kind, uint32_t index,
		  const struct abio_event *event);
bool extras_under_way(const struct world *world);
bool extras_busy(const struct world *world);
void extras_accept(struct world *world);

/* world_peers.c */
bool peers_start(struct world *world);
void peers_begin_round(struct world *world);
void peers_join(struct world *world);

#endif
