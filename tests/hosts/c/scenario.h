/* What every host shows: files, sockets, the loop's own timer, cancelling. */
#ifndef HOST_SCENARIO_H
#define HOST_SCENARIO_H

#include "loop.h"

/* Counts a check, and says on stderr what was expected when it does not hold. */
void expect(const char *what, int64_t expected, int64_t got);
extern unsigned int checks_passed;
extern unsigned int checks_failed;

void show_files(struct loop *loop);
void show_sockets(struct loop *loop);

/* Runs the rows of conformance.json and prints the line about them. */
void run_manifest(const json_t *manifest);

#endif
