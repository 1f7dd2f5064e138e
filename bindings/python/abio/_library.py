"""Loads the compiled library once and refuses it when it lacks what this package needs."""

from __future__ import annotations

from typing import Final

try:
    from ._abio import ffi as ffi, lib as lib
except ImportError as failure:
    raise ImportError(
        f"abio: the native library could not be loaded ({failure}); "
        "it lies beside this package as libabio.so.0"
    ) from failure

BUILT_HASH: Final[str] = bytes(ffi.string(lib.ABIO_PY_HASH)).decode()
BUILT_VERSION: Final[tuple[int, int, int]] = (
    lib.ABIO_PY_MAJOR,
    lib.ABIO_PY_MINOR,
    lib.ABIO_PY_PATCH,
)


def identify() -> tuple[tuple[int, int, int], str]:
    """Version of the loaded library and the hash of the description it was built from."""
    abi = ffi.new("struct abio_abi *", {"size": ffi.sizeof("struct abio_abi")})
    code = lib.abio_abi_info(abi)
    if code < 0:
        raise ImportError(f"abio: abio_abi_info answers {code}")
    return (abi.major, abi.minor, abi.patch), bytes(abi.hash).hex()


def check(version: tuple[int, int, int], digest: str) -> None:
    """A newer minor only adds, so it is welcome; anything else must be the very same contract.

    The hash is of what a program can depend on: no texts, no patch level.
    """
    if digest == BUILT_HASH:
        return
    have = ".".join(map(str, version))
    need = ".".join(map(str, BUILT_VERSION))
    if version[0] != BUILT_VERSION[0]:
        why = "has another ABI"
    elif version[1] > BUILT_VERSION[1]:
        return
    elif version[1] < BUILT_VERSION[1]:
        why = "is older and may lack what this package needs"
    else:
        why = "has the same version but another description, so one of the two is no release"
    raise ImportError(
        f"abio: this package was built for libabio {need} (description {BUILT_HASH[:12]}) "
        f"and found libabio {have} (description {digest[:12]}), which {why}; "
        "install the two together"
    )


VERSION, HASH = identify()
check(VERSION, HASH)
