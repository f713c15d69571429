"""Making volumes exist on this node."""

import os
import shutil
import stat
import tempfile

from linux import mounts
from nodeagent.volumes.files import Files

_DATA = "..data"


class VolumeFailed(Exception):
    """A volume cannot be had; the text goes into a FailedMount event."""


def write_files(folder: str, files: Files, group: int | None) -> bool:
    """Bring a generated volume to the given content; readers see all of it change at once.

    A hidden folder holds the files, `..data` is a link to it that is replaced by rename, and the visible names
    are links through `..data` (the layout programs that watch such volumes rely on). False if nothing changed.
    """
    os.makedirs(folder, exist_ok=True)
    names = {path.split("/")[0] for path in files}
    if _current(folder) == {path: (file.content, file.mode) for path, file in files.items()}:
        _link_names(folder, names)  # an agent may have died just before
        return False
    _sweep(folder)
    version = tempfile.mkdtemp(dir=folder, prefix="..")
    os.chmod(version, 0o755)  # noqa: S103  any user of the container may read it
    for path, file in files.items():
        target = _inside(version, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as stream:
            stream.write(file.content)
        mode = file.mode if group is None else file.mode | 0o440
        os.chmod(target, mode)
        if group is not None:
            os.chown(target, -1, group)
    os.symlink(os.path.basename(version), f"{folder}/{_DATA}_new")
    os.rename(f"{folder}/{_DATA}_new", f"{folder}/{_DATA}")
    _link_names(folder, names)
    _sweep(folder)
    return True


def _sweep(folder: str) -> None:
    """Remove the versions that are not shown: the one before, and what an agent that died left half made."""
    shown = os.readlink(f"{folder}/{_DATA}") if os.path.islink(f"{folder}/{_DATA}") else ""
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if not name.startswith("..") or name in (_DATA, shown):
            continue
        if os.path.islink(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _link_names(folder: str, wanted: set[str]) -> None:
    present = {name for name in os.listdir(folder) if not name.startswith("..")}
    for name in wanted - present:
        os.symlink(f"{_DATA}/{name}", f"{folder}/{name}")
    for name in present - wanted:
        os.unlink(f"{folder}/{name}")


def _current(folder: str) -> dict[str, tuple[bytes, int]] | None:
    """What the volume holds; None where it was never written."""
    top = f"{folder}/{_DATA}"
    if not os.path.islink(top):
        return None
    found = {}
    real = os.path.realpath(top)
    for where, _, names in os.walk(real):
        for name in names:
            path = f"{where}/{name}"
            with open(path, "rb") as file:
                found[os.path.relpath(path, real)] = (
                    file.read(),
                    stat.S_IMODE(os.fstat(file.fileno()).st_mode),
                )
    return found


def make_empty_dir(folder: str, *, memory: bool, size_bytes: int | None, group: int | None) -> None:
    """An empty folder that every container may write to; in memory it is a tmpfs. There as it shall be, or not at all."""
    if memory:
        os.makedirs(folder, exist_ok=True)
        size = f",size={size_bytes}" if size_bytes else ""
        owner = "mode=1777" if group is None else f"mode=3777,gid={group}"
        if not mounts.is_mount_point(folder):
            mounts.mount("tmpfs", folder, "tmpfs", 0, owner + size)
        return
    if os.path.isdir(folder):
        return
    scratch = f"{folder}.new"  # no volume is named so: their names have no dots
    os.makedirs(scratch, exist_ok=True)
    os.chmod(scratch, 0o777 if group is None else 0o2777)
    if group is not None:
        os.chown(scratch, -1, group)
        os.chmod(scratch, 0o2777)  # noqa: S103  chown may have taken the bit away
    os.rename(scratch, folder)


def check_host_path(path: str, kind: str) -> None:
    """Make or check what `type` asks for (core/v1 HostPathType). Raises VolumeFailed."""
    if kind == "DirectoryOrCreate":
        os.makedirs(path, exist_ok=True)
    elif kind == "FileOrCreate" and not os.path.lexists(path):
        with open(path, "xb"):
            pass
    elif kind == "" and not os.path.lexists(path):
        os.makedirs(path)
    tests = {
        "Directory": stat.S_ISDIR, "DirectoryOrCreate": stat.S_ISDIR, "File": stat.S_ISREG,
        "FileOrCreate": stat.S_ISREG, "Socket": stat.S_ISSOCK, "CharDevice": stat.S_ISCHR, "BlockDevice": stat.S_ISBLK,
    }  # fmt: skip
    if kind in tests and not (os.path.exists(path) and tests[kind](os.stat(path).st_mode)):
        raise VolumeFailed(
            f"hostPath type check failed: {path} is not a {kind.removesuffix('OrCreate').lower()}"
        )


def sub_path(volume: str, relative: str) -> str:
    """A path inside a volume, made as a folder with the volume's mode if absent.

    Absolute paths, steps back and links that lead outside are refused: VolumeFailed.
    """
    if relative.startswith("/"):
        raise VolumeFailed(f"subPath {relative!r} must not be an absolute path")
    if ".." in relative.split("/"):
        raise VolumeFailed(f"subPath {relative!r} must not contain '..'")
    path = os.path.realpath(_inside(volume, relative))
    real = os.path.realpath(volume)
    if path != real and not path.startswith(f"{real}/"):
        raise VolumeFailed(f"subPath {relative!r} leads outside its volume")
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chmod(folder, stat.S_IMODE(os.stat(real).st_mode))
        path = folder
    return path


def _inside(folder: str, relative: str) -> str:
    path = os.path.normpath(f"{folder}/{relative}")
    if path != folder and not path.startswith(folder + "/"):
        raise VolumeFailed(f"path {relative!r} leads outside its volume")
    return path
