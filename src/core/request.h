/*
 * Where a request goes: to the driver's backend, or, of an object without a descriptor, to its
 * class.  Nothing else starts or cancels requests.
 *
 * A class's requests wait in the driver and are performed from inside a turn, one after the other:
 * so an adapter over an adapter needs no deeper stack, and a host's slots are entered from one
 * place.
 */
#ifndef ABIO_REQUEST_H
#define ABIO_REQUEST_H

#include "object.h"

void request_start(struct request *request);
/* Asks a request to end; `done` is called now or later. */
void request_cancel(struct request *request);
/* For classes: the request is over. */
void request_finish(struct request *request, int64_t result);
/* True when whoever has it never touches it again: it is the caller's. */
bool request_take_back(struct request *request);
/* Performs what is waiting for classes. */
void request_perform(struct driver *driver);

#endif
