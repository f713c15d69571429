"""Questions over HTTPS, to a server that reads HTTP by h11."""

from __future__ import annotations

import asyncio
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dns.fakes.upstream_serve import FakeUpstream
from dns.upstream.https_socket import HttpsUpstream
from dns.upstream.socket import UpstreamError
from dns.upstream.targets import Target
from dns.wire import encode, message, numbers, records

WWW = "www.example.com."
PACKET = encode.question(0x1234, WWW, numbers.A)


class Server:
    """Answers DNS over HTTPS. `status`, `kind`, `silent` and `closing` make it misbehave."""

    def __init__(self) -> None:
        self.upstream = FakeUpstream({(WWW, numbers.A): (records.address(WWW, 300, "192.0.2.1"),)})
        self.requests: list[h11.Request] = []
        self.ids: list[bytes] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.status, self.kind = 200, "application/dns-message"
        self.silent = self.closing = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        state = h11.Connection(h11.SERVER)
        body = b""
        try:
            while True:
                event = state.next_event()
                if event is h11.NEED_DATA:
                    state.receive_data(await reader.read(65_536))
                elif isinstance(event, h11.Request):
                    self.requests.append(event)
                    body = b""
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    if not self.silent:
                        writer.write(self._answer(state, body))
                        if self.closing:
                            break
                        state.start_next_cycle()
                elif isinstance(event, h11.ConnectionClosed):
                    break
        except (OSError, h11.RemoteProtocolError):
            pass
        finally:
            writer.close()

    def _answer(self, state: h11.Connection, body: bytes) -> bytes:
        target = self.requests[-1].target.decode()
        if self.requests[-1].method == b"GET":
            coded = target.partition("?dns=")[2]
            body = urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
        self.ids.append(body[:2])
        reply = self.upstream.answer(body, "https") or b""
        headers = [("content-type", self.kind), ("content-length", str(len(reply)))]
        out = state.send(h11.Response(status_code=self.status, headers=headers)) or b""
        return out + (state.send(h11.Data(data=reply)) or b"") + (state.send(h11.EndOfMessage()) or b"")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dns.test")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("dns.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(built.public_bytes(pem))
    files[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


Steps = Callable[[Server, HttpsUpstream], Awaitable[Any]]


@pytest.fixture
def run(certificate: tuple[Path, Path]) -> Callable[..., Any]:
    """Runs steps with a server and an upstream that asks it."""

    def go(steps: Steps, *, server_name: str = "dns.test", **fields: Any) -> Any:
        async def main() -> Any:
            server = Server()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
            port = listening.sockets[0].getsockname()[1]
            trusted = ssl.create_default_context(cafile=str(certificate[0]))
            fields.setdefault("read_timeout_s", 60.0)
            target = Target("127.0.0.1", port, "https", server_name)
            upstream = HttpsUpstream(target, trusted, **fields)
            try:
                return await steps(server, upstream)
            finally:
                await upstream.close()
                for writer in server.connections:
                    if not writer.is_closing():
                        writer.transport.abort()
                listening.close()
                await listening.wait_closed()
                await asyncio.sleep(0.01)

        return asyncio.run(main())

    return go


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_question_and_its_answer(run: Callable[..., Any], method: str) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        reply = await upstream.exchange(PACKET)
        assert reply[:2] == PACKET[:2]
        assert [records.text_of(one) for one in message.decode(reply).answer] == ["192.0.2.1"]
        (request,) = server.requests
        headers = dict(request.headers)
        assert request.method == method.encode()
        assert request.target.partition(b"?")[0] == b"/dns-query"
        assert headers[b"host"] == b"dns.test"
        assert headers[b"accept"] == b"application/dns-message"
        assert (b"content-type" in headers) == (method == "POST")
        assert server.ids == [b"\0\0"]  # the same question has the same URL

    run(steps, method=method)


def test_a_connection_is_used_again_and_counted(run: Callable[..., Any]) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        for _ in range(3):
            await upstream.exchange(PACKET)
        assert len(server.connections) == 1
        assert (upstream.hits["https"], upstream.misses["https"]) == (2, 1)

    run(steps)


def test_questions_at_the_same_time_each_get_their_own_answer(run: Callable[..., Any]) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        packets = [encode.question(number, WWW, numbers.A) for number in range(1, 20)]
        replies = await asyncio.gather(*(upstream.exchange(one) for one in packets))
        assert [one[:2] for one in replies] == [one[:2] for one in packets]

    run(steps)


def test_an_idle_connection_the_server_closed_is_no_failure(run: Callable[..., Any]) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        await upstream.exchange(PACKET)
        server.connections[0].transport.abort()
        await asyncio.sleep(0)
        assert await upstream.exchange(PACKET)
        server.closing = True
        for _ in range(3):  # Connection: close without saying so
            assert await upstream.exchange(PACKET)

    run(steps)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 502}, "HTTP status 502"),
        ({"kind": "text/html"}, "is no DNS message"),
        ({"silent": True}, "i/o timeout"),
    ],
)
def test_what_a_server_does_wrong_is_said(run: Callable[..., Any], fault: dict[str, Any], said: str) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        for name, value in fault.items():
            setattr(server, name, value)
        with pytest.raises(UpstreamError, match=said):
            await upstream.exchange(PACKET)
        server.status, server.kind, server.silent = 200, "application/dns-message", False
        for _ in range(20):  # half a second is little on a busy machine
            with suppress(UpstreamError):
                assert await upstream.exchange(PACKET)
                return
        pytest.fail("a server that does right again is not asked")

    run(steps, read_timeout_s=0.5)


def test_a_certificate_for_another_name_is_refused(run: Callable[..., Any]) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        with pytest.raises(UpstreamError, match=r"(?i)certificate|hostname"):
            await upstream.exchange(PACKET)
        assert not server.requests

    run(steps, server_name="other.test")


def test_nobody_there(run: Callable[..., Any]) -> None:
    async def steps(server: Server, upstream: HttpsUpstream) -> None:
        gone = HttpsUpstream(Target("127.0.0.1", 1, "https"), ssl.create_default_context())
        with pytest.raises(UpstreamError, match=r"127\.0\.0\.1:1"):
            await gone.exchange(PACKET)

    run(steps)
