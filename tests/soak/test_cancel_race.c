/*
 * Cancel against a racing peer: exactly one terminal event each, no byte lost, none written outside
 * of ownership; and a driver shut down with a thousand operations in flight.
 *
 *     test_cancel_race [long]
 *
 * Each race makes 100,000 cancels on each variant; ASan builds a fifth of that, the long form ten
 * times as many.
 */
#include "race.h"

#define CANCELS 100000u

static uint64_t cancels(void)
{
	uint64_t count = CANCELS;

	if (soak_long)
		count *= 10;
	return has_poison() || soak_impatient ? count / 5 : count;
}

static void race_all(const struct variant *variant, uint64_t seed)
{
	uint64_t count = cancels();

	race_read(variant, seed, count);
	race_read_exact(variant, seed + 1, count);
	race_receive(variant, seed + 2, count);
	race_write_all(variant, seed + 3, count);
	race_accept(variant, seed + 4, count);
	race_shutdown(variant, seed + 5, false);
	race_shutdown(variant, seed + 6, true);
}

int main(int argc, char **argv)
{
	int fds;
	int64_t allocations;

	soak_setup(argc, argv);
	soak_watchdog(soak_long ? 3000 : 500);
	fds = open_fds();
	allocations = live_allocations();
	for (uint32_t i = 0; i < VARIANT_COUNT; i++) {
		abio_driver driver = variant_driver(&variants[i], 0, 0);

		if (driver == 0) {
			soak_skipped("%s: not here", variants[i].name);
			continue;
		}
		abio_driver_close(driver);
		race_all(&variants[i], i * 100 + 1);
	}
	soak_result(allocations_return_to(allocations), "no allocation is left");
	soak_result(open_fds() == fds, "no descriptor is left: %d of %d", open_fds(), fds);
	return soak_end();
}
