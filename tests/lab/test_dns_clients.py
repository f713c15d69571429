"""Real clients: kdig, dnsperf, getaddrinfo of glibc and of musl with a pod's resolv.conf, and a strict stub."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.dns_room import Room, room

pytestmark = pytest.mark.lab

LOOKUP_C = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int count, char **words) {
    struct addrinfo hints, *found, *one;
    char text[64];
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    int problem = getaddrinfo(words[1], 0, &hints, &found);
    if (problem) { printf("error %s\n", problem == EAI_NONAME ? "no such name" : gai_strerror(problem)); return 0; }
    for (one = found; one; one = one->ai_next) {
        void *address = one->ai_family == AF_INET6
            ? (void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr
            : (void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr;
        puts(inet_ntop(one->ai_family, address, text, sizeof text));
    }
    return 0;
}
"""
STUB = """
import random, socket
from dns.wire import encode, message, names, numbers
from dns.wire.query import Edns

rng = random.Random(5)
NAMES = ["svc1.testns.svc.cluster.local.", "dual.testns.svc.cluster.local.", "hdls1.testns.svc.cluster.local.",
         "nosuch.testns.svc.cluster.local.", "www.example.com.", "nothing.example.net."]
count = 0
for turn in range(60):
    for name in NAMES:
        spelled = "".join(one.upper() if rng.random() < 0.5 else one for one in name)
        edns = Edns(rng.choice([512, 1232, 4096]), 0, turn % 2 == 0)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", 53))
        packets = {}
        for kind in (numbers.A, numbers.AAAA):  # both at once from one socket, as resolvers do
            packet = encode.question(rng.getrandbits(16), spelled, kind, edns=edns)
            packets[packet[:2]] = packet
            sock.send(packet)
        while packets:
            reply = sock.recv(4096)
            packet = packets.pop(reply[:2])
            end = 12 + len(names.encode(spelled)) + 4
            assert reply[12:end] == packet[12:end], "the question did not come back letter by letter"
            found = message.decode(reply)
            assert found.flags & numbers.QR and found.flags & numbers.RD and not found.flags & numbers.AD
            assert found.edns is not None and found.edns.version == 0
            assert found.edns.dnssec_ok == edns.dnssec_ok and len(reply) <= max(edns.size_bytes, 512)
            assert found.rcode == (3 if name.startswith("no") else 0), (name, found.rcode)
            assert all(one.name.lower() == name for one in found.answer)
            count += 1
        sock.close()
print(count)
"""


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room(tmp_path_factory.mktemp("room")) as found:
        yield found


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is missing: apt-get install {package}")
    return found


@pytest.fixture(scope="module", params=["glibc", "musl"])
def lookup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A program that prints what the C library's getaddrinfo finds."""
    libc = request.param
    compiler = need("cc", "gcc") if libc == "glibc" else need("musl-gcc", "musl-tools")
    folder = tmp_path_factory.mktemp(libc)
    source, program = folder / "lookup.c", folder / "lookup"
    source.write_text(LOOKUP_C)
    linking = ["-static"] if libc == "musl" else []
    subprocess.run([compiler, *linking, "-o", str(program), str(source)], check=True)
    return str(program)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("svc1", {"10.0.0.100"}),  # the first of the search list
        ("svc1.testns", {"10.0.0.100"}),  # the second
        ("svc1.testns.svc", {"10.0.0.100"}),  # the third
        ("svc1.testns.svc.cluster.local", {"10.0.0.100"}),
        ("svc1.testns.svc.cluster.local.", {"10.0.0.100"}),
        ("dual", {"10.0.0.101", "fd00:10::101"}),
        ("www.example.com", {"192.0.2.1", "2001:db8::1"}),  # after the whole list
        ("www.example.com.", {"192.0.2.1", "2001:db8::1"}),
        ("external", {"192.0.2.9"}),  # an alias to a name outside
        ("nosuch", {"error no such name"}),
        ("nosuch.testns.svc.cluster.local.", {"error no such name"}),
    ],
)
def test_getaddrinfo_with_a_pods_search_path(
    inside: Room, lookup: str, name: str, expected: set[str]
) -> None:
    inside.resolve_by()
    found = inside.run(lookup, name)
    assert set(found.stdout.split("\n")[:-1]) == expected, found.stderr


def test_a_headless_services_addresses_all_come(inside: Room, lookup: str) -> None:
    inside.resolve_by()
    assert len(set(inside.run(lookup, "hdls1").stdout.split())) >= 3


@pytest.mark.parametrize(
    ("server", "ndots", "asked"),
    [
        ("127.0.0.1", 5, 10),  # five names of the search path and the bare one less: each with A and AAAA
        ("127.0.0.1", 2, 2),  # the bare name first
        ("127.0.0.3", 5, 2),  # autopath walks the search path itself
    ],
)
def test_what_the_search_path_costs(inside: Room, lookup: str, server: str, ndots: int, asked: int) -> None:
    inside.resolve_by(server, ndots=ndots)
    before = inside.asked_count(server)
    assert set(inside.run(lookup, "www.example.com").stdout.split()) == {"192.0.2.1", "2001:db8::1"}
    assert inside.asked_count(server) - before == asked


def test_a_stub_that_checks_case_edns_and_size(inside: Room) -> None:
    found = inside.run(sys.executable, "-c", STUB)
    assert found.stdout == "720\n", found.stderr


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_kdig(inside: Room, transport: str) -> None:
    kdig = need("kdig", "knot-dnsutils")

    def ask(*words: str) -> str:
        found = inside.run(kdig, "@127.0.0.1", transport, "+retry=0", "+time=30", *words)
        assert not re.search(";; (WARNING|ERROR)", found.stdout + found.stderr), found.stdout + found.stderr
        return found.stdout

    name = "three.testns.svc.cluster.local"
    assert "status: NOERROR" in ask("+edns", "+dnssec", name)
    assert re.search(r"\sSRV\s+0 33 \d+ three\.testns", ask(name, "SRV"))
    assert "svc1.testns.svc.cluster.local." in ask("-x", "10.0.0.100")
    assert "service testns/nosuch does not exist" in ask("+edns", "nosuch.testns.svc.cluster.local")
    assert "192.0.2.1" in ask("+edns", "+nsid", "+bufsize=1232", "www.example.com")
    assert "192.0.2.1" in ask("+cookie", "www.example.com")
    assert "192.0.2.1" in ask("+padding=128", "www.example.com")


@pytest.mark.parametrize("mode", ["udp", "tcp"])
def test_dnsperf_loses_nothing(inside: Room, mode: str, tmp_path: Path) -> None:
    dnsperf = need("dnsperf", "dnsperf")
    names = ["svc1.testns.svc.cluster.local A", "dual.testns.svc.cluster.local AAAA", "www.example.com A"]
    names += [f"w{index}.svc.cluster.local A" for index in range(50)]
    data = tmp_path / "names"
    data.write_text("\n".join(names) + "\n")
    words = [
        dnsperf,
        "-s",
        "127.0.0.1",
        "-m",
        mode,
        "-d",
        str(data),
        "-c",
        "4",
        "-l",
        "1",
        "-q",
        "50",
        "-e",
        "-t",
        "60",
    ]
    found = inside.run(*words)
    assert re.search(r"Queries lost:\s+0 ", found.stdout), found.stdout + found.stderr
    completed = re.search(r"Queries completed:\s+(\d+) ", found.stdout)
    assert completed
    assert int(completed[1]) >= 50  # what it sends at once
