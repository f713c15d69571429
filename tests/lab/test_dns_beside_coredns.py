"""The same questions to kdns and to a real CoreDNS over the same objects; every answer must be the same.

Needs `coredns` in PATH or its path in COREDNS (go install github.com/coredns/coredns@v1.14.7); skipped without.
Not compared: the SOA serial, TTLs in reverse zones (CoreDNS keeps those answers, kdns never keeps the cluster's), and
the order of addresses, which both shuffle.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dns.fakes.objects import example_cluster
from dns.fakes.serve import FakeApi
from dns.fakes.upstream_serve import FakeUpstream
from dns.wire import encode, message, names, numbers, records
from dns.wire.query import Edns
from dns.wire.records import Record
from tests.ports import free_port

COREDNS = os.environ.get("COREDNS") or shutil.which("coredns") or ""
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not COREDNS, reason="no coredns in PATH nor in COREDNS"),
]

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        endpoint {api}
        pods insecure
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . {upstream}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loadbalance
}}
"""
Z = "cluster.local."
NAMES = [
    *(f"{one}{Z}" for one in (
        "", "svc.", "pod.", "foo.", "dns.", "ns.dns.", "dns-version.", "x.dns-version.", "testns.svc.", "empty.svc.",
        "nons.svc.", "testns.pod.", "nons.pod.", "a.b.c.d.svc.", "svc1.*.svc.", "nosuch.nons.svc.",
        "1-2-3-4.testns.pod.", "1-2-3-4.nons.pod.", "1-2-3-256.testns.pod.", "2001-db8--1.testns.pod.",
        "x.y.1-2-3-4.testns.pod.", "x.1-2-3-4.testns.pod.", "a.b.c.1-2-3-4.testns.pod.", "--1.testns.pod.",
        "kube-dns.kube-system.svc.", "_dns._udp.kube-dns.kube-system.svc.",
    )),
    *(f"{one}.testns.svc.{Z}" for one in (
        "svc1", "SVC1", "dual", "six", "three", "unnamed", "portless", "quiet", "hdls1", "hdls2", "hdls-empty",
        "hdls-portless", "hdls6", "external", "external-in", "external-gone", "external-self", "external-ip",
        "external-hdls", "x.external", "nosuch", "*", "any", "_http._tcp.svc1", "http.tcp.svc1", "_http._udp.svc1",
        "_dns._udp.three", "_tcp.svc1", "_s._sctp.three", "_http._tcp.hdls1", "_alt._tcp.hdls1", "dup-name.hdls1",
        "172-0-0-2.hdls1", "172-0-0-3.hdls1", "pod-x.hdls1", "172-0-1-2.svc1", "named.svc1", "172-0-1-3.svc1",
        "2001-db8--1.hdls6", "2001-db8--0.hdls6", "svc1-a.svc1", "172-0-0-40.hdls-portless", "_tcp.three",
    )),
    *(records.reverse_name(ip) for ip in (
        "10.0.0.100", "172.0.0.3", "172.0.0.2", "172.0.0.9", "172.0.1.2", "fd00:10::101", "2001:db8::1", "2001:db8::",
        "fd00:172::4", "::9",
    )),
    *("0.0.172.in-addr.arpa.", "in-addr.arpa.", "ip6.arpa.", "x.2.0.0.172.in-addr.arpa."),
    *("www.example.com.", "ext.example.org.", "txt.example.org.", "mx.example.org.", "nx.example.org.", "com.", "."),
    "SvC1.TestNS.svc.ClUsTeR.LoCaL.",
    "noSuch.TestNS.svc.ClUsTeR.LoCaL.",
]  # fmt: skip
TYPES = (
    "A",
    "AAAA",
    "SRV",
    "PTR",
    "CNAME",
    "TXT",
    "SOA",
    "NS",
    "MX",
    "ANY",
    "HTTPS",
    "DS",
    "AXFR",
    "TYPE999",
)
ANSWERS = {
    ("www.example.com.", numbers.A): tuple(
        records.address("www.example.com.", 300, f"192.0.2.{i}") for i in (1, 2)
    ),
    ("ext.example.org.", numbers.CNAME): (records.cname("ext.example.org.", 77, "real.example.org."),),
    ("real.example.org.", numbers.A): (records.address("real.example.org.", 44, "192.0.2.9"),),
    ("txt.example.org.", numbers.TXT): (records.txt("txt.example.org.", 44, "hello", "x"),),
    ("mx.example.org.", numbers.MX): (records.mx("mx.example.org.", 44, 5, "a.example.org."),),
}


