"""Making the two images that need no registry: podnet/toolbox from this machine's own programs, podnet/host."""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Sequence

from linux import process
from nodeagent.images.builtin.content import FOLDERS, GROUP, PERL_PATH, SERVER, SERVER_PATH, USERS
from nodeagent.images.manifest import Image, ImageConfig
from nodeagent.images.reference import HOST_IMAGE, TOOLBOX_IMAGE

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


class MissingProgram(Exception):
    """A program that the toolbox is made from is not installed."""


def find_busybox() -> str:
    """The static busybox. Raises MissingProgram, also for a dynamically linked one, which needs its libraries."""
    path = process.find("busybox")
    if path is None:
        raise MissingProgram("podnet/toolbox is made from busybox: apt-get install -y busybox-static")
    with open(path, "rb") as file:
        if b"ld-linux" in file.read(4096) or b"ld-musl" in file.read(0):
            raise MissingProgram(f"{path} is not static: apt-get install -y busybox-static")
    return path


def build_toolbox(folder: str) -> str:
    """The toolbox's root folder below `folder`, made if absent; its name changes with its content."""
    busybox = find_busybox()
    perl = process.find("perl")
    if perl is None:
        raise MissingProgram("podnet/toolbox is made from perl-base: apt-get install -y perl-base")
    stamp = "\n".join(
        [SERVER, USERS, *(f"{p} {os.stat(p).st_size} {os.stat(p).st_mtime_ns}" for p in (busybox, perl))]
    )
    target = f"{folder}/toolbox-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    if os.path.isdir(target):
        return target
    os.makedirs(folder, exist_ok=True)
    scratch = tempfile.mkdtemp(dir=folder, prefix=".toolbox-")
    try:
        _fill_toolbox(scratch, busybox, perl)
        os.rename(scratch, target)
    except OSError:
        if not os.path.isdir(target):  # else another process was faster
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _fill_toolbox(root: str, busybox: str, perl: str) -> None:
    for name in FOLDERS:
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.chmod(root, 0o755)  # noqa: S103  a container's root folder
    os.chmod(f"{root}/tmp", 0o1777)  # noqa: S103, S108  the image's own /tmp, as everywhere
    shutil.copyfile(busybox, f"{root}/bin/busybox")
    os.chmod(f"{root}/bin/busybox", 0o755)  # noqa: S103  a program
    for applet in process.run([busybox, "--list"]).stdout.split():
        if applet != "busybox":
            os.symlink("/bin/busybox", f"{root}/bin/{applet}")
    shutil.copyfile(perl, root + PERL_PATH)
    os.chmod(root + PERL_PATH, 0o755)  # noqa: S103  a program
    for library in _LIBRARY.findall(process.run(["ldd", perl]).stdout):
        os.makedirs(os.path.dirname(root + library), exist_ok=True)
        shutil.copyfile(library, root + library)
        os.chmod(root + library, 0o755)  # noqa: S103  the dynamic linker must be executable
    for name, text in (("/etc/passwd", USERS), ("/etc/group", GROUP), (SERVER_PATH, SERVER)):
        with open(root + name, "w", encoding="utf-8") as file:
            file.write(text)
    os.chmod(root + SERVER_PATH, 0o755)  # noqa: S103  a program


def toolbox_image(root: str) -> Image:
    config = ImageConfig(env=(_PATH, "HOME=/root"), cmd=(SERVER_PATH,), stop_signal="SIGTERM")
    return Image(_image_id(root), f"docker.io/{TOOLBOX_IMAGE}:latest", config, (root,))


def build_hidden_layer(folder: str, hidden: Sequence[str]) -> str:
    """A layer that makes the given paths of the node absent: whiteouts under folders with the node's own modes."""
    name = hashlib.sha256("\n".join(sorted(hidden)).encode()).hexdigest()[:12]
    target = f"{folder}/hidden-{name}"
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    _copy_mode("/", target)
    for path in sorted({os.path.normpath(os.path.realpath(p)) for p in hidden}):
        _white_out(target, path)
    return target


def _white_out(layer: str, path: str) -> None:
    """Also what does not exist yet: then its first missing folder is what may not appear."""
    parts = path.strip("/").split("/")
    while len(parts) > 1 and not os.path.isdir("/" + "/".join(parts[:-1])):
        parts.pop()
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        copy = f"{layer}/{parent}"
        if os.path.lexists(copy) and not os.path.isdir(copy):
            return  # a folder above it is hidden already
        if not os.path.isdir(copy):
            os.mkdir(copy)
            _copy_mode(f"/{parent}", copy)
    leaf = f"{layer}/{'/'.join(parts)}"
    if not os.path.lexists(leaf):
        os.mknod(leaf, stat.S_IFCHR, os.makedev(0, 0))


def _copy_mode(source: str, target: str) -> None:
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))


def host_image(hidden_layer: str) -> Image:
    """This node's root file system; containers see it as it is, minus what is hidden."""
    config = ImageConfig(env=(_PATH, "HOME=/root"), cmd=("/bin/bash",))
    return Image(_image_id("host"), f"docker.io/{HOST_IMAGE}:latest", config, (hidden_layer, "/"), host=True)


def _image_id(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
