/*
 * Numbers of newer kernels that the headers of liburing 2.3 and Linux 6.1 do not know, and asserts
 * on the layouts this library depends on.  Plain numbers of the kernel's stable interface.
 */
#ifndef ABIO_COMPAT_H
#define ABIO_COMPAT_H

#include <liburing.h>
#include <sys/uio.h>

#include "abio.h"

#define COMPAT_RWF_NOSIGNAL         0x00000100 /* Linux 6.18: no SIGPIPE from this write */
#define COMPAT_SEND_ZC_REPORT_USAGE (1u << 3)  /* Linux 6.2 */
#define COMPAT_NOTIF_COPIED         (1u << 31) /* in the result of its notification */
#define COMPAT_RING_REGISTERED                                             \
	1 /* liburing: in int_flags, enter_ring_fd is a thread's own index \
	   */

_Static_assert(sizeof(struct io_uring_sqe) == 64, "submission entry");
_Static_assert(sizeof(struct io_uring_cqe) == 16, "completion entry");
_Static_assert(sizeof(struct io_uring_params) == 120, "ring parameters");
_Static_assert(sizeof(struct io_uring_buf) == 16, "provided buffer");
_Static_assert(sizeof(struct iovec) == sizeof(struct abio_iovec), "iovec");
_Static_assert(__builtin_offsetof(struct iovec, iov_len) ==
		       __builtin_offsetof(struct abio_iovec, length),
	       "iovec length");

#ifdef RWF_NOSIGNAL
_Static_assert(RWF_NOSIGNAL == COMPAT_RWF_NOSIGNAL, "RWF_NOSIGNAL");
#endif

#endif