class Pair:
    """Both servers, and what they rest on."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.api, self.upstream = FakeApi(example_cluster()), FakeUpstream(ANSWERS)
        api, upstream = self.call(self.api.start()), self.call(self.upstream.start())
        self.ports: list[int] = []
        self.processes = []
        for name, command in (("kdns", [sys.executable, "-m", "dns.cli"]), ("coredns", [COREDNS])):
            port = free_port()
            corefile = folder / name
            corefile.write_text(COREFILE.format(port=port, api=api, upstream=upstream))
            with (folder / f"{name}.log").open("wb") as log:
                self.processes.append(
                    subprocess.Popen([*command, "-conf", str(corefile)], stdout=log, stderr=log)
                )
            self.ports.append(port)
        packet = encode.question(1, f"svc1.testns.svc.{Z}", numbers.A)
        end = time.monotonic() + 90
        while not all((reply := self.ask(port, packet)) and reply[7] for port in self.ports):
            assert time.monotonic() < end, "a server did not start"
            time.sleep(0.1)

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def ask(self, port: int, packet: bytes, *, tcp: bool = False) -> bytes | None:
        try:
            if tcp:
                with socket.create_connection(("127.0.0.1", port), 1.0) as sock:
                    sock.sendall(len(packet).to_bytes(2, "big") + packet)
                    stream = sock.makefile("rb")
                    data = stream.read(int.from_bytes(stream.read(2), "big"))
                    stream.close()
                    return data or None
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0.6)
                sock.connect(("127.0.0.1", port))
                sock.send(packet)
                return sock.recv(65_535)
        except OSError:
            return None

    def differ(self, packet: bytes, *, tcp: bool = False) -> str:
        ours, theirs = (summary(self.ask(port, packet, tcp=tcp)) for port in self.ports)
        return "" if ours == theirs else f"kdns {ours}\n   coredns {theirs}"

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.call(self.api.stop())
        self.call(self.upstream.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


def summary(data: bytes | None) -> object:
    if data is None:
        return None
    found = message.decode(data)
    edns = found.edns
    return (
        *(hex(found.flags), found.rcode, found.name, found.kind, found.question_count),
        *(
            sorted(comparable(record) for record in one)
            for one in (found.answer, found.authority, found.additional)
        ),
        None
        if edns is None
        else (
            edns.size_bytes,
            edns.version,
            edns.dnssec_ok,
            [o for o in edns.options if o[0] != numbers.EXTENDED_ERROR],
        ),
    )


def comparable(record: Record) -> str:
    if record.kind == numbers.SOA and record.name.lower().endswith((Z, "arpa.")):
        return f"{record.name} SOA"
    text = records.line_of(record)
    return (
        text.replace(f"\t{record.ttl}\t", "\t", 1)
        if "arpa" in record.name or "example" in record.name
        else text
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    found = Pair(tmp_path_factory.mktemp("pair"))
    yield found
    found.close()


@pytest.mark.parametrize("edns", [None, Edns(1232, options=((numbers.COOKIE, b"12345678"),))])
def test_every_name_and_type(pair: Pair, edns: Edns | None) -> None:
    found = []
    for name in NAMES:
        for kind in TYPES:
            packet = encode.question(77, name, numbers.type_number(kind), edns=edns)
            if difference := pair.differ(packet):
                found.append(f"{name} {kind}\n   {difference}")
    assert found == []


QUESTION = names.encode(f"svc1.testns.svc.{Z}") + b"\0\1\0\1"


def header(flags: int = 0x100, qd: int = 1, an: int = 0, ns: int = 0, ar: int = 0) -> bytes:
    return struct.pack("!HHHHHH", 1, flags, qd, an, ns, ar)


def opt(size: int = 1232, version: int = 0, flags: int = 0, data: bytes = b"", owner: bytes = b"\0") -> bytes:
    return owner + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(data)) + data


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


ODD = {
    "a fragment": b"123",
    "a reply": header(0x8100) + QUESTION,
    "a header alone": header(),
    "no question": header(qd=0),
    "two questions": header(qd=2) + QUESTION + QUESTION,
    "answers announced": header(an=1) + QUESTION,
    "two answers announced": header(an=2) + QUESTION,
    "authority announced": header(ns=1) + QUESTION,
    "three additional": header(ar=3) + QUESTION,
    "two additional, missing": header(ar=2) + QUESTION,
    "status": header(0x1100) + QUESTION,
    "inverse query": header(0x0900) + QUESTION,
    "update": header(0x2900) + QUESTION,
    "notify": header(0x2100) + QUESTION,
    "notify with flags": header(0x27B0) + QUESTION,
    "opcode 6": header(0x3100) + QUESTION,
    "garbage behind": header() + QUESTION + b"garbage",
    "a question without its class": header() + QUESTION[:-2],
    "a name cut short": header() + QUESTION[:6],
    "a label type of 0x40": header() + b"\x41a\0\0\1\0\1",
    "a pointer to itself": header() + b"\xc0\x0c\0\1\0\1",
    "a pointer ahead": header() + b"\xc0\x20\0\1\0\1",
    "a name of over 255 bytes": header() + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
    "all flags": header(0x07B0) + QUESTION,
    "an rcode in the question": header(0x0105) + QUESTION,
    "two questions with flags": header(0x07B5, qd=2) + QUESTION,
    "EDNS": header(ar=1) + QUESTION + opt(),
    "DO": header(ar=1) + QUESTION + opt(flags=0x8000),
    "a size of 100": header(ar=1) + QUESTION + opt(100),
    "EDNS version 1": header(0x01B0, ar=1) + QUESTION + opt(version=1),
    "two OPTs": header(ar=2) + QUESTION + opt() + opt(4096, flags=0x8000),
    "an OPT with a name": header(ar=1) + QUESTION + opt(owner=names.encode("x.")),
    "an OPT cut short": header(ar=1) + QUESTION + opt()[:-1],
    "an OPT as answer": header(an=1) + QUESTION + opt(),
    "NSID": header(ar=1) + QUESTION + opt(data=option(3, b"")),
    "a short cookie": header(ar=1) + QUESTION + opt(data=option(10, b"abc")),
    "client subnet": header(ar=1) + QUESTION + opt(data=option(8, b"\0\1\x18\0\1\2\3")),
    "a broken client subnet": header(ar=1) + QUESTION + opt(data=option(8, b"\0\1")),
    "keepalive": header(ar=1) + QUESTION + opt(data=option(11, b"")),
    "padding": header(ar=1) + QUESTION + opt(data=option(12, b"\0" * 9)),
    "an unknown option": header(ar=1) + QUESTION + opt(data=option(65_001, b"zz")),
    "half an option": header(ar=1) + QUESTION + opt(data=b"\0\3\0"),
    "class CHAOS": header() + QUESTION[:-1] + b"\3",
    "class 0": header() + QUESTION[:-1] + b"\0",
    "class ANY": header() + QUESTION[:-1] + b"\xff",
    "a dot inside a label": header() + b"\3a.b\6testns\3svc\7cluster\5local\0\0\1\0\1",
    "a zero byte inside a label": header() + b"\3a\0b\6testns\3svc\7cluster\5local\0\0\1\0\1",
    "bytes above 127": header() + b"\3\xff\xfe\x80\7cluster\5local\0\0\1\0\1",
    "a space inside a label": header() + b"\3a b\7cluster\5local\0\0\1\0\1",
}


@pytest.mark.parametrize("tcp", [False, True])
def test_odd_packets(pair: Pair, tcp: bool) -> None:
    found = {what: difference for what, packet in ODD.items() if (difference := pair.differ(packet, tcp=tcp))}
    assert found == {}
