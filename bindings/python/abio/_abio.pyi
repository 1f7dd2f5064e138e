"""The compiled module that cffi generates from the library's description."""

from typing import Any

ffi: Any
lib: Any
