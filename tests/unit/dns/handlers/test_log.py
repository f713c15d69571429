from __future__ import annotations

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.handlers.request import Response
from dns.wire.query import Edns

KUBERNETES = "kubernetes cluster.local {\n ttl 30\n }"
HERE = "svc1.testns.svc.cluster.local."
GONE = "nosuch.testns.svc.cluster.local."


def lines(log: str, name: str = HERE, kind: str = "A", **fields: object) -> list[str]:
    """What is written for one question, of 120 bytes and 1.5 ms."""
    found = LocalServer(f". {{\n {log}\n {KUBERNETES}\n whoami\n}}", example_cluster())
    response = found._resolve(found.request(name, kind, client_port=4242, **fields))  # type: ignore[arg-type]
    assert isinstance(response, Response)
    for observe in response.observers:
        observe(1, 120, 0.0015)
    return found.lines


@pytest.mark.parametrize(
    ("form", "fields", "expected"),
    [
        (
            "",
            {},
            f'127.0.0.1:4242 - 1 "A IN {HERE} udp 47 false 512" NOERROR qr,aa,rd 120 0.001500s',
        ),
        (
            '. "{common}"',
            {"edns": Edns(1232, dnssec_ok=True), "client": "2001:db8::1"},
            f'[2001:db8::1]:4242 - 1 "A IN {HERE} udp 58 true 1232" NOERROR qr,aa,rd 120 0.001500s',
        ),
        (
            '. "{combined}"',
            {"proto": "tcp"},
            f'127.0.0.1:4242 - 1 "A IN {HERE} tcp 47 false 65535" NOERROR qr,aa,rd 120 0.001500s "0"',
        ),
        ('. "{type} {rcode} {local} {/log/x} {nonsense}"', {"local": "10.0.0.10"}, "A NOERROR 10.0.0.10 - -"),
        ('cluster.local "{name} took {duration}, {rsize} bytes"', {}, f"{HERE} took 0.001500s, 120 bytes"),
    ],
)
def test_formats(form: str, fields: dict[str, object], expected: str) -> None:
    assert lines(f"log {form}", **fields) == [f"info {expected}"]


@pytest.mark.parametrize(
    ("classes", "name", "written"),
    [
        ("success", HERE, True),
        ("success", GONE, False),
        ("denial", GONE, True),
        ("denial", HERE, False),
        ("error", GONE, False),
        ("denial success", HERE, True),
        ("all", GONE, True),
    ],
)
def test_classes(classes: str, name: str, written: bool) -> None:
    assert bool(lines(f"log {{\n class {classes}\n }}", name)) == written


def test_a_name_without_data_is_a_denial() -> None:
    assert lines("log {\n class denial\n }", HERE, "AAAA")


def test_names_outside_the_zones_are_not_logged() -> None:
    assert lines("log example.org") == []
    assert lines("log example.org cluster.local")


@pytest.mark.parametrize("log", ["log {\n class\n }", "log {\n class nonsense\n }", "log {\n colour red\n }"])
def test_mistakes_are_named_with_their_place(log: str) -> None:
    with pytest.raises(CorefileError, match=r"Corefile:3:"):
        lines(log)
