"""A host's addresses, for upstream servers that are given by name: asked once, when a configuration is built."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

from dns.upstream.targets import split_port
from dns.wire import encode, message, names, numbers, records

TIMEOUT_S = 2.0
_GAI_TEXT = "no such host"


def host_addresses(host: str, servers: Sequence[str]) -> tuple[str, ...]:
    """Asked of `servers` (HOST:PORT), the first that answers; without any, by the system's resolver. Raises OSError."""
    if not servers:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except socket.gaierror as problem:
            raise OSError(problem.errno or -2, problem.strerror or _GAI_TEXT) from problem
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    failures: list[str] = []
    for server in servers:
        try:
            found_here = [ip for kind in (numbers.A, numbers.AAAA) for ip in _ask(host, kind, server)]
        except (OSError, message.BadMessage) as problem:
            failures.append(f"{server}: {problem}")
            continue
        if found_here:
            return tuple(dict.fromkeys(found_here))
    raise OSError(-2, "; ".join(failures) or _GAI_TEXT)


def _ask(host: str, kind: int, server: str) -> list[str]:
    place, port = split_port(server, 53)
    packet = encode.question(random.SystemRandom().getrandbits(16), names.absolute(host), kind)
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect((place, port))
        sock.send(packet)
        while True:
            data = sock.recv(65_535)
            if data[:2] == packet[:2]:
                break
    return [records.text_of(one) for one in message.decode(data).answer if one.kind == kind]
