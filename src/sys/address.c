/* See address.h. */
#include "address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#define UNIX_PATH offsetof(struct sockaddr_un, sun_path)

_Static_assert(sizeof(((struct abio_address *)0)->data) ==
		       sizeof(((struct sockaddr_un *)0)->sun_path),
	       "room for a Unix path");

static int32_t unix_to_system(const struct abio_address *address, struct sockaddr_storage *system,
			      socklen_t *length)
{
	struct sockaddr_un *un = (struct sockaddr_un *)system;
	bool abstract = address->length > 0 && address->data[0] == 0;

	if (address->length == 0 || address->length > sizeof(address->data))
		return ABIO_E_ARGUMENT;
	/* A path ends with a zero byte, which must fit and must not come earlier. */
	if (!abstract && (address->length == sizeof(address->data) ||
			  memchr(address->data, 0, address->length) != NULL))
		return ABIO_E_ARGUMENT;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, address->data, address->length);
	*length = (socklen_t)(UNIX_PATH + address->length + (abstract ? 0 : 1));
	return 0;
}

int32_t address_to_system(const struct abio_address *address, struct sockaddr_storage *system,
			  socklen_t *length)
{
	struct sockaddr_in *in = (struct sockaddr_in *)system;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)system;

	memset(system, 0, sizeof(*system));
	if (address->port > 65535)
		return ABIO_E_ARGUMENT;
	switch (address->family) {
	case ABIO_FAMILY_IPV4:
		if (address->length != 4)
			return ABIO_E_ARGUMENT;
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)address->port);
		memcpy(&in->sin_addr, address->data, 4);
		*length = sizeof(*in);
		return 0;
	case ABIO_FAMILY_IPV6:
		if (address->length != 16)
			return ABIO_E_ARGUMENT;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)address->port);
		in6->sin6_scope_id = address->scope;
		memcpy(&in6->sin6_addr, address->data, 16);
		*length = sizeof(*in6);
		return 0;
	case ABIO_FAMILY_UNIX:
		return unix_to_system(address, system, length);
	default:
		return ABIO_E_ARGUMENT;
	}
}

static void unix_from_system(const struct sockaddr_un *un, socklen_t length,
			     struct abio_address *address)
{
	size_t bytes = length > UNIX_PATH ? length - UNIX_PATH : 0;

	if (bytes > sizeof(address->data))
		bytes = sizeof(address->data);
	if (bytes > 0 && un->sun_path[0] != 0)
		bytes = strnlen(un->sun_path, bytes);
	memcpy(address->data, un->sun_path, bytes);
	address->family = ABIO_FAMILY_UNIX;
	address->length = (uint32_t)bytes;
}

void address_from_system(const struct sockaddr_storage *system, socklen_t length,
			 struct abio_address *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)system;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)system;

	memset(address, 0, sizeof(*address));
	address->size = sizeof(*address);
	if (length < sizeof(system->ss_family))
		return;
	switch (system->ss_family) {
	case AF_INET:
		address->family = ABIO_FAMILY_IPV4;
		address->port = ntohs(in->sin_port);
		address->length = 4;
		memcpy(address->data, &in->sin_addr, 4);
		break;
	case AF_INET6:
		address->family = ABIO_FAMILY_IPV6;
		address->port = ntohs(in6->sin6_port);
		address->scope = in6->sin6_scope_id;
		address->length = 16;
		memcpy(address->data, &in6->sin6_addr, 16);
		break;
	case AF_UNIX:
		unix_from_system((const struct sockaddr_un *)system, length, address);
		break;
	default:
		break;
	}
}
