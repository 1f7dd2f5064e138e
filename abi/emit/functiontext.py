"""The full text of a function: its own words and everything that follows from its types.

One place for those sentences, so that the header and the manual pages say the same.
"""

from __future__ import annotations

import re

from .model import Arg, Description, Function

START_ERRORS = [("ABIO_E_CANCELED", "cancelled, by abio_cancel, close, release or shutdown")]


def parameter(desc: Description, function: Function, arg: Arg) -> str:
    """What an argument is, from its type; its own text, if any, comes first."""
    kind = arg.type
    lent = "lent to the library until the terminal event" if function.start else "borrowed for the call"
    if function.start and function.name in ("open", "resolve"):
        lent = "copied"
    words = {
        "driver": "the driver",
        "io": "the io",
        "handle": "a driver or an io",
        "u32": "number",
        "i32": "number",
        "u64": "number",
        "i64": "number",
        "token": "any number; it comes back in the events" if function.start else "the token of a start",
        "in_bytes": f"memory to read, `{kind.length}` bytes, {lent}; NULL only where that is 0",
        "out_bytes": f"memory to fill, `{kind.length}` bytes, {lent}; NULL only where that is 0",
        "in_array": f"array of `{kind.length}` struct abio_{kind.of}, "
        + ("copied; the memory it points to is lent until the terminal event" if function.start
           else "borrowed for the call")
        + "; NULL only where the count is 0",
        "in_struct": f"struct abio_{kind.of}, size set, copied" + ("; may be NULL: all defaults" if kind.optional else "; not NULL"),
        "out_struct": f"struct abio_{kind.of} to fill, size set; not NULL",
        "out": f"where the {'new ' if kind.of in ('io', 'driver') else ''}{kind.of} is stored on success; not NULL",
        "events": "first element of the host's array of events; not NULL",
    }
    if kind.kind == "flags":
        group = None if kind.of == "NONE" else desc.group(kind.of)
        words["flags"] = f"{group.prefix}* bits, or 0" if group else "0: no flag is defined yet"
    said = units(arg) or words[kind.kind]
    return f"{arg.text}; {said}" if arg.text else said


def units(arg: Arg) -> str:
    """Plain numbers whose name says what they count."""
    if arg.type.kind not in ("u32", "i32", "u64", "i64"):
        return ""
    if arg.name.endswith("_ns"):
        return "nanoseconds, relative"
    return {
        "length": "in bytes",
        "count": "number of elements",
        "offset": "in bytes from the start, 0 to 2^63-1",
        "stride": "bytes from one event to the next",
        "capacity": "number of events that fit, at least 1",
        "code": "any number a function returned",
        "port": "0 to 65535, host byte order",
        "fd": "an open descriptor",
        "kind": "ABIO_KIND_*",
        "trait": "ABIO_TRAIT_*",
        "to": "the driver it goes to",
    }.get(arg.name, "")


def argument_causes(function: Function) -> list[str]:
    causes = []
    for arg in function.args:
        kind = arg.type
        if kind.kind in ("in_bytes", "out_bytes", "in_array"):
            causes.append(f"`{arg.name}` is NULL and `{kind.length}` is not 0")
        elif kind.kind == "flags":
            causes.append(f"`{arg.name}` has a bit that is not known")
        elif kind.kind in ("out_struct", "in_struct"):
            null = "" if kind.optional else "NULL or "
            causes.append(f"`{arg.name}` is {null}shorter than its first release")
        elif kind.kind == "out":
            causes.append(f"`{arg.name}` is NULL")
        elif kind.kind == "events":
            causes.append("`events` is NULL, `stride` too small or no multiple of 8, `capacity` 0")
    return causes


def implied(function: Function) -> list[tuple[str, str]]:
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
            ended = "the driver is shut down" if handle.type.kind == "driver" else "the io is closed or closing"
            found.append(("CLOSED", ended))
    if function.is_slot:
        found.append(("UNSUPPORTED", "the object does not have this slot, see abio_query"))
    if any(arg.type.kind == "in_struct" for arg in function.args):
        found.append(("TOO_NEW", "a struct's unknown tail is not all zero"))
    causes = argument_causes(function)
    if causes:
        found.append(("ARGUMENT", "; ".join(causes)))
    return found


def full_code(code: str) -> str:
    if code.startswith("-"):
        return code
    return f"ABIO_{code}" if code in ("WOULD_BLOCK", "HOST_EOF", "PENDING") else f"ABIO_E_{code}"


def refusals(function: Function) -> list[tuple[str, str]]:
    """Every code the call itself can return, with its causes."""
    found = dict(implied(function))
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
    own = [(full_code(code), text[6:].strip()) for code, text in function.errors if text.startswith("event:")]
    return own + START_ERRORS + [("-errno", "any other error of the system")]


def has_flag(function: Function, group: str) -> bool:
    return any(arg.type.kind == "flags" and arg.type.of == group for arg in function.args)


def returns(function: Function) -> list[str]:
    """The lines on what the call answers, beyond what its own text says."""
    if function.start:
        lines = ["Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, memory untouched."]
        if has_flag(function, "START"):
            lines.append(
                "With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no event), "
                "an error (no event), or ABIO_PENDING: the event follows."
            )
        return lines
    return [] if "Returns" in function.doc else ["Returns 0."]


def thread(function: Function) -> str:
    if function.thread == "any":
        return "any thread"
    return "the driver's thread only"


def calls(function: Function) -> str:
    return {
        "fast": "makes no system call, never blocks",
        "system": "may make system calls, never blocks",
        "blocks": "blocks, for as long as it was asked to",
    }[function.calls]
