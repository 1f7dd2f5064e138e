"""What is said of structs, tables and handles: the same in the header and in the manual pages."""

from __future__ import annotations

import re

from .model import Struct, Trait

ANYWHERE = (
    "May be called from any thread, at any time, without a driver.  Makes no system call, never "
    "blocks."
)
HANDLES = {
    "driver": "handle of an event queue over a backend",
    "io": "handle of anything that does IO",
    "buffer": "handle of memory that the library may keep",
}
HANDLE_RULE = (
    "A handle is a number, never an address, and below 2^53, so that it is exact in a double.  0 "
    "is never one.  One that is forged, stale, released or of another kind is answered with "
    "ABIO_E_HANDLE, never with a crash.  In the child of a fork it answers ABIO_E_FORKED."
)


def table_rule(trait: Trait) -> list[str]:
    return [
        f"struct abio_{trait.name}_ops begins with a struct abio_table_head, `head`.  Behind it "
        "are pointers to the functions below, each named as the function, without abio_.  Slots "
        "are only ever added at the end, and one is there when `head.size` reaches past it.  "
        "Calling through a slot and calling the function are the same.",
        "abio_query tells whether an io has the trait and which of its slots, and gives the same "
        "table.",
    ]


def struct_rule(struct: Struct) -> str:
    return {
        "frozen": "Frozen: its layout never changes.",
        "sized": (
            "The host sets `size` to its own sizeof.  What is missing at the end counts as zero; "
            "what a newer host has behind it must be zero, else ABIO_E_TOO_NEW.  A size that is "
            f"less than that of its first release ({struct.minimum} bytes), or over 4096, is "
            "ABIO_E_ARGUMENT."
        ),
        "out": (
            "The host sets `size` to its own sizeof before the call, and that is all that is "
            "read.  The library fills that many bytes, with zeros where it knows no field, and "
            "nothing behind.  A size that is less than that of its first release "
            f"({struct.minimum} bytes), or over 4096, is ABIO_E_ARGUMENT."
        ),
    }[struct.kind]


def noun(struct: Struct) -> str:
    """The struct in a phrase."""
    phrase = re.split(r"[.:,]", struct.doc)[0]
    return phrase[:1].lower() + phrase[1:]


IMPLS = [
    "Such a table is given to abio_object_create, which copies it.  `head.size` is the host's "
    "sizeof of the struct, `head.trait` the trait, the rest of the head is 0.  A slot that is "
    "NULL is not there, and what is not there is provided where it can be.",
    "Every slot gets the host's `user` first and is called on the driver's thread, only inside a "
    "call of the host's own, and never twice at once for one direction.  Inside a slot "
    "abio_driver_poll, abio_driver_wait, abio_driver_submit, abio_driver_close and "
    "abio_driver_abandon answer ABIO_E_REENTERED, everything else is allowed.  A slot must return: "
    "neither an exception nor a longjmp may leave it.",
]
IMPL_ANSWERS = (
    "A slot returns > 0 on success; ABIO_HOST_EOF at the end; ABIO_WOULD_BLOCK or, from a start_ "
    "slot, ABIO_PENDING; or an error (< 0), which is -errno or a code of the library.  0, and "
    "what is no code, is ABIO_E_HOST: many languages turn an exception into 0.  From a try_ slot "
    "-EAGAIN is ABIO_WOULD_BLOCK."
)
