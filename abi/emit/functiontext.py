"""The full text of a function: its own words and everything that follows from its types.

One place for those sentences, so that the header and the manual pages say the same.
"""

from __future__ import annotations

import re

from .model import Arg, Bad, Description, Function

START_ERRORS = [("ABIO_E_CANCELED", "cancelled, by abio_cancel, close, release or shutdown")]


def parameter(desc: Description, function: Function, arg: Arg) -> str:
    """What an argument is, from its type; its own text says what the type cannot."""
    kind = arg.type
    lent = (
        "lent to the library until the terminal event"
        if function.start
        else "borrowed for the call"
    )
    sized = f"struct abio_{kind.of}, `size` set"
    words = {
        "driver": "the driver",
        "io": "the io",
        "buffer": "the buffer",
        "also_io": arg.text or "an io of the same driver",
        "also_buffer": arg.text or "a buffer that is not lent; lent until the terminal event",
        "user": arg.text or "any pointer of the host, passed back; may be NULL",
        "tables": f"`{kind.length}` pointers to tables of the host's, copied; not NULL",
        "handle": "a driver or an io",
        "token": (
            "any number; it comes back in the events" if function.start else "the token of a start"
        ),
        "in_bytes": f"`{kind.length}` bytes to be read, {arg.text or lent}; NULL only where that is 0",
        "out_bytes": f"`{kind.length}` bytes to be filled, {arg.text or lent}; NULL only where that is 0",
        "in_array": f"`{kind.length}` struct abio_{kind.of}, copied; the memory they point to is {lent}; "
        "NULL only where the count is 0",
        "inout_array": f"`{kind.length}` struct abio_{kind.of}, updated; NULL only where the count is 0",
        "in": f"struct abio_{kind.of}, copied; the memory it points to is {lent}; not NULL",
        "inout": f"struct abio_{kind.of}, updated; the memory it points to is {lent}; not NULL",
        "lent_struct": f"{sized}, to be filled, {lent}; may be NULL",
        "in_struct": f"{sized}, copied; {'may be NULL: all defaults' if kind.optional else 'not NULL'}",
        "out_struct": f"{sized}, to be filled; not NULL",
        "out": f"where the {'handle' if kind.of in ('io', 'driver', 'buffer') else 'value'} is stored on success; not NULL",
        "events": "the first struct abio_event of the host's array; not NULL",
    }
    if kind.kind == "flags":
        if kind.of == "NONE":
            return "0: there are no flags yet"
        return f"{desc.group(kind.of).prefix}* bits" + (", or 0" if arg.name == "flags" else "")
    if kind.kind in words:
        return words[kind.kind]
    return arg.text or units(function, arg)


def units(function: Function, arg: Arg) -> str:
    """Plain numbers: a name means the same everywhere, anything else needs a text of its own."""
    if arg.name.endswith("_ns"):
        return "nanoseconds, relative"
    known = {
        "length": "in bytes",
        "count": "number of elements",
        "offset": "in bytes from the start, 0 to 2^63-1",
        "stride": "bytes from one event to the next",
        "capacity": "number of events that fit, at least 1",
        "code": "any number a function returned or an event brought",
        "port": "0 to 65535, host byte order",
        "fd": "an open descriptor",
        "kind": "ABIO_KIND_*",
        "trait": "ABIO_TRAIT_*",
    }
    if arg.name not in known:
        raise Bad(
            f"function {function.name}({arg.name})",
            "needs a text: what the number is, and its unit",
        )
    return known[arg.name]


def argument_causes(desc: Description, function: Function) -> list[str]:
    causes = []
    for arg in function.args:
        kind = arg.type
        if kind.kind in ("in_bytes", "out_bytes", "in_array", "inout_array"):
            causes.append(f"`{arg.name}` is NULL and `{kind.length}` is not 0")
        elif kind.kind == "flags":
            causes.append(f"`{arg.name}` has a bit that is not known")
        elif kind.kind in ("out_struct", "in_struct", "lent_struct"):
            null = "" if kind.optional else "NULL or "
            flags = any(field.name == "flags" for field in desc.structs[kind.of].fields)
            inner = ", or has a flag that is not known" if flags and kind.kind == "in_struct" else ""
            causes.append(f"`{arg.name}` is {null}shorter than its first release{inner}")
        elif kind.kind in ("out", "in", "inout", "tables"):
            causes.append(f"`{arg.name}` is NULL")
        elif kind.kind == "events":
            causes.append("`events` is NULL, `stride` too small or no multiple of 8, `capacity` 0")
    return causes


