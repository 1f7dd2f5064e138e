"""Names, phrases and classes of codes: Linux errno as literal data, so that no machine decides.

The numbers are those of the generic Linux table (x86-64, arm64, riscv64).  Columns: number, name,
class (ABIO_CLASS_*), phrase.
"""

from __future__ import annotations

from .model import Bad, Description

ERRNOS = """
1 EPERM PERMISSION Operation not permitted
2 ENOENT NOT_FOUND No such file or directory
3 ESRCH NOT_FOUND No such process
4 EINTR AGAIN Interrupted system call
5 EIO INPUT_OUTPUT Input/output error
6 ENXIO NOT_FOUND No such device or address
7 E2BIG RESOURCE Argument list too long
8 ENOEXEC UNSUPPORTED Exec format error
9 EBADF USAGE Bad file descriptor
10 ECHILD USAGE No child processes
11 EAGAIN AGAIN Resource temporarily unavailable
12 ENOMEM RESOURCE Cannot allocate memory
13 EACCES PERMISSION Permission denied
14 EFAULT USAGE Bad address
15 ENOTBLK USAGE Block device required
16 EBUSY AGAIN Device or resource busy
17 EEXIST EXISTS File exists
18 EXDEV UNSUPPORTED Invalid cross-device link
19 ENODEV NOT_FOUND No such device
20 ENOTDIR INPUT_OUTPUT Not a directory
21 EISDIR INPUT_OUTPUT Is a directory
22 EINVAL USAGE Invalid argument
23 ENFILE RESOURCE Too many open files in system
24 EMFILE RESOURCE Too many open files
25 ENOTTY UNSUPPORTED Inappropriate ioctl for device
26 ETXTBSY AGAIN Text file busy
27 EFBIG RESOURCE File too large
28 ENOSPC RESOURCE No space left on device
29 ESPIPE UNSUPPORTED Illegal seek
30 EROFS PERMISSION Read-only file system
31 EMLINK RESOURCE Too many links
32 EPIPE CONNECTION Broken pipe
33 EDOM USAGE Numerical argument out of domain
34 ERANGE USAGE Numerical result out of range
35 EDEADLK AGAIN Resource deadlock avoided
36 ENAMETOOLONG INPUT_OUTPUT File name too long
37 ENOLCK RESOURCE No locks available
38 ENOSYS UNSUPPORTED Function not implemented
39 ENOTEMPTY EXISTS Directory not empty
40 ELOOP INPUT_OUTPUT Too many levels of symbolic links
42 ENOMSG INPUT_OUTPUT No message of desired type
43 EIDRM INPUT_OUTPUT Identifier removed
44 ECHRNG INPUT_OUTPUT Channel number out of range
45 EL2NSYNC INPUT_OUTPUT Level 2 not synchronized
46 EL3HLT INPUT_OUTPUT Level 3 halted
47 EL3RST INPUT_OUTPUT Level 3 reset
48 ELNRNG INPUT_OUTPUT Link number out of range
49 EUNATCH INPUT_OUTPUT Protocol driver not attached
50 ENOCSI INPUT_OUTPUT No CSI structure available
51 EL2HLT INPUT_OUTPUT Level 2 halted
52 EBADE INPUT_OUTPUT Invalid exchange
53 EBADR INPUT_OUTPUT Invalid request descriptor
54 EXFULL INPUT_OUTPUT Exchange full
55 ENOANO INPUT_OUTPUT No anode
56 EBADRQC INPUT_OUTPUT Invalid request code
57 EBADSLT INPUT_OUTPUT Invalid slot
59 EBFONT INPUT_OUTPUT Bad font file format
60 ENOSTR INPUT_OUTPUT Device not a stream
61 ENODATA INPUT_OUTPUT No data available
62 ETIME TIMEOUT Timer expired
63 ENOSR RESOURCE Out of streams resources
64 ENONET CONNECTION Machine is not on the network
65 ENOPKG INPUT_OUTPUT Package not installed
66 EREMOTE INPUT_OUTPUT Object is remote
67 ENOLINK CONNECTION Link has been severed
68 EADV INPUT_OUTPUT Advertise error
69 ESRMNT INPUT_OUTPUT Srmount error
70 ECOMM CONNECTION Communication error on send
71 EPROTO INPUT_OUTPUT Protocol error
72 EMULTIHOP INPUT_OUTPUT Multihop attempted
73 EDOTDOT INPUT_OUTPUT RFS specific error
74 EBADMSG INPUT_OUTPUT Bad message
75 EOVERFLOW INPUT_OUTPUT Value too large for defined data type
76 ENOTUNIQ INPUT_OUTPUT Name not unique on network
77 EBADFD USAGE File descriptor in bad state
78 EREMCHG INPUT_OUTPUT Remote address changed
79 ELIBACC INPUT_OUTPUT Can not access a needed shared library
80 ELIBBAD INPUT_OUTPUT Accessing a corrupted shared library
81 ELIBSCN INPUT_OUTPUT .lib section in a.out corrupted
82 ELIBMAX INPUT_OUTPUT Attempting to link in too many shared libraries
83 ELIBEXEC INPUT_OUTPUT Cannot exec a shared library directly
84 EILSEQ INPUT_OUTPUT Invalid or incomplete multibyte or wide character
85 ERESTART INPUT_OUTPUT Interrupted system call should be restarted
86 ESTRPIPE INPUT_OUTPUT Streams pipe error
87 EUSERS RESOURCE Too many users
88 ENOTSOCK USAGE Socket operation on non-socket
89 EDESTADDRREQ USAGE Destination address required
90 EMSGSIZE RESOURCE Message too long
91 EPROTOTYPE USAGE Protocol wrong type for socket
92 ENOPROTOOPT UNSUPPORTED Protocol not available
93 EPROTONOSUPPORT UNSUPPORTED Protocol not supported
94 ESOCKTNOSUPPORT UNSUPPORTED Socket type not supported
95 EOPNOTSUPP UNSUPPORTED Operation not supported
96 EPFNOSUPPORT UNSUPPORTED Protocol family not supported
97 EAFNOSUPPORT UNSUPPORTED Address family not supported by protocol
98 EADDRINUSE EXISTS Address already in use
99 EADDRNOTAVAIL NOT_FOUND Cannot assign requested address
100 ENETDOWN CONNECTION Network is down
101 ENETUNREACH CONNECTION Network is unreachable
102 ENETRESET CONNECTION Network dropped connection on reset
103 ECONNABORTED CONNECTION Software caused connection abort
104 ECONNRESET CONNECTION Connection reset by peer
105 ENOBUFS RESOURCE No buffer space available
106 EISCONN USAGE Transport endpoint is already connected
107 ENOTCONN CLOSED Transport endpoint is not connected
108 ESHUTDOWN CLOSED Cannot send after transport endpoint shutdown
109 ETOOMANYREFS RESOURCE Too many references: cannot splice
110 ETIMEDOUT TIMEOUT Connection timed out
111 ECONNREFUSED CONNECTION Connection refused
112 EHOSTDOWN CONNECTION Host is down
113 EHOSTUNREACH CONNECTION No route to host
114 EALREADY AGAIN Operation already in progress
115 EINPROGRESS AGAIN Operation now in progress
116 ESTALE INPUT_OUTPUT Stale file handle
117 EUCLEAN INPUT_OUTPUT Structure needs cleaning
118 ENOTNAM INPUT_OUTPUT Not a XENIX named type file
119 ENAVAIL INPUT_OUTPUT No XENIX semaphores available
120 EISNAM INPUT_OUTPUT Is a named type file
121 EREMOTEIO INPUT_OUTPUT Remote I/O error
122 EDQUOT RESOURCE Disk quota exceeded
123 ENOMEDIUM NOT_FOUND No medium found
124 EMEDIUMTYPE INPUT_OUTPUT Wrong medium type
125 ECANCELED CANCELED Operation canceled
126 ENOKEY PERMISSION Required key not available
127 EKEYEXPIRED PERMISSION Key has expired
128 EKEYREVOKED PERMISSION Key has been revoked
129 EKEYREJECTED PERMISSION Key was rejected by service
130 EOWNERDEAD INPUT_OUTPUT Owner died
131 ENOTRECOVERABLE INPUT_OUTPUT State not recoverable
132 ERFKILL PERMISSION Operation not possible due to RF-kill
"""

