"""Putting executables, bundle and configuration in place, each by a rename: never a half-written file.

Runtimes watch both folders and run what they find there (CRI-O re-validates on any event), so no
temporary file appears in them; the configuration comes last.
"""

from __future__ import annotations

import json
import marshal
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence

from cni.install import launcher
from cni.install.closure import closure
from cni.plugins import PLUGINS
from cni.shim import build_run

CONFLIST = "10-podnet.conflist"
_PACKAGES = ("cni", "linux")
_ENTRY = "cni.run"
_SYSTEM_PYTHON = "/usr/bin/python3"


class InstallError(Exception):
    """What could not be put where, and why."""


def root() -> str:
    """The folder that holds our packages: the checkout, or site-packages."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def interpreter() -> str:
    """The system's Python if it is the version we run on, whose bytecode the bundle holds; else our own."""
    real = os.path.realpath(sys.executable)
    system = os.path.realpath(_SYSTEM_PYTHON)
    same = os.path.basename(system) == f"python{sys.version_info.major}.{sys.version_info.minor}"
    return _SYSTEM_PYTHON if same else real


def install_plugins(bin_dir: str, names: Iterable[str] = (), *, shim: str = "auto") -> list[str]:
    """Paths of the executables written: all plugins, or those named.

    They are one program under several names: the C one where it can be built (shim "auto", or "c" to
    insist), else the Python launcher ("python").
    """
    wanted = list(names) or [plugin.name for plugin in PLUGINS]
    known = {plugin.name for plugin in PLUGINS}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InstallError(f"no plugin is called {unknown[0]}: there are {' '.join(sorted(known))}")
    program = _program(shim)
    paths = [os.path.join(bin_dir, name) for name in wanted]
    try:
        os.makedirs(bin_dir, mode=0o755, exist_ok=True)
        replace_file(paths[0], program, 0o755)
        for path in paths[1:]:
            _replace_by_link(paths[0], path, program)
    except OSError as error:
        raise InstallError(f"cannot write to {bin_dir}: {error.strerror}") from error
    return paths


def _program(shim: str) -> bytes:
    """The executable's content."""
    text = launcher.text(interpreter(), root(), write_bundle()).encode()
    if shim == "python":
        return text
    folder = f"{root()}/cni/__pycache__"
    path = f"{folder}/launcher.{sys.implementation.cache_tag}.py"
    try:
        replace_file(path, text, 0o755)
        built = build_run.build(folder, interpreter(), path, PLUGINS)
    except OSError:
        built = None  # a read-only installation has no place for the launcher
    if built is None and shim == "c":
        raise InstallError("the C program could not be built: install gcc, or leave --shim away")
    return built or text


def _replace_by_link(source: str, path: str, program: bytes) -> None:
    """Under one inode the plugins know each other at once; where links are not possible it is a copy."""
    folder = os.path.dirname(os.path.abspath(path))
    temporary = f"{os.path.dirname(folder)}/.podnet-{os.getpid()}-{os.path.basename(path)}"
    try:
        os.link(source, temporary)
        os.replace(temporary, path)
        if os.path.exists(temporary):
            os.unlink(temporary)  # rename does nothing where both names are the same file already
    except OSError:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        replace_file(path, program, 0o755)


def write_bundle() -> str:
    """All modules a plugin may load, compiled, in one file beside them; the path even if it cannot be written.

    8 hex digits, an index of that many bytes, the modules' code. The index says of each name its source, whether it
    is a package, its source's time of change, and where its code is, counted from the index's end.
    """
    tag = sys.implementation.cache_tag
    path = f"{root()}/cni/__pycache__/plugins.{tag}.bundle"
    index: dict[str, tuple[str, bool, int, int, int]] = {}
    codes = bytearray()
    for name, source in _modules():
        with open(source, "rb") as file:
            code = compile(file.read(), source, "exec", dont_inherit=True, optimize=2)
            mtime_ns = os.fstat(file.fileno()).st_mtime_ns
        data = marshal.dumps(code)
        index[name] = (source, source.endswith("/__init__.py"), mtime_ns, len(codes), len(data))
        codes += data
    described = marshal.dumps(index)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, b"%08x" % len(described) + described + codes, 0o644)
    except OSError:
        pass  # a read-only installation: the plugins load the modules one by one
    return path


def _modules() -> Iterable[tuple[str, str]]:
    """Name and path of each module that a plugin may load."""

    def source_of(name: str) -> str | None:
        path = _path_of(name)
        if path is None:
            return None
        with open(path, encoding="utf-8") as file:
            return file.read()

    for name in closure([_ENTRY, *(plugin.module for plugin in PLUGINS)], source_of):
        path = _path_of(name)
        if path is not None:
            yield name, path


def _path_of(name: str) -> str | None:
    if name.partition(".")[0] not in _PACKAGES:
        return None
    stem = f"{root()}/{name.replace('.', '/')}"
    return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if os.path.isfile(path)), None)


def install_conflist(conf_dir: str, subnets: Sequence[str], bridge: str) -> str | None:
    """The path written; None if there is one already, which is somebody's."""
    path = os.path.join(conf_dir, CONFLIST)
    if os.path.exists(path):
        return None
    try:
        os.makedirs(conf_dir, mode=0o755, exist_ok=True)
        replace_file(path, conflist(subnets, bridge).encode(), 0o644)
    except OSError as error:
        raise InstallError(f"cannot write {path}: {error.strerror}") from error
    return path


def conflist(subnets: Sequence[str], bridge: str) -> str:
    """Old libcni takes 1.0.0 and ignores cniVersions; new libcni picks the highest that both know."""
    ranges = [[{"subnet": subnet}] for subnet in subnets]
    routes = [{"dst": "::/0" if ":" in subnet else "0.0.0.0/0"} for subnet in subnets]
    body = {
        "cniVersion": "1.0.0",
        "cniVersions": ["0.4.0", "1.0.0", "1.1.0"],
        "name": "podnet",
        "plugins": [
            {
                "type": "bridge",
                "bridge": bridge,
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {"type": "host-local", "ranges": ranges, "routes": routes},
            }
        ],
    }
    return json.dumps(body, indent=2) + "\n"


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Write path by renaming a file made elsewhere on the same file system, else beside it under a hidden name."""
    folder = os.path.dirname(os.path.abspath(path))
    for place in (os.path.dirname(folder), folder):
        try:
            fd, temporary = tempfile.mkstemp(prefix=".podnet-", dir=place)
        except OSError:
            continue
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchmod(fd, mode)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            if place == folder:
                raise
            continue
        return
    raise OSError(13, f"no folder to write {path} from")
