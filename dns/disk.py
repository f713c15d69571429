"""Files that a Corefile speaks of, and the addresses of this host."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
from collections.abc import Sequence
from glob import glob
from ipaddress import ip_address
from pathlib import Path

from dns.corefile.blocks import Importer
from dns.corefile.tokens import CorefileError, Token


def read_text(path: str) -> str:
    """Raises OSError."""
    return Path(path).read_text()


def read_bytes(path: str) -> bytes:
    """Raises OSError."""
    return Path(path).read_bytes()


def replace_bytes(path: str, data: bytes) -> None:
    """Write beside and rename: a reader sees the old file or the new one. Raises OSError."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + ".new")
    beside.write_bytes(data)
    beside.chmod(0o600)
    beside.replace(target)


def importer(folder: str) -> Importer:
    """`import` of files: a path or a pattern, relative to the Corefile's folder. A pattern may match nothing."""

    def texts(pattern: str, token: Token) -> Sequence[tuple[str, str]]:
        path = pattern if pattern.startswith("/") else str(Path(folder) / pattern)
        found = sorted(glob(path))
        if not found and not any(char in pattern for char in "*?["):
            raise CorefileError(f"import {pattern}: there is no such snippet or file", token)
        try:
            return [(one, Path(one).read_text()) for one in found if Path(one).is_file()]
        except OSError as problem:
            raise CorefileError(f"import {pattern}: {problem.strerror}", token) from problem

    return texts


def interface_addresses(word: str) -> tuple[str, ...]:
    """The addresses of the interface called word; word itself when it is an address."""
    try:
        return (str(ip_address(word)),)
    except ValueError:
        pass
    from linux.rtnl import Rtnl

    with Rtnl() as rtnl:
        link = rtnl.link(word)
        if link is None:
            return ()
        found = [one.ip for one in rtnl.addresses(link.ifindex)]
    return tuple(ip for ip in found if not ip_address(ip).is_link_local)


def own_addresses() -> tuple[str, ...]:
    """Every address of this host but loopback and link-local ones."""
    from linux.rtnl import Rtnl

    try:
        with Rtnl() as rtnl:
            found = [address.ip for address in rtnl.addresses()]
    except OSError:
        found = [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)]
    kept = []
    for ip in dict.fromkeys(found):
        value = ip_address(ip)
        if not value.is_loopback and not value.is_link_local:
            kept.append(ip)
    return tuple(kept)


def processor_count() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0))


def give_back_memory() -> None:
    """After the first state was read: what it took to read it goes back to the system, what stays is not walked again."""
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
