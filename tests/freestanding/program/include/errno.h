/* The numbers that objects of a host speak of; the freestanding rooms themselves know none. */
#ifndef FREESTANDING_ERRNO_H
#define FREESTANDING_ERRNO_H

#define EAGAIN    11
#define ENOMEM    12
#define ECANCELED 125

#endif
