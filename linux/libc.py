"""The system calls Python 3.11 does not wrap: setns, unshare, mount, umount2, pivot_root.

Built on the C half of ctypes alone: `import ctypes` takes 2 ms of a CNI plugin's start, this 0.3 ms.
Each function raises OSError with errno and, where there is one, the path.
"""

from __future__ import annotations

import os
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_USE_ERRNO,
    CFuncPtr,
    _SimpleCData,
    dlopen,
    dlsym,
    get_errno,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    _IntData = _SimpleCData[int]
    _BytesData = _SimpleCData[bytes]
else:
    _IntData = _BytesData = _SimpleCData  # not subscriptable at run time

CLONE_NEWTIME = 0x80
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "armv7l": 218, "ppc64le": 203, "s390x": 217}


class _Int(_IntData):
    _type_ = "i"


class _Long(_IntData):
    _type_ = "l"


class _ULong(_IntData):
    _type_ = "L"


class _Text(_BytesData):
    _type_ = "z"


class _IntFunction(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Int


_RTLD_NOW = 2
_this_process = dlopen(None, _RTLD_NOW)  # type: ignore[arg-type]  # NULL is the program itself


def _function(name: str, *argtypes: type) -> _IntFunction:
    function = _IntFunction(dlsym(_this_process, name))
    function.argtypes = argtypes
    return function


_setns = _function("setns", _Int, _Int)
_unshare = _function("unshare", _Int)
_mount = _function("mount", _Text, _Text, _Text, _ULong, _Text)
_umount2 = _function("umount2", _Text, _Int)


def _failed(path: str | None = None) -> OSError:
    errno = get_errno()
    return OSError(errno, os.strerror(errno), path) if path else OSError(errno, os.strerror(errno))


def setns(fd: int, kind: int = 0) -> None:
    """Move the calling thread into the namespace that fd refers to; kind is a CLONE_NEW* check, 0 any."""
    if _setns(fd, kind) != 0:
        raise _failed()


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces (CLONE_NEW*)."""
    if _unshare(flags) != 0:
        raise _failed()


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    result = _mount(
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        flags,
        None if data is None else os.fsencode(data),
    )
    if result != 0:
        raise _failed(target)


def umount2(target: str, flags: int) -> None:
    if _umount2(os.fsencode(target), flags) != 0:
        raise _failed(target)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make new_root the root of this mount namespace. By number: glibc has no wrapper."""
    machine = os.uname().machine
    number = SYS_PIVOT_ROOT.get(machine)
    if number is None:
        raise OSError(
            f"pivot_root: the system call number of {machine} is not known to linux/libc.py: add it"
        )
    syscall = _function("syscall", _Long, _Text, _Text)
    if syscall(number, os.fsencode(new_root), os.fsencode(put_old)) != 0:
        raise _failed(new_root)
