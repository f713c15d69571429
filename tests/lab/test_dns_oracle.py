"""dnspython reads what kdns writes, and writes what kdns reads.

It is called `dns` as our package is, so it lives in an environment of its own, `.venv-uv/dnspython`, made here from
PyPI when it is first needed; without PyPI the tests are skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dns.fakes.cluster import LocalServer
from dns.fakes.objects import endpoint, endpoint_slice, example_cluster, service
from dns.wire import encode, message, names, numbers, records
from dns.wire.query import Edns, Query, parse
from dns.zonefile.master import parse_zone

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv-uv" / "dnspython"
VERSION = "dnspython==2.7.0"
Z = "cluster.local."
T = f"testns.svc.{Z}"
COREFILE = f". {{\n kubernetes {Z} in-addr.arpa ip6.arpa {{\n pods insecure\n ttl 30\n }}\n loadbalance\n}}"

READ = """
import json, sys
import dns.flags, dns.message, dns.rcode, dns.rdatatype, dns.zone
work = json.load(sys.stdin)
found = {"replies": [], "questions": [], "zone": []}
for text in work["replies"]:
    one = dns.message.from_wire(bytes.fromhex(text))
    sections = [sorted(
        f"{rrset.name} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {rdata}"
        for rrset in section for rdata in rrset) for section in (one.answer, one.authority, one.additional)]
    found["replies"].append({
        "id": one.id, "rcode": dns.rcode.to_text(one.rcode()), "flags": dns.flags.to_text(one.flags),
        "question": f"{one.question[0].name} {dns.rdatatype.to_text(one.question[0].rdtype)}",
        "edns": one.edns, "size": one.payload, "do": bool(one.ednsflags & dns.flags.DO), "sections": sections,
        "errors": [option.text for option in one.options if option.otype == 15]})
for name, kind, edns, do in work["questions"]:
    more = {"use_edns": 0, "want_dnssec": do, "payload": 1232} if edns else {}
    query = dns.message.make_query(name, kind, **more)
    found["questions"].append(query.to_wire().hex())
if work["zone"]:
    zone = dns.zone.from_text(work["zone"], origin="example.org.", relativize=False)
    found["zone"] = sorted(
        f"{name} {ttl} {dns.rdatatype.to_text(data.rdtype)} {data.to_generic(None).data.hex()}"
        for name, ttl, data in zone.iterate_rdatas())
json.dump(found, sys.stdout)
"""

ZONE = """
$TTL 1h
@       IN SOA  ns.example.org. admin.example.org. ( 2024 7200 ; refresh
                1800 86400 300 )
        IN NS   ns
        300     IN MX 10 mail
ns      IN A    192.0.2.1
        IN AAAA 2001:db8::1
www     30m IN CNAME ns
_s._tcp IN SRV  0 5 80 www.example.org.
text    IN TXT  "a b" "semi;colon" plain
*.wild  IN A    192.0.2.7
caa     IN CAA  0 issue "ca.example.net"
"""


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that has dnspython and nothing of ours."""
    found = HOME / "bin" / "python"
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True, timeout=300)
    have = subprocess.run([found, "-I", "-c", "import dns.message"], capture_output=True, check=False)
    if have.returncode:
        pip = [found, "-m", "pip", "install", "-q", "--retries", "1", "--timeout", "10", VERSION]
        try:
            subprocess.run(pip, capture_output=True, text=True, check=True, timeout=120)
        except subprocess.SubprocessError as error:
            pytest.skip(f"PyPI does not give {VERSION}: {error} {getattr(error, 'stderr', '')}")
    return str(found)


def oracle(python: str, **work: Any) -> dict[str, Any]:
    whole = {"replies": [], "questions": [], "zone": "", **work}
    found = subprocess.run(
        [python, "-I", "-c", READ],
        input=json.dumps(whole),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))


