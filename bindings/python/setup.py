"""The package: pure Python, one extension that cffi generates, and libabio.so.0 beside it."""

from __future__ import annotations

import runpy
import shutil
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARY = ROOT / "build" / "lib" / "libabio.so.0"


class BuildExtension(build_ext):
    """Puts the library where the extension's RPATH, $ORIGIN, finds it: under its own soname."""

    def run(self) -> None:
        super().run()
        for extension in self.extensions:
            beside = Path(self.get_ext_fullpath(extension.name)).parent / LIBRARY.name
            beside.unlink(missing_ok=True)
            shutil.copy2(LIBRARY, beside)

    def get_outputs(self) -> list[str]:
        outputs: list[str] = super().get_outputs()
        beside = [str(Path(output).parent / LIBRARY.name) for output in outputs]
        return outputs + beside


options: dict[str, Any] = {}
if not sysconfig.get_config_var("Py_GIL_DISABLED"):
    # cffi compiles against the limited API: one wheel serves every later Python.
    options["bdist_wheel"] = {"py_limited_api": "cp39"}

setup(
    version=runpy.run_path(str(ROOT / "abi" / "generated" / "constants.py"))["VERSION"],
    cffi_modules=["build_ffi.py:ffi"],
    cmdclass={"build_ext": BuildExtension},
    options=options,
)
