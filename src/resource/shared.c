/*
 * What an adopted descriptor shares with others: its open file, which the host, a shell or the
 * processes that come after may hold too.  The library needs two things of it changed, and puts
 * both back when it lets go of the descriptor: when it is detached, closed, released for the last
 * time, or its driver closes; a duplicate too.
 *
 * O_NONBLOCK of a pipe, terminal or listener, where adopting it set it: a shell reads its terminal
 * after us. Standard input and output are often one open file, so as long as another object of the
 * driver has it, that one inherits the duty.
 *
 * The position of a file: adopting takes it as the cursor, and leaving puts the cursor back, so
 * that what others write after us does not write over us.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "driver.h"
#include "resource.h"
#include "sys.h"

/* What can only be tried on a non-blocking descriptor: not sockets, unless they accept. */
static bool must_not_block(const struct object *object)
{
	const struct object_class *class = object->class;

	return !class->positional && (!class->socket || class->accept != NULL);
}

static int64_t make_nonblocking(struct object *object)
{
	int64_t flags = sys.get_flags(object->fd);

	if (flags < 0 || (flags & O_NONBLOCK) != 0)
		return flags < 0 ? flags : 0;
	flags = sys.set_flags(object->fd, (int)flags | O_NONBLOCK);
	object->restore_blocking = flags >= 0;
	return flags < 0 ? flags : 0;
}

int32_t shared_enter(struct object *object)
{
	struct stat stat;
	int64_t result = sys.fstat(object->fd, &stat);

	if (result < 0)
		return (int32_t)result;
	object->inode = stat.st_ino;
	if (must_not_block(object))
		return (int32_t)make_nonblocking(object);
	if (!S_ISREG(stat.st_mode) && !S_ISBLK(stat.st_mode))
		return 0;
	result = sys.seek(object->fd, 0, SEEK_CUR);
	if (result >= 0) {
		object->cursor = (uint64_t)result;
		object->restore_position = true;
	}
	return 0;
}

/* Another object whose open file has just become blocking is the one to do it again. */
static void hand_over(const struct object *object)
{
	const struct list *all = &object->driver->objects;

	for (struct list *link = all->next; link != all; link = link->next) {
		struct object *other = container_of(link, struct object, in_driver);
		int64_t flags;

		if (other == object || other->fd < 0 || other->inode != object->inode ||
		    !must_not_block(other))
			continue;
		flags = sys.get_flags(other->fd);
		if (flags < 0 || (flags & O_NONBLOCK) != 0)
			continue;
		sys.set_flags(other->fd, (int)flags | O_NONBLOCK);
		other->restore_blocking = true;
	}
}

void resource_leave(struct object *object)
{
	int64_t flags;

	if (object->restore_position)
		sys.seek(object->fd, (int64_t)object->cursor, SEEK_SET);
	if (!object->restore_blocking)
		return;
	object->restore_blocking = false;
	flags = sys.get_flags(object->fd);
	if (flags < 0)
		return;
	sys.set_flags(object->fd, (int)flags & ~O_NONBLOCK);
	hand_over(object);
}

void shared_move(struct object *object, const struct object *old)
{
	object->cursor = old->cursor;
	object->inode = old->inode;
	object->restore_blocking = old->restore_blocking;
	object->restore_position = old->restore_position;
}
