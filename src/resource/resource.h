/* The kinds of objects, and how a descriptor becomes one. */
#ifndef ABIO_RESOURCE_H
#define ABIO_RESOURCE_H

#include "object.h"
#include "operation.h"

extern const struct object_class file_class;
extern const struct object_class tcp_class;
extern const struct object_class unix_class;
extern const struct object_class tcp_listener_class;
extern const struct object_class unix_listener_class;
extern const struct object_class udp_class;
extern const struct object_class unix_datagram_class;
extern const struct object_class pipe_class; /* both ways: a terminal, a FIFO opened so */
extern const struct object_class pipe_reader_class;
extern const struct object_class pipe_writer_class;

/* What kind of object a descriptor is; NULL and a code for one the library has none for. */
const struct object_class *resource_classify(int32_t fd, int32_t *error);
/* A character stream or FIFO by the direction it is open in. */
const struct object_class *pipe_class_of(int32_t flags);

/* An adopted descriptor, in object->fd, is made fit for use: 0, or a code and nothing is changed.
 * resource_leave undoes it; a move hands the duty on. */
int32_t shared_enter(struct object *object);
void shared_move(struct object *object, const struct object *old);

#endif