def implied(desc: Description, function: Function) -> list[tuple[str, str]]:
    """The refusals that follow from the types, in the order they are checked."""
    found: list[tuple[str, str]] = []
    handle = function.handle
    if handle:
        if not function.forked:
            found.append(("FORKED", "the handle was made before a fork, by the parent"))
        kind = {"handle": "driver or io"}.get(handle.type.kind, handle.type.kind)
        found.append(("HANDLE", f"`{handle.name}` is not a live {kind}"))
        if function.thread == "owner":
            found.append(("WRONG_THREAD", "the driver is pinned to another thread that is alive"))
        if not function.closed_ok:
            ended = (
                "the driver is shut down"
                if handle.type.kind == "driver"
                else "the io is closed or closing"
            )
            found.append(("CLOSED", ended))
    for arg in function.args[1:]:
        if arg.type.kind in ("also_io", "also_buffer"):
            found.append(("HANDLE", f"`{handle.name if handle else ''}` or `{arg.name}` is not a live handle of its kind"))
    if function.is_slot:
        found.append(("UNSUPPORTED", "the object does not have this slot, see abio_query"))
    if any(arg.type.kind == "in_struct" for arg in function.args):
        found.append(("TOO_NEW", "a struct's unknown tail is not all zero"))
    causes = argument_causes(desc, function)
    if causes:
        found.append(("ARGUMENT", "; ".join(causes)))
    return found


def full_code(code: str) -> str:
    if code.startswith("-"):
        return code
    return f"ABIO_{code}" if code in ("WOULD_BLOCK", "HOST_EOF", "PENDING") else f"ABIO_E_{code}"


def refusals(desc: Description, function: Function) -> list[tuple[str, str]]:
    """Every code the call itself can return, with its causes."""
    found = dict(implied(desc, function))
    for code, text in function.errors:
        if text.startswith("event:"):
            continue
        extra = re.sub(r"^also: ", "", text)
        found[code] = f"{found[code]}; {extra}" if code in found else extra
    return [(full_code(code), text) for code, text in found.items()]


def event_errors(function: Function) -> list[tuple[str, str]]:
    """Every code the terminal event can bring."""
    if not function.start:
        return []
    own = [
        (full_code(code), text[6:].strip())
        for code, text in function.errors
        if text.startswith("event:")
    ]
    return own + START_ERRORS + [("-errno", "any other error of the system")]


def has_flag(function: Function, group: str) -> bool:
    return any(arg.type.kind == "flags" and arg.type.of == group for arg in function.args)


def returns(function: Function) -> list[str]:
    """The lines on what the call answers, beyond what its own text says."""
    if function.start:
        lines = [
            "Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory untouched."
        ]
        if has_flag(function, "START"):
            lines.append(
                "With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), "
                "an error (no event), or ABIO_PENDING: the event follows."
            )
        return lines
    return [] if "Returns" in function.doc else ["Returns 0."]


def thread(function: Function) -> str:
    """Who may call it."""
    return "any" if function.thread == "any" else "the driver's, which the first such call decides"


def cost(function: Function) -> str:
    """Whether it can make system calls, and whether it can block."""
    if function.calls == "blocks":
        return "blocks, for as long as it was asked to"
    if function.calls == "system":
        return "may make system calls, never blocks"
    if has_flag(function, "START"):
        return (
            "at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of the "
            "transfer; never blocks"
        )
    if function.thread == "owner":
        return "at most a signal to the driver's descriptor; never blocks"
    return "makes no system call, never blocks"
