/*
 * Asks one io of each kind what it has of the traits that abio_traits(7) shows in a table, and
 * prints the rows of that table.
 */
#include <abio.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TRY_READ = 0,
	READ_EXACT = 4,
	TRY_WRITE = 0,
	WRITE_ALL = 5,
	READ_EXACTLY_OWNED = 1
};

static abio_driver driver;

static void must(int32_t code)
{
	if (code >= 0)
		return;
	fprintf(stderr, "%s\n", abio_error_name(code));
	exit(1);
}

static abio_io opened(int32_t code)
{
	struct abio_event event;

	must(code);
	must(abio_driver_wait(driver, &event, sizeof(event), 1, -1) - 1);
	must((int32_t)event.result);
	return event.handle;
}

/* The slots an io has of a trait, 0 without the trait. */
static uint64_t slots(abio_io io, uint32_t trait)
{
	struct abio_trait_info info = { .size = sizeof(info) };

	return abio_query(io, trait, &info) < 0 ? 0 : info.slots;
}

static int has(uint64_t slots, int slot)
{
	return (int)(slots >> slot & 1);
}

static const char *yes(uint64_t slots)
{
	return slots != 0 ? "yes" : "-";
}

/* Of Read and Write: whether the try functions and the exact forms are there. */
static const char *transfer(uint64_t slots, int exact)
{
	if (slots == 0)
		return "-";
	if (!has(slots, TRY_READ))
		return "start";
	return has(slots, exact) ? "yes" : "one";
}

static const char *owned(uint64_t reads, uint64_t writes)
{
	if (reads != 0 && !has(reads, READ_EXACTLY_OWNED))
		return "one";
	if (reads != 0 && writes != 0)
		return "both";
	return reads != 0 ? "read" : writes != 0 ? "write" : "-";
}

static const char *places(abio_io io)
{
	uint64_t seek = slots(io, ABIO_TRAIT_SEEK);
	uint64_t read_at = slots(io, ABIO_TRAIT_READ_AT);
	uint64_t write_at = slots(io, ABIO_TRAIT_WRITE_AT);

	return seek != 0 && read_at != 0 && write_at != 0   ? "yes"
	       : seek == 0 && read_at == 0 && write_at == 0 ? "-"
							    : "?";
}

static void row(const char *name, abio_io io)
{
	printf("%s|%s|%s|%s|%s|%s|%s|%s\n", name, yes(slots(io, ABIO_TRAIT_READY)),
	       transfer(slots(io, ABIO_TRAIT_READ), READ_EXACT),
	       transfer(slots(io, ABIO_TRAIT_WRITE), WRITE_ALL),
	       yes(slots(io, ABIO_TRAIT_BUF_READ)), yes(slots(io, ABIO_TRAIT_BUF_WRITE)),
	       owned(slots(io, ABIO_TRAIT_OWNED_READ), slots(io, ABIO_TRAIT_OWNED_WRITE)),
	       places(io));
}

int main(void)
{
	struct abio_address address = { .size = sizeof(address),
					.family = ABIO_FAMILY_IPV4,
					.length = 4,
					.data = { 127, 0, 0, 1 } };
	struct abio_io_info info = { .size = sizeof(info) };
	abio_io listener;
	abio_io reader;
	abio_io writer;
	abio_io datagram;

	must(abio_driver_create(NULL, &driver));
	must(abio_listen(driver, &address, NULL, &listener));
	must(abio_info(listener, &info));
	must(abio_pipe(driver, 0, &reader, &writer));
	must(abio_datagram(driver, &address, NULL, 0, &datagram));
	row("TCP, Unix", opened(abio_connect(driver, &info.local, NULL, 1)));
	row("pipe, reader", reader);
	row("pipe, writer", writer);
	row("file", opened(abio_open(driver, "/proc/self/exe", 14, NULL, 2)));
	row("listener", listener);
	row("datagram", datagram);
	return 0;
}
