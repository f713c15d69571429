"""Building the executables' C program, once for each source and place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from cni.daemon import places
from cni.plugins import Plugin
from linux import process

_SOURCE = "shim.c"
_COMPILERS = ("cc", "gcc", "clang", "tcc")


def definitions(python: str, launcher: str, plugins: Iterable[Plugin]) -> dict[str, str]:
    """What the source leaves open, as the compiler is to read it."""
    rows = []
    for plugin in plugins:
        versions = ",".join(f'\\"{version}\\"' for version in plugin.supported)
        rows.append(f'{{"{plugin.name}","{versions}"}}')
    texts = {"PYTHON": python, "LAUNCHER": launcher, "SOCKET": places.SOCKET, "QUEUE": places.QUEUE}
    quoted = {name: f'"{value}"' for name, value in texts.items()}
    return {
        **quoted,
        "QUEUE_LIMIT": str(places.QUEUE_LIMIT),
        "ABOUT_TAIL": '"v0.1.0 (podnet)"',
        "VERSION_ROWS": ",".join(rows),
    }


def build(folder: str, python: str, launcher: str, plugins: Iterable[Plugin]) -> bytes | None:
    """The program; None where there is no compiler, or it fails. Kept in folder for the next install."""
    compiler = next((path for name in _COMPILERS if (path := process.find(name))), None)
    if compiler is None:
        return None
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), _SOURCE)
    with open(source, "rb") as file:
        text = file.read()
    defined = definitions(python, launcher, plugins)
    key = hashlib.sha256(
        text + repr(sorted(defined.items())).encode() + os.uname().machine.encode()
    ).hexdigest()[:16]
    built = f"{folder}/shim.{key}"
    if not os.path.exists(built) and not _compile(compiler, source, defined, built):
        return None
    with open(built, "rb") as file:
        return file.read()


def _compile(compiler: str, source: str, defined: dict[str, str], target: str) -> bool:
    """Static where the libraries are there: it starts in half the time and needs no libc on the host."""
    flags = ["-O2", "-s", *(f"-D{name}={value}" for name, value in defined.items())]
    for how in (["-static"], []):
        temporary = f"{target}.{os.getpid()}"
        try:
            process.run([compiler, *how, *flags, "-o", temporary, source])
        except process.ProgramFailed:
            continue
        os.replace(temporary, target)
        return True
    return False
