/* abio_address to and from the system's socket addresses. */
#ifndef ABIO_ADDRESS_H
#define ABIO_ADDRESS_H

#include <sys/socket.h>

#include "abio.h"

/* The length in *length; ABIO_E_ARGUMENT for a family or length that is not valid. */
int32_t address_to_system(const struct abio_address *address, struct sockaddr_storage *system,
			  socklen_t *length);
void address_from_system(const struct sockaddr_storage *system, socklen_t length,
			 struct abio_address *address);

#endif
