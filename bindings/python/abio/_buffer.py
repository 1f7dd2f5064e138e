"""Buffers: memory of the library's, which an operation may have while Python does not touch it.

A `Buffer` is what read_owned fills and write_owned sends, without a copy.  Its memory lives as long
as the buffer or any memoryview of it; while an operation has it, Python is not to look.
"""

from __future__ import annotations

from typing import Any, Union

from . import _errors
from ._library import ffi, lib

Bytes = Union[bytes, bytearray, memoryview]


class Buffer:
    """`capacity` bytes at an address that is a multiple of `align`; `len` of them hold data.

    An alignment of 4096 serves files opened with `direct=True`.
    """

    __slots__ = ("handle", "capacity", "_memory", "__weakref__")

    def __init__(self, capacity: int, align: int = 0) -> None:
        self.handle = 0
        made = ffi.new("abio_buffer *")
        code = lib.abio_buffer_alloc(capacity, align, 0, made)
        if code < 0:
            raise MemoryError() if code == -12 else _errors.error(code)
        handle: int = made[0]
        self.handle = handle
        state = _state(handle)
        self.capacity: int = state.capacity
        # The memory holds the handle: a view that outlives this object keeps it.
        self._memory: Any = ffi.gc(
            ffi.cast("char *", state.data), lambda _: lib.abio_buffer_release(handle)
        )

    @property
    def memory(self) -> memoryview:
        """All of its memory, to be read and written while no operation has it."""
        if _state(self.handle).lent:
            raise BufferError("an operation has this buffer")
        return memoryview(ffi.buffer(self._memory, self.capacity)).cast("B")

    def __buffer__(self, flags: int) -> memoryview:
        return self.memory[: len(self)]

    def __len__(self) -> int:
        return int(_state(self.handle).filled)

    def __bytes__(self) -> bytes:
        return bytes(self.memory[: len(self)])

    @property
    def lent(self) -> bool:
        """Whether an operation has it."""
        return bool(_state(self.handle).lent)

    def resize(self, filled: int) -> None:
        """Says that the first `filled` bytes of its memory hold data."""
        state = _state(self.handle)
        code = lib.abio_buffer_set(self.handle, filled, max(filled, state.initialized))
        if code == _errors.BUSY:
            raise BufferError("an operation has this buffer")
        if code < 0:
            raise ValueError(f"not 0 <= {filled} <= {self.capacity}")

    def clear(self) -> None:
        """Empties it."""
        self.resize(0)

    def append(self, data: Bytes) -> int:
        """Copies `data` behind what it holds; how many bytes.  ValueError without the room."""
        filled = len(self)
        with memoryview(data) as view, view.cast("B") as octets:
            size = len(octets)
            if size > self.capacity - filled:
                raise ValueError(f"no room for {size} bytes")
            self.memory[filled : filled + size] = octets
        self.resize(filled + size)
        return size

    @property
    def address(self) -> int:
        """Where its memory is."""
        return int(ffi.cast("uintptr_t", self._memory))

    def __repr__(self) -> str:
        return f"<abio.Buffer {len(self)} of {self.capacity} bytes>"


def _state(handle: int) -> Any:
    state = ffi.new("struct abio_buffer_state *", {"size": ffi.sizeof("struct abio_buffer_state")})
    code = lib.abio_buffer_info(handle, state)
    if code < 0:
        raise _errors.error(code)
    return state


__all__ = ["Buffer"]
