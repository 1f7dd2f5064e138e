"""The full text of a function: its own words and everything that follows from its types.

One place for those sentences, so that the header and the manual pages say the same.
"""

from __future__ import annotations

import re

from .model import Arg, Bad, Description, Function, Type

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
        "token": arg.text or "any number; it comes back in the events",
        "in_bytes": f"`{kind.length}` bytes to be read, {arg.text or lent}; NULL only where that is 0",
        "out_bytes": f"`{kind.length}` bytes to be filled, {arg.text or lent}; NULL only where that is 0",
        "in_array": f"`{kind.length}` struct abio_{kind.of}, copied; the memory they point to is {lent}; "
        "NULL only where the count is 0",
        "inout_array": f"`{kind.length}` struct abio_{kind.of}, updated; NULL only where the count is 0",
        "in": f"struct abio_{kind.of}, copied; the memory it points to is {lent}; not NULL",
        "inout": f"struct abio_{kind.of}, updated; the memory it points to is {lent}; not NULL",
        "lent_struct": f"{sized}, to be filled, {lent}; may be NULL",
        "in_struct": f"{sized}, copied; {absent(kind) if kind.optional else 'not NULL'}",
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


def absent(kind: Type) -> str:
    """What it means that a struct is not given."""
    return "may be NULL: none" if kind.of == "address" else "may be NULL: all defaults"


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
            if kind.of == "iovec":
                causes.append("a piece's `base` is NULL and its length is not 0")
        elif kind.kind == "flags":
            causes.append(f"`{arg.name}` has a bit that is not known")
        elif kind.kind in ("out_struct", "in_struct", "lent_struct"):
            null = "" if kind.optional else "NULL or "
            flags = any(field.name == "flags" for field in desc.structs[kind.of].fields)
            inner = (
                ", or has a flag that is not known" if flags and kind.kind == "in_struct" else ""
            )
            causes.append(
                f"`{arg.name}` is {null}of a size below its first release's or over 4096{inner}"
            )
        elif kind.kind in ("out", "in", "inout", "tables"):
            causes.append(f"`{arg.name}` is NULL")
        elif kind.kind == "also_buffer":
            causes.append(f"`{arg.name}` wraps memory for another driver")
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
        if not function.closed_ok and handle.type.kind != "buffer":
            ended = (
                "the driver is shut down"
                if handle.type.kind == "driver"
                else "the io is closed or closing"
            )
            found.append(("CLOSED", ended))
    for arg in function.args[1:]:
        if arg.type.kind == "also_io":
            found.append(("CLOSED", f"the io or `{arg.name}` is closed or closing"))
        elif arg.type.kind == "also_buffer":
            found.append(
                (
                    "CLOSED",
                    f"the io is closed or closing, or `{arg.name}` wraps memory for a driver that "
                    "is closed",
                )
            )
        if arg.type.kind in ("also_io", "also_buffer"):
            found.append(
                (
                    "HANDLE",
                    f"`{handle.name if handle else ''}` or `{arg.name}` is not a live handle of "
                    "its kind",
                )
            )
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
    rows = [(full_code(code), text) for code, text in found.items()]
    if any(code.startswith("-") and code != "-ENOMEM" for code in found) and not function.start:
        rows.append(("-errno", "any other error of the system"))
    return rows


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
            "Returns 0: accepted, exactly one terminal event follows; or < 0: refused, no event, "
            "memory untouched."
        ]
        if has_flag(function, "START"):
            lines.append(
                "With ABIO_START_INLINE it returns the result when it was done at once (>= 0, no "
                "event), an error (no event), or ABIO_PENDING: the event follows."
            )
        return lines
    return []


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
            "at most a signal to the driver's descriptor, and with ABIO_START_INLINE one try of "
            "the transfer; never blocks"
        )
    if function.thread == "owner":
        return "at most a signal to the driver's descriptor; never blocks"
    return "makes no system call, never blocks"


# ---- what a manual page says beyond the header, which has its essay for this --------------------

FAILED = "On failure it returns a code < 0, see ERRORS, and has written nothing of the host's."
REFUSED = "The codes of a refusal stand under ERRORS."
LENT = "belongs to the library from acceptance until the terminal event is delivered, also after cancel, error and close"
SLOT_REFUSED = tuple(f"driver_{verb}" for verb in "poll wait submit close abandon".split())
# What a paragraph of a function's text is about is told by how it begins.
RETURNS = ("Returns ",)
EVENTS = ("The event", "The terminal event", "The result and progress")


