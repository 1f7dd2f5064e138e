/* The phases in which nothing comes but what the plan lets come: see rest.c and answers.c. */
#ifndef ABIO_REST_H
#define ABIO_REST_H

#include "soak.h"

struct rest_plan {
	const struct variant *variant;
	enum host_kind host;
	uint32_t streams;
	uint32_t rounds;
	bool stale;  /* after some enters the kernel leaves IORING_SQ_TASKRUN set for nothing */
	bool beside; /* what arrives arrives between a poll's last look and its drain */
	uint64_t seed;
};
bool rest_run(const struct rest_plan *plan);
/* Of the plan it takes the variant, the host and the rounds. */
bool answers_run(const struct rest_plan *plan);

#endif
