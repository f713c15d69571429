"""Starting without the API, TLS on both sides, and what resolvers of libc see."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dns.fakes.objects import example_cluster, namespace, service
from dns.fakes.serve import FakeApi
from dns.handlers.loop import PROBE_AFTER_S
from dns.wire import encode, message, numbers, records
from linux.process import run
from tests.patience import until
from tests.ports import free_port

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("dig") is None, reason="dig is missing: apt-get install bind9-dnsutils"),
]


@contextmanager
def kdns(corefile: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (corefile.parent / "kdns.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "dns.cli", "-conf", str(corefile)], stdout=log, stderr=log
    )
    try:
        until(lambda: b"serving" in (corefile.parent / "kdns.log").read_bytes(), "kdns did not start")
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def dig(port: int, *words: str) -> str:
    return run(["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=20", *words], check=False).stdout


@contextmanager
def api(objects: list[dict[str, object]], port: int = 0) -> Iterator[str]:
    import threading

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fake = FakeApi(objects)
    try:
        yield asyncio.run_coroutine_threadsafe(fake.start(port=port), loop).result(60)
    finally:
        asyncio.run_coroutine_threadsafe(fake.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


def test_a_start_without_the_api_answers_from_the_last_snapshot(tmp_path: Path) -> None:
    port, api_port = free_port(), free_port()
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        f".:{port} {{\n bind 127.0.0.1\n kubernetes cluster.local {{\n endpoint http://127.0.0.1:{api_port}\n"
        f" snapshot {tmp_path}/state/zone\n startup_timeout 300ms\n }}\n}}\n"
    )
    name = "svc1.testns.svc.cluster.local"
    with api(example_cluster(), api_port), kdns(corefile):
        until(lambda: dig(port, "+short", name) == "10.0.0.100\n", "it never heard of the API")
        until((tmp_path / "state/zone").exists, "no snapshot was written")
    with kdns(corefile):  # no API
        text = dig(port, name)
        assert "10.0.0.100" in text
        assert "Stale Answer" in text
        assert "status: NXDOMAIN" in dig(port, "nosuch.testns.svc.cluster.local")
        others = [namespace("testns"), service("other", ["10.0.0.7"])]
        with api(others, api_port):
            until(lambda: dig(port, "+short", name) == "", "what the API does not know stays")
            assert dig(port, "+short", "other.testns.svc.cluster.local") == "10.0.0.7\n"
            assert "Stale" not in dig(port, "other.testns.svc.cluster.local")


def test_who_looks_for_a_loop_asks_when_there_is_somebody_to_ask(tmp_path: Path) -> None:
    """A start may wait seconds for the API, longer than the question is put off."""
    port, wait_ms = free_port(), int(1000 * PROBE_AFTER_S) + 400
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        f".:{port} {{\n bind 127.0.0.1\n log\n loop\n kubernetes cluster.local {{\n"
        f" endpoint http://127.0.0.1:{free_port()}\n startup_timeout {wait_ms}ms\n }}\n"
        f" forward . 127.0.0.1:{port}\n}}\n"
    )
    log = tmp_path / "kdns.log"
    with kdns(corefile):
        until(lambda: b"plugin/loop" in log.read_bytes(), "the loop was not found")
    assert b"background work failed" not in log.read_bytes()


def test_a_start_without_api_or_snapshot_is_servfail_not_nxdomain(tmp_path: Path) -> None:
    port = free_port()
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        f".:{port} {{\n bind 127.0.0.1\n kubernetes cluster.local {{\n"
        f" endpoint http://127.0.0.1:{free_port()}\n startup_timeout 200ms\n }}\n}}\n"
    )
    with kdns(corefile):
        text = dig(port, "svc1.testns.svc.cluster.local")
        assert "status: SERVFAIL" in text
        assert "not yet synchronized" in text


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of its own for dns.test and 127.0.0.1, and its key."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dns.test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("dns.test"), x509.IPAddress(ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


def asked_over_tls(port: int, context: ssl.SSLContext) -> bytes:
    """The answer to one question; empty when the server does not take this client."""
    packet = encode.question(1, "who.example.", numbers.A)
    with (
        socket.create_connection(("127.0.0.1", port), 60) as raw,
        context.wrap_socket(raw, server_hostname="dns.test") as sock,
    ):
        try:
            sock.sendall(len(packet).to_bytes(2, "big") + packet)
            with sock.makefile("rb") as stream:
                return stream.read(int.from_bytes(stream.read(2), "big"))
        except OSError:
            return b""


def test_dns_over_tls_towards_clients_and_upstreams(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    plain, secure, closed = free_port(), free_port(), free_port()
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        f"tls://.:{secure} {{\n bind 127.0.0.1\n tls {certificate[0]} {certificate[1]}\n"
        ' template IN A {\n  answer "{{ .Name }} 9 IN A 192.0.2.44"\n }\n}\n'
        f"tls://.:{closed} {{\n bind 127.0.0.1\n tls {certificate[0]} {certificate[1]} {certificate[0]} {{\n"
        "  client_auth require_and_verify\n }\n whoami\n}\n"
        f".:{plain} {{\n bind 127.0.0.1\n forward . tls://127.0.0.1:{secure} {{\n"
        f"  tls {certificate[0]}\n  tls_servername dns.test\n }}\n}}\n"
    )
    with kdns(corefile):
        assert dig(plain, "+short", "x.example") == "192.0.2.44\n"  # asked of the TLS block
        context = ssl.create_default_context(cafile=str(certificate[0]))
        with (
            socket.create_connection(("127.0.0.1", secure), 60) as raw,
            context.wrap_socket(raw, server_hostname="dns.test") as sock,
        ):
            for number in (1, 2):  # two questions in one go
                packet = encode.question(number, f"q{number}.example.", numbers.A)
                sock.sendall(len(packet).to_bytes(2, "big") + packet)
            stream = sock.makefile("rb")
            replies = [message.decode(stream.read(int.from_bytes(stream.read(2), "big"))) for _ in range(2)]
            stream.close()
        assert [records.text_of(reply.answer[0]) for reply in replies] == ["192.0.2.44"] * 2
        assert asked_over_tls(closed, context) == b""  # without a certificate of its own
        context.load_cert_chain(*certificate)
        assert message.decode(asked_over_tls(closed, context)).additional


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is missing")
def test_libc_finds_services_by_the_search_path_of_a_pod(tmp_path: Path) -> None:
    """getaddrinfo with ndots:5 in a namespace whose resolv.conf is a pod's."""
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(
        "nameserver 127.0.0.1\nsearch testns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
    )
    corefile = tmp_path / "Corefile"
    table = tmp_path / "zone"
    table.write_text(
        "@ 5 SOA ns host 1 2 3 4 5\nbackend.testns.svc 5 A 10.0.0.5\nbackend.testns.svc 5 AAAA fd00::5\n"
    )
    corefile.write_text(
        f'. {{\n bind 127.0.0.1\n template IN A example.com {{\n answer "{{{{ .Name }}}} 5 IN A 192.0.2.5"\n }}\n'
        f" template IN AAAA example.com {{\n rcode NOERROR\n }}\n file {table} cluster.local\n}}\n"
    )
    script = (
        "import socket\n"
        "for name in ('backend', 'backend.testns', 'backend.testns.svc', 'www.example.com', 'gone'):\n"
        "    try: print(name, sorted({i[4][0] for i in socket.getaddrinfo(name, 80)}))\n"
        "    except OSError as e: print(name, e.errno)\n"
    )
    (tmp_path / "ask.py").write_text(script)
    shell = (
        f"ip link set lo up; mount --bind {resolv} /etc/resolv.conf; "
        f"{sys.executable} -m dns.cli -conf {corefile} 2>{tmp_path}/log & P=$!; "
        f"for i in $(seq 1800); do grep -q serving {tmp_path}/log && break; sleep 0.05; done; "
        f"{sys.executable} {tmp_path}/ask.py; kill $P"
    )
    found = run(["unshare", "-nm", "sh", "-c", shell], timeout_s=300).stdout.splitlines()
    assert found[:4] == [
        "backend ['10.0.0.5', 'fd00::5']",
        "backend.testns ['10.0.0.5', 'fd00::5']",
        "backend.testns.svc ['10.0.0.5', 'fd00::5']",
        "www.example.com ['192.0.2.5']",
    ]
    assert found[4].startswith("gone -")


