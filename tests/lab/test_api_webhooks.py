"""Webhooks and an extension server over real TLS: trust, time limits, connections kept, identities passed on."""

import asyncio
import base64
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kube.client import ApiError, Client
from tests.lab.kcore_process import Kcore

pytestmark = pytest.mark.lab

Object = dict[str, Any]
_GROUP = "/apis/admissionregistration.k8s.io/v1"
_MAPS = "/api/v1/namespaces/default/configmaps"


class Far:
    """An HTTPS server on loopback: `answer` is asked for each request (path, body, headers)."""

    def __init__(self, folder: Path, name: str, client_ca: Path | None = None) -> None:
        self.ca, certificate, key = _certificate(folder, name)
        self.answer: Callable[[str, Any, Any], Any] = lambda *_: {}
        self.connections: set[tuple[str, int]] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                outer.connections.add(self.client_address)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                said = outer.answer(self.path, json.loads(body) if body else None, self)
                data = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = respond  # noqa: N815 - the names http.server calls

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Clients hang up: that is what some tests are about."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "Far":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _certificate(folder: Path, name: str) -> tuple[str, Path, Path]:
    """A certificate that is its own authority: the caBundle, and the files to serve with."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        shown: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        shown = x509.DNSName(name)
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    files = folder / f"{name}.crt", folder / f"{name}.key"
    files[0].write_bytes(pem)
    form = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return base64.b64encode(pem).decode(), *files


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kcore]:
    made = Kcore(tmp_path_factory.mktemp("webhooks") / "kcore", "--authorization-mode", "Node,RBAC")
    made.start()
    try:
        yield made
    finally:
        made.end()
    assert "Traceback" not in made.log.read_text()


def play(server: Kcore, body: Callable[[Callable[..., Awaitable[Any]]], Awaitable[None]]) -> None:
    async def whole() -> None:
        client: Client = server.client()

        async def ask(method: str, path: str, obj: Any = None) -> Any:
            data = b"" if obj is None else msgspec.json.encode(obj)
            reply = await client.raw(method, path, headers={"content-type": "application/json"}, body=data)
            return msgspec.json.decode(reply.body)

        try:
            await body(ask)
        finally:
            await client.close()

    asyncio.run(whole())


def configuration(name: str, far: Far, **more: Any) -> Object:
    config = {"url": f"https://127.0.0.1:{far.port}/review", "caBundle": far.ca}
    rules = [
        {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    ]
    hook = {
        "name": f"{name}.example.com",
        "clientConfig": config,
        "rules": rules,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "objectSelector": {"matchLabels": {"test": name}},
        **more,
    }
    api_version = "admissionregistration.k8s.io/v1"
    return {
        "kind": "ValidatingWebhookConfiguration",
        "apiVersion": api_version,
        "metadata": {"name": name},
        "webhooks": [hook],
    }


def config_map(test: str, name: str) -> Object:
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": f"{test}-{name}", "labels": {"test": test}},
    }


def _allowed(_: str, review: Any, __: Any) -> Object:
    return {**review, "response": {"uid": review["request"]["uid"], "allowed": True}}


def test_calls_share_a_connection(server: Kcore, tmp_path: Path) -> None:
    with Far(tmp_path, "127.0.0.1") as far:
        far.answer = _allowed

        async def body(ask: Any) -> None:
            await ask("POST", f"{_GROUP}/validatingwebhookconfigurations", configuration("shared", far))
            for number in range(10):
                await ask("POST", _MAPS, config_map("shared", str(number)))

        play(server, body)
        assert len(far.connections) == 1


def test_a_webhook_that_another_authority_vouches_for_is_not_believed(server: Kcore, tmp_path: Path) -> None:
    with Far(tmp_path, "127.0.0.1") as far:
        other, *_ = _certificate(tmp_path, "other.example.com")

        async def body(ask: Any) -> None:
            made = configuration("other", far)
            made["webhooks"][0]["clientConfig"]["caBundle"] = other
            await ask("POST", f"{_GROUP}/validatingwebhookconfigurations", made)
            with pytest.raises(ApiError, match="failed to verify certificate") as caught:
                await ask("POST", _MAPS, config_map("other", "a"))
            assert caught.value.code == 500

        play(server, body)


def test_a_webhook_that_takes_too_long_is_given_up(server: Kcore, tmp_path: Path) -> None:
    with Far(tmp_path, "127.0.0.1") as far:
        free = threading.Event()

        def slow(path: str, review: Any, handler: Any) -> Object:
            free.wait(300)
            return _allowed(path, review, handler)

        far.answer = slow

        async def body(ask: Any) -> None:
            made = configuration("slow", far, timeoutSeconds=1)
            await ask("POST", f"{_GROUP}/validatingwebhookconfigurations", made)
            for number in range(5):
                refused = asyncio.ensure_future(ask("POST", _MAPS, config_map("slow", str(number))))
                await ask("GET", "/api/v1/namespaces/default")
                served_meanwhile = not refused.done()
                with pytest.raises(ApiError, match="context deadline exceeded"):
                    await refused
                if served_meanwhile:  # else the machine stood still for longer than the second
                    return
            pytest.fail("others are not served while a webhook is waited for")

        try:
            play(server, body)
        finally:
            free.set()


def test_an_extension_server_is_told_who_asks(server: Kcore, tmp_path: Path) -> None:
    """Found through a Service whose name leads to it from outside: endpoints may not be loopback addresses."""
    name = socket.getfqdn("localhost")
    group, version = "far.example.com", "v1"
    listed = {"kind": "APIResourceList", "groupVersion": f"{group}/{version}", "resources": [
        {"name": "things", "kind": "Thing", "namespaced": False, "verbs": ["list"]}
    ]}  # fmt: skip
    heard: list[Any] = []

    def answer(path: str, _: Any, handler: Any) -> Object:
        heard.append((handler.headers, handler.connection.getpeercert()))
        return listed if path == f"/apis/{group}/{version}" else {"kind": "ThingList", "items": []}

    proxy_ca = server.folder / "pki" / "front-proxy-ca.crt"
    with Far(tmp_path, "far.default.svc", proxy_ca) as far:
        far.answer = answer

        async def body(ask: Any) -> None:
            spec = {"type": "ExternalName", "externalName": name, "ports": [{"port": far.port}]}
            service = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "far"}, "spec": spec}
            await ask("POST", "/api/v1/namespaces/default/services", service)
            where = {"namespace": "default", "name": "far", "port": far.port}
            spec = {"group": group, "version": version, "groupPriorityMinimum": 10, "versionPriority": 10}
            obj = {
                "kind": "APIService",
                "apiVersion": "apiregistration.k8s.io/v1",
                "metadata": {"name": f"{version}.{group}"},
            }
            services = "/apis/apiregistration.k8s.io/v1/apiservices"
            await ask("POST", services, {**obj, "spec": {**spec, "service": where, "caBundle": far.ca}})
            async with asyncio.timeout(120):
                while True:
                    found = await ask("GET", f"{services}/{version}.{group}")
                    (row,) = (found.get("status") or {}).get("conditions") or ({},)
                    if row.get("status") == "True":
                        break
                    await asyncio.sleep(0.1)
            assert (await ask("GET", f"/apis/{group}/{version}/things"))["kind"] == "ThingList"

        play(server, body)
    headers, certificate = heard[-1]
    assert headers["X-Remote-User"] == "kubernetes-admin"
    assert "system:masters" in headers.get_all("X-Remote-Group")
    assert headers["Authorization"] is None
    names = dict(part[0] for part in certificate["subject"])
    assert names["commonName"] == "front-proxy-client"