def asked_names() -> list[str]:
    found = [
        f"{one}{T}"
        for one in (
            *(
                "svc1.",
                "dual.",
                "six.",
                "three.",
                "hdls1.",
                "hdls2.",
                "hdls6.",
                "external-in.",
                "nosuch.",
                "big.",
            ),
            *("_http._tcp.svc1.", "_http._tcp.hdls1.", "dup-name.hdls1.", "172-0-0-2.hdls1.", "SVC1."),
        )
    ]
    found += [Z, f"svc.{Z}", f"dns-version.{Z}", f"1-2-3-4.testns.pod.{Z}", f"nope.{Z}"]
    return [
        *found,
        *(records.reverse_name(ip) for ip in ("10.0.0.100", "172.0.0.2", "2001:db8::1", "10.9.9.9")),
    ]


def test_every_answer_reads_the_same(python: str) -> None:
    big = [
        service("big"),
        endpoint_slice("big", *(endpoint(f"10.9.{i // 250}.{i % 250 + 1}") for i in range(300))),
    ]
    server = LocalServer(COREFILE, [*example_cluster(), *big], local_ips=("172.0.0.2",))
    rng = Random(7)
    packets, replies = [], []
    for name in asked_names():
        for kind in ("A", "AAAA", "SRV", "PTR", "TXT", "SOA", "NS", "MX", "CNAME", "HTTPS", "ANY"):
            edns = rng.choice([None, Edns(1232, 0, True), Edns(4096)])
            packet = encode.question(rng.getrandbits(16), name, numbers.type_number(kind), edns=edns)
            reply = server.raw(packet)
            assert reply is not None
            packets.append(packet)
            replies.append(reply)
    found = oracle(python, replies=[one.hex() for one in replies])["replies"]
    for packet, reply, theirs in zip(packets, replies, found, strict=True):
        query, ours = parse(packet), message.decode(reply)
        assert isinstance(query, Query)
        assert theirs["id"] == query.packet_id
        assert theirs["rcode"] == numbers.rcode_name(ours.rcode)
        assert theirs["question"] == f"{query.name} {numbers.type_name(query.kind)}"
        assert ("TC" in theirs["flags"]) == ours.truncated
        sections = [
            sorted(
                {
                    f"{one.name} {one.ttl} {numbers.type_name(one.kind)} {records.text_of(one)}"
                    for one in section
                }
            )
            for section in (ours.answer, ours.authority, ours.additional)
        ]
        assert theirs["sections"] == sections
        assert (theirs["edns"] == 0) == (query.edns is not None)
        if query.edns is not None:
            assert (theirs["size"], theirs["do"]) == (query.edns.size_bytes, query.edns.dnssec_ok)


def test_reasons_are_extended_errors(python: str) -> None:
    server = LocalServer(COREFILE, example_cluster())
    reply = server.raw(encode.question(1, f"nosuch.{T}", numbers.A, edns=Edns(1232)))
    assert reply is not None
    (found,) = oracle(python, replies=[reply.hex()])["replies"]
    assert found["errors"] == ["service testns/nosuch does not exist"]


def test_its_questions_are_understood(python: str) -> None:
    questions = [
        (name, kind, edns, do)
        for name in (f"svc1.{T}", "www.example.com.", ".", r"a\.b.example.", "xn--bcher-kva.example.")
        for kind in ("A", "SRV", "TYPE65")
        for edns, do in ((False, False), (True, False), (True, True))
    ]
    packets = oracle(python, questions=questions)["questions"]
    for (name, kind, edns, do), packet in zip(questions, packets, strict=True):
        query = parse(bytes.fromhex(packet))
        assert isinstance(query, Query)
        assert (query.name, query.kind) == (name, numbers.type_number(kind))
        assert (query.edns is not None) is edns
        assert query.dnssec_ok is do


def test_a_zone_file_reads_the_same(python: str) -> None:
    theirs = oracle(python, zone=ZONE)["zone"]
    ours = []
    for one in parse_zone(ZONE, "example.org."):
        data = one.data
        if not isinstance(data, bytes):
            data = data.prefix + b"".join(names.encode(name) for name in data.names) + data.suffix
        ours.append(f"{one.name} {one.ttl} {numbers.type_name(one.kind)} {data.hex()}")
    assert sorted(ours) == theirs
