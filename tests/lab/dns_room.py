"""Namespaces of their own for DNS clients: kdns on port 53 of 127.0.0.1, and a resolv.conf that names it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from linux import netns

ROOT = Path(__file__).parents[2]
SEARCH = "testns.svc.cluster.local svc.cluster.local cluster.local host.example"
METRICS = "127.0.0.1:9153"

STANDINS = """
import asyncio
from dns.fakes.objects import example_cluster, pod
from dns.fakes.serve import FakeApi
from dns.fakes.upstream_serve import FakeUpstream
from dns.wire import numbers, records

WWW = "www.example.com."
ANSWERS = {
    (WWW, numbers.A): (records.address(WWW, 300, "192.0.2.1"),),
    (WWW, numbers.AAAA): (records.address(WWW, 300, "2001:db8::1"),),
    ("ext.example.org.", numbers.A): (records.address("ext.example.org.", 60, "192.0.2.9"),),
}

async def main():
    api = FakeApi([*example_cluster(), pod("client", "127.0.0.1")])
    upstream = FakeUpstream(ANSWERS)
    print(await api.start(), await upstream.start(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
COREFILE = """
.:53 {{
    bind 127.0.0.1
    errors
    prometheus {metrics}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        endpoint {api}
        pods insecure
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . {upstream}
    cache 30
    loadbalance
}}
.:53 {{
    bind 127.0.0.3
    prometheus {metrics}
    autopath @kubernetes
    kubernetes cluster.local {{
        endpoint {api}
        pods verified
        ttl 30
    }}
    forward . {upstream}
}}
"""


class Room:
    """Runs commands where kdns is the resolver."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.folder = folder
        self._pid = pid

    def argv(self, words: Sequence[str]) -> list[str]:
        return ["nsenter", "-t", str(self._pid), "-n", "-m", "--", *words]

    def run(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(words), capture_output=True, text=True, check=False, timeout=timeout_s, cwd=ROOT
        )

    def resolve_by(self, server: str = "127.0.0.1", *, ndots: int = 5) -> None:
        text = f"nameserver {server}\nsearch {SEARCH}\noptions ndots:{ndots} timeout:30\n"
        (self.folder / "resolv.conf").write_text(text)

    def asked_count(self, server: str = "127.0.0.1") -> int:
        """Questions that kdns has answered at one of its addresses."""

        def read() -> str:
            with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=60) as reply:
                return str(reply.read().decode())

        with Path(f"/proc/{self._pid}/ns/net").open() as place:
            text = netns.run_in(place.fileno(), read)
        wanted = f'coredns_dns_requests_total{{server="dns://{server}:53"'
        return int(sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(wanted)))


@contextmanager
def room(folder: Path) -> Iterator[Room]:
    """Everything in it ends with it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(words: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        with (folder / log).open("wb") as out:
            started.append(subprocess.Popen(words, stdout=out, stderr=out, cwd=ROOT))
        return started[-1]

    def text_of(log: str, wanted: str) -> str:
        end = time.monotonic() + 90
        while wanted not in (text := (folder / log).read_text()):
            assert time.monotonic() < end, text
            time.sleep(0.02)
        return text

    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    setup = (
        f"ip link set lo up && mount --bind {resolv} /etc/resolv.conf && echo ready && exec sleep infinity"
    )
    try:
        sleeper = start(["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", setup], "room.log")
        text_of("room.log", "ready")
        found = Room(folder, sleeper.pid)
        start(found.argv([sys.executable, "-c", STANDINS]), "standins.log")
        api, upstream = text_of("standins.log", "\n").split()
        corefile = folder / "Corefile"
        corefile.write_text(COREFILE.format(api=api, upstream=upstream, metrics=METRICS))
        start(found.argv([sys.executable, "-m", "dns.cli", "-conf", str(corefile)]), "kdns.log")
        text_of("kdns.log", "serving")
        found.resolve_by()
        yield found
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
