"""Session affinity in the `recent` match's lists (/proc/net/xt_recent): read, and written for a backend before."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kproxy.backends.iptables import names as n
from kproxy.forwarding import ForwardingTable, Remembered, keepers

_LISTS = Path("/proc/thread-self/net/xt_recent")
_ENTRY = re.compile(r"^src=(\S+) .*last_seen: (\d+)", re.MULTILINE)


def recall(table: ForwardingTable) -> list[Remembered]:
    """The kernel tells when a client was seen by a clock of its own, so each starts its time anew; of several
    endpoints the one where the client was last.
    """
    found: dict[tuple[object, str], tuple[int, Remembered]] = {}
    for service, endpoints in keepers(table):
        for endpoint in endpoints:
            for client, seen in _entries(n.own(n.ENDPOINT, service.name, str(endpoint))):
                key = (service.name, client)
                if key not in found or found[key][0] < seen:
                    left_s = float(service.affinity_timeout_s or 0)
                    found[key] = seen, Remembered(service.name, client, endpoint, left_s)
    return [remembered for _, remembered in found.values()]


def memorize(clients: Iterable[Remembered]) -> None:
    """Lists are there as long as a rule names them; what has none is passed over."""
    for client in clients:
        path = _LISTS / n.own(n.ENDPOINT, client.service, str(client.endpoint))
        with suppress(FileNotFoundError):
            path.write_text(f"+{client.client}\n")


def _entries(name: str) -> list[tuple[str, int]]:
    with suppress(FileNotFoundError):
        return [(ip, int(seen)) for ip, seen in _ENTRY.findall((_LISTS / name).read_text())]
    return []
