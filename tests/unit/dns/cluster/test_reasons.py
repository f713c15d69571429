"""The words that a client with EDNS is told."""

from __future__ import annotations

import pytest

from dns.fakes.cluster import LocalServer
from dns.wire import numbers
from dns.wire.query import Edns

Z = "cluster.local."
T = f"testns.svc.{Z}"


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (f"x.nons.svc.{Z}", "A", "namespace nons does not exist"),
        (f"nosuch.{T}", "A", "service testns/nosuch does not exist"),
        (f"kube-dns.{T}", "A", "kube-dns exists in kube-system"),
        (f"hdls-empty.{T}", "A", "no ready endpoints (2 not ready)"),
        (f"_x._tcp.svc1.{T}", "SRV", "named ports: _http._tcp"),
        (f"svc1.{T}", "AAAA", "has no IPv6 address"),
        (f"gone.svc1.{T}", "A", "no ready endpoint called gone"),
        ("9.9.9.10.in-addr.arpa.", "PTR", "no ready endpoint has this address"),
        (f"a.b.c.d.{T}", "A", "no name of this form"),
        (f"x.testns.pod.{Z}", "A", "no address with dashes"),
    ],
)
def test_reason_of_a_negative_answer(server: LocalServer, name: str, kind: str, words: str) -> None:
    edns = server.ask(name, kind, edns=Edns(1232)).edns
    assert edns is not None
    ((code, data),) = edns.options
    assert code == numbers.EXTENDED_ERROR
    assert words in data[2:].decode()