def paragraphs(function: Function) -> list[str]:
    return function.doc.split("\n")


def described(function: Function) -> list[str]:
    """What it does."""
    return [p for p in paragraphs(function) if not p.startswith(RETURNS + EVENTS)]


def returned(function: Function) -> list[str]:
    """What the call answers."""
    return [p for p in paragraphs(function) if p.startswith(RETURNS)]


def event_lines(function: Function) -> list[str]:
    """What its events bring."""
    own = [p for p in paragraphs(function) if p.startswith(EVENTS)]
    if own and not any("progress" in p for p in own):
        own.append("Its `progress` is 0.")
    return own + [
        "It carries the `token` that was given at the start; abio_event tells of its fields."
    ]


def event_flags(desc: Description, function: Function) -> list[tuple[str, str]]:
    """The flags its events can have, of those that its text names."""
    named = set(re.findall(r"ABIO_EVENT_([A-Z]+)", function.doc))
    values = [v for g in desc.constants if g.group == "EVENT" for v in g.values]
    return [("ABIO_EVENT_" + v.name, v.text) for v in values if v.name in named]


def place(desc: Description, function: Function) -> list[str]:
    """The table it stands in."""
    if not function.trait:
        return []
    where = f"It is slot {function.slot} of abio_{function.trait}_table."
    if not function.is_slot:
        return [f"{where}  Every io has it."]
    return [
        f"{where}  abio_query tells whether an io has it; one that has not answers "
        "ABIO_E_UNSUPPORTED."
    ]


def owned_memory(function: Function, arg: Arg) -> str:
    kind = arg.type.kind
    if arg.text == "copied":
        return f"`{arg.name}` is copied."
    if arg.text and kind in ("in_bytes", "out_bytes"):
        return f"The memory at `{arg.name}` is {arg.text}."
    if not function.start:
        return f"`{arg.name}` and what it points to are borrowed for the call alone."
    if kind in ("in_bytes", "out_bytes"):
        unchanged = ", and must not change meanwhile" if kind == "in_bytes" else ""
        return f"The memory at `{arg.name}` {LENT}{unchanged}."
    return f"`{arg.name}` itself is copied at start; the memory that it points to {LENT}."


def ownership(function: Function) -> list[str]:
    """Whose each piece of memory and each handle is, and until when."""
    out = []
    for arg in function.args:
        kind = arg.type
        if kind.kind in ("in_bytes", "out_bytes", "in_array", "inout_array", "in", "inout"):
            out.append(owned_memory(function, arg))
        elif kind.kind in ("in_struct", "tables"):
            out.append(f"`{arg.name}` is copied, and may be gone when the call returns.")
        elif kind.kind == "lent_struct":
            held = LENT if function.start else "is borrowed for the call alone"
            out.append(f"`{arg.name}` {held}.")
        elif kind.kind == "also_buffer":
            out.append(
                f"`{arg.name}` is lent until the terminal event brings it home, in every "
                "outcome.  Meanwhile another operation with it answers ABIO_E_BUSY, and its "
                "memory is not to be touched."
            )
        elif kind.kind == "out" and kind.of in ("io", "buffer"):
            release = "abio_release" if kind.of == "io" else "abio_buffer_release"
            out.append(
                f"The handle in `{arg.name}` is the host's, with one reference: {release} drops it."
            )
        elif kind.kind == "out" and kind.of in ("ptr", "cptr"):
            out.append(f"The address in `{arg.name}` is one in memory of the library's.")
    if function.start and "ABIO_EVENT_VIEW" in function.doc:
        out.append("What its event shows is memory of the library's, for as long as the view lives.")
    if function.start and "ABIO_EVENT_HANDLE" in function.doc:
        out.append(
            "The io that the event brings is the host's, with one reference, also where the "
            "operation was to be cancelled: abio_release drops it."
        )
    if function.returns == "cstr":
        out.append("The string is the library's, constant, and there for the life of the process.")
    return out


def thread_lines(function: Function) -> list[str]:
    """Who may call it, what it costs, and whom it may call."""
    if function.thread == "any":
        who = "May be called from any thread."
    else:
        who = (
            "Belongs to the driver's thread, which the first call that starts, polls or waits "
            "decides.  See abio_threads(7)."
        )
    out = [f"{who}  Cost: {cost(function)}."]
    if function.name in SLOT_REFUSED:
        out.append("Inside a slot that the host implements it answers ABIO_E_REENTERED.")
    if function.calls_host:
        out.append(
            "It may call slots of objects that the host implements, on this thread, before it "
            "returns."
        )
    return out
