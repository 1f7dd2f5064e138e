/* The process-wide state: see process.c. */
#ifndef ABIO_PROCESS_H
#define ABIO_PROCESS_H

#include <stdint.h>

struct doorbell;

/* Before the first driver: 0 or a code.  Any thread, any number of times. */
int32_t process_start(void);
/* NULL and a code where there is no memory or descriptor. */
struct doorbell *doorbell_create(int32_t *error);

#endif
