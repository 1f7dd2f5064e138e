"""The package: pure Python, one extension that cffi generates, and libabio.so.0 beside it."""

from __future__ import annotations

import runpy
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import build_library
from build_library import LIBRARY, SYSTEM
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent.parent.parent
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")


class BuildExtension(build_ext):
    """Puts the library where the extension's RPATH, $ORIGIN, finds it: under its own soname.

    Not where the system has one.
    """

    def run(self) -> None:
        super().run()
        if SYSTEM:
            return
        for extension in self.extensions:
            beside = Path(self.get_ext_fullpath(extension.name)).parent / LIBRARY.name
            beside.unlink(missing_ok=True)
            shutil.copy2(LIBRARY, beside)

    def get_outputs(self) -> list[str]:
        outputs: list[str] = super().get_outputs()
        if SYSTEM:
            return outputs
        beside = [str(Path(output).parent / LIBRARY.name) for output in outputs]
        return outputs + beside


linking = build_library.options()
linking["extra_compile_args"] += ["-std=gnu11", "-O2", "-fvisibility=hidden"]
tick = Extension(
    "abio._tick",
    sources=["native/tick.c", "native/waiter.c"],
    depends=["native/native.h"],
    py_limited_api=LIMITED,
    **linking,
)

options: dict[str, Any] = {}
if LIMITED:
    # Both extensions are compiled against the limited API: one wheel serves every later Python.
    options["bdist_wheel"] = {"py_limited_api": "cp310"}

setup(
    version=runpy.run_path(str(ROOT / "abi" / "generated" / "constants.py"))["VERSION"],
    cffi_modules=["build_ffi.py:ffi"],
    ext_modules=[tick],
    cmdclass={"build_ext": BuildExtension},
    options=options,
)