@pytest.mark.skipif(shutil.which("nft") is None or shutil.which("unshare") is None, reason="nft is missing")
def test_a_node_local_cache_has_its_addresses_untracked_and_leaves_nothing(tmp_path: Path) -> None:
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        ". {\n nodecache 169.254.20.10 10.96.0.10\n bind 169.254.20.10 10.96.0.10\n whoami\n}\n"
    )
    shell = (
        f"ip link set lo up; {sys.executable} -m dns.cli -conf {corefile} 2>{tmp_path}/log & P=$!; "
        f"for i in $(seq 1800); do grep -q serving {tmp_path}/log && break; sleep 0.05; done; "
        "nft list ruleset; dig +noall +additional @10.96.0.10 x.; kill $P; wait $P; "
        "echo AFTER; nft list ruleset; ip -br link"
    )
    before, _, after = run(["unshare", "-n", "sh", "-c", shell], timeout_s=300).stdout.partition("AFTER")
    assert "ip daddr 10.96.0.10 udp dport 53 notrack" in before
    assert "ip saddr 169.254.20.10 tcp sport 53 notrack" in before
    assert "10.96.0.10" in before.partition("x.")[2]
    assert "table" not in after
    assert "nodelocaldns" not in after


def test_sigusr1_and_sigterm(tmp_path: Path) -> None:
    port = free_port()
    corefile = tmp_path / "Corefile"
    corefile.write_text(f".:{port} {{\n bind 127.0.0.1\n whoami\n}}\n")
    with kdns(corefile) as process:
        corefile.write_text(f".:{port} {{\n bind 127.0.0.1\n chaos x\n}}\n")
        process.send_signal(signal.SIGUSR1)
        until(lambda: '"x"' in dig(port, "+short", "version.bind.", "CH", "TXT"), "not read again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