# The class of every code of the library; a new code must be given one here.
CLASSES = """
WOULD_BLOCK AGAIN
HOST_EOF CLOSED
PENDING NONE
HANDLE USAGE
CLOSED CLOSED
FORKED USAGE
WRONG_THREAD USAGE
UNSUPPORTED UNSUPPORTED
TOO_NEW UNSUPPORTED
ARGUMENT USAGE
BUSY USAGE
REENTERED USAGE
UNEXPECTED_EOF CLOSED
WRITE_ZERO INPUT_OUTPUT
HOST USAGE
CANCELED CANCELED
LIMIT RESOURCE
NAME_NOT_FOUND NOT_FOUND
NAME_AGAIN AGAIN
NAME_FAILED INPUT_OUTPUT
NAME_FAMILY NOT_FOUND
"""


def errnos() -> list[tuple[int, str, str, str]]:
    """Rows of number, name, class, phrase."""
    found = []
    for line in ERRNOS.strip().splitlines():
        number, name, kind, phrase = line.split(" ", 3)
        found.append((int(number), name, kind, phrase))
    return found


def own(desc: Description) -> list[tuple[int, str, str, str]]:
    """Rows of number, full name, class, phrase for the codes of the library."""
    classes = dict(line.split() for line in CLASSES.strip().splitlines())
    kinds = {v.name for v in desc.group("CLASS").values}
    found = []
    for group in (desc.group("CODE"), desc.group("ERROR")):
        for value in group.values:
            kind = classes.get(value.name)
            if kind not in kinds:
                raise Bad(
                    f"constants {group.group}.{value.name}", "has no class in abi/emit/errnos.py"
                )
            # What users are told; behind a semicolon stands what only programmers want to know.
            phrase = value.text.split(";")[0]
            found.append((value.number, group.prefix + value.name, kind, phrase))
    return found
