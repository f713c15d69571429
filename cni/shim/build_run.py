"""Building the executables' C program, once for each source and place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence

from cni.daemon import places
from cni.plugins import Plugin
from linux import process

_HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = f"{_HERE}/shim.c"
_SOURCES = (SOURCE, f"{_HERE}/kernel.h")
_SILENCE_MS = 1000  # then nobody is there
_COMPILERS = ("cc", "gcc", "clang", "tcc")
# Without a C library where the source knows the processor's calls, else static, else as the host has it.
WAYS: tuple[list[str], ...] = (
    [
        "-DFREESTANDING",
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-builtin",
        "-fno-stack-protector",
        "-fno-pie",
        "-no-pie",
        "-fno-asynchronous-unwind-tables",
        "-Wl,--build-id=none",
        "-Wl,-z,noseparate-code",
    ],
    ["-static"],
    [],
)


def find_compiler() -> str | None:
    return next((path for name in _COMPILERS if (path := process.find(name))), None)


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
        "SILENCE_MS": str(_SILENCE_MS),
        "ABOUT_TAIL": '"v0.1.0 (podnet)"',
        "VERSION_ROWS": ",".join(rows),
    }


def build(folder: str, python: str, launcher: str, plugins: Iterable[Plugin]) -> bytes | None:
    """The program; None where there is no compiler, or it fails. Kept in folder for the next install."""
    compiler = find_compiler()
    if compiler is None:
        return None
    text = b""
    for path in _SOURCES:
        with open(path, "rb") as file:
            text += file.read()
    defined = definitions(python, launcher, plugins)
    key = hashlib.sha256(
        text + repr(sorted(defined.items())).encode() + os.uname().machine.encode()
    ).hexdigest()[:16]
    built = f"{folder}/shim.{key}"
    if not os.path.exists(built) and not _compile(compiler, defined, built):
        return None
    with open(built, "rb") as file:
        return file.read()


def _compile(compiler: str, defined: dict[str, str], target: str) -> bool:
    """As it starts fastest: a way that this compiler or this processor does not know gives way to the next."""
    temporary = f"{target}.{os.getpid()}"
    for way in WAYS:
        try:
            process.run(command(compiler, way, defined, temporary))
        except process.ProgramFailed:
            continue
        os.replace(temporary, target)
        return True
    return False


def command(compiler: str, way: Sequence[str], defined: dict[str, str], target: str) -> list[str]:
    """The compiler's command line."""
    texts = [f"-D{name}={value}" for name, value in defined.items()]
    return [compiler, *way, "-O2", "-s", *texts, "-o", target, SOURCE]
