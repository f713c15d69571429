"""Unpacking a layer's tar into a folder that overlayfs takes as a lower layer."""

import os
import shutil
import stat
import tarfile
from collections.abc import Sequence
from typing import IO

_OPAQUE = ".wh..wh..opq"
_WHITEOUT = ".wh."


def unpack_layer(stream: IO[bytes], target: str, lowers: Sequence[str]) -> int:
    """Extract a layer (tar, gz, bz2 or xz) and return its size in bytes.

    OCI whiteouts become overlayfs's own: a 0/0 character device, or the opaque attribute on a folder.
    `lowers` (topmost first) lend their attributes to folders that the tar implies but does not list.
    """
    size_bytes = 0
    folder_times: list[tuple[str, float]] = []
    with tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            name = os.path.normpath(member.name.lstrip("/"))
            if name == "." or name.startswith(".."):
                continue
            parent = _folder_inside(target, os.path.dirname(name), lowers)
            leaf = os.path.basename(name)
            path = f"{parent}/{leaf}"
            if leaf == _OPAQUE:
                os.setxattr(parent, "trusted.overlay.opaque", b"y")
            elif leaf.startswith(_WHITEOUT):
                os.mknod(f"{parent}/{leaf.removeprefix(_WHITEOUT)}", stat.S_IFCHR | 0o000, os.makedev(0, 0))
            else:
                _write_member(archive, member, path, target, lowers)
                size_bytes += member.size
                if member.isdir():
                    folder_times.append((path, member.mtime))
    for path, mtime_s in reversed(folder_times):
        os.utime(path, (mtime_s, mtime_s))
    return size_bytes


def _write_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, target: str, lowers: Sequence[str]
) -> None:
    if os.path.lexists(path) and not (member.isdir() and os.path.isdir(path) and not os.path.islink(path)):
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    if member.isdir():
        os.makedirs(path, exist_ok=True)
    elif member.issym():
        os.symlink(member.linkname, path)
    elif member.islnk():
        source = os.path.normpath(member.linkname.lstrip("/"))
        folder = _folder_inside(target, os.path.dirname(source), lowers)
        os.link(f"{folder}/{os.path.basename(source)}", path, follow_symlinks=False)
        return
    elif member.isreg():
        content = archive.extractfile(member)
        assert content is not None
        with open(path, "xb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
    elif member.isfifo():
        os.mkfifo(path)
    elif member.ischr() or member.isblk():
        kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
        os.mknod(path, kind | 0o600, os.makedev(member.devmajor, member.devminor))
    else:
        return
    os.lchown(path, member.uid, member.gid)
    if member.issym():
        return
    os.chmod(path, member.mode & 0o7777)
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr.security.capability"):
            os.setxattr(path, "security.capability", value.encode("utf-8", "surrogateescape"))
    if not member.isdir():
        os.utime(path, (member.mtime, member.mtime))


def _folder_inside(root: str, relative: str, lowers: Sequence[str]) -> str:
    """The real folder for a path inside root, made where it is missing; links never lead outside."""
    pending = [part for part in relative.split("/") if part]
    done: list[str] = []
    hops = 0
    while pending:
        part = pending.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        path = "/".join([root, *done, part])
        if os.path.islink(path) and hops < 40:
            hops += 1
            link = os.readlink(path)
            done = [] if link.startswith("/") else done
            pending = [step for step in link.split("/") if step and step != "."] + pending
            continue
        if not os.path.isdir(path):
            os.mkdir(path)
            _borrow_attributes(path, "/".join([*done, part]), lowers)
        done.append(part)
    return "/".join([root, *done])


def _borrow_attributes(path: str, relative: str, lowers: Sequence[str]) -> None:
    for lower in lowers:
        try:
            found = os.lstat(f"{lower}/{relative}")
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode):
            os.chown(path, found.st_uid, found.st_gid)
            os.chmod(path, stat.S_IMODE(found.st_mode))
            return
