"""The server over real TLS on an ephemeral port: identities, requests, watches, relays, restarts."""

import asyncio
import gzip
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from kube import certs
from kube.apiserver.run import ServerOptions, serving
from kube.apiserver.state import Settings
from kube.client import Client
from kube.objects import ConfigMap, ObjectMeta


class Place:
    """Certificates, a port and a data directory that outlive a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.pki = certs.ensure(
            folder, advertise_address="127.0.0.1", secure_port=self.port, nodes={"n1": ["127.0.0.1"]}
        )
        (folder / "tokens").write_text('secret,robot,7,"a,b"\n')

    @asynccontextmanager
    async def server(self) -> AsyncIterator[None]:
        options = ServerOptions(self.folder, token_auth_file=self.folder / "tokens")
        async with serving(self.pki, self.socket.dup(), Settings(secure_port=self.port), options):
            yield

    def tls(self, identity: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.pki.ca))
        if identity:
            context.load_cert_chain(self.pki.certificate(identity), self.pki.key(identity))
        return context

    @asynccontextmanager
    async def connect(self, identity: str = "admin") -> AsyncIterator["Http"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls(identity))
        try:
            yield Http(reader, writer)
        finally:
            writer.close()


class Http:
    """As little of a client as the tests need."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(90):
            raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lines = raw.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), headers

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = msgspec.json.encode(body) if body is not None else b""
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(data)}\r\n\r\n".encode()
        )
        self.writer.write(data)
        code, found = await self.head()
        content = await self.reader.readexactly(int(found["content-length"]))
        return code, msgspec.json.decode(content) if "json" in found["content-type"] else content.decode()


@pytest.fixture
def place(tmp_path: Path) -> Any:
    made = Place(tmp_path)
    yield made
    made.socket.close()


def run(place: Place, body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with place.server():
            await body()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as kcore does
        runner.run(main())


def test_who_is_who(place: Place) -> None:
    async def body() -> None:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        async with place.connect("node-n1") as http:
            _, found = await http.ask("POST", path, review)
            pem = place.pki.certificate("node-n1").read_text().partition("-----END CERTIFICATE-----\n")
            print_of_it = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[0] + pem[1])).hexdigest()
            assert found["status"]["userInfo"] == {
                "username": "system:node:n1",
                "groups": ["system:nodes", "system:authenticated"],
                "extra": {"authentication.kubernetes.io/credential-id": [f"X509SHA256={print_of_it}"]},
            }
        async with place.connect("") as http:
            assert (await http.ask("GET", "/healthz")) == (200, "ok")
            assert (await http.ask("GET", "/version"))[1]["gitVersion"].startswith("v1.36.3+podnet.")
            assert (await http.ask("GET", "/api/v1/namespaces"))[0] == 401
            assert (await http.ask("GET", "/metrics"))[0] == 401
            assert (await http.ask("POST", path, review, Authorization="Bearer wrong"))[0] == 401
            _, found = await http.ask("POST", path, review, Authorization="Bearer secret")
            assert found["status"]["userInfo"]["username"] == "robot"
            assert found["status"]["userInfo"]["groups"] == ["a", "b", "system:authenticated"]

    run(place, body)


def test_whoever_is_let_in_is_known_to_those_who_ask_for_a_review(place: Place) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"

    async def body() -> None:
        async with place.connect() as http:
            for audiences, good in ((None, True), (["elsewhere"], False)):
                spec = {"token": "secret", **({"audiences": audiences} if audiences else {})}
                _, found = await http.ask("POST", path, {"spec": spec})
                assert found["status"]["authenticated"] is good
                if good:
                    assert found["status"]["user"] == {
                        "username": "robot",
                        "uid": "7",
                        "groups": ["a", "b", "system:authenticated"],
                    }

    run(place, body)


def test_a_service_account_token_is_a_user(place: Place) -> None:
    async def body() -> None:
        async with place.connect() as http:
            account = {"metadata": {"name": "bob"}}
            await http.ask("POST", "/api/v1/namespaces/default/serviceaccounts", account)
            wanted = {"spec": {"expirationSeconds": 600}}
            code, made = await http.ask(
                "POST", "/api/v1/namespaces/default/serviceaccounts/bob/token", wanted
            )
            assert code == 201
            token = made["status"]["token"]
            review = {"spec": {"token": token}}
            _, found = await http.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
            assert found["status"]["user"]["username"] == "system:serviceaccount:default:bob"
            spoilt = {"spec": {"token": token[:-4] + "AAAA"}}
            _, found = await http.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", spoilt)
            assert found["status"] == {"authenticated": False, "error": "the signature does not fit"}
            keys = (await http.ask("GET", "/openid/v1/jwks"))[1]["keys"]
            assert keys[0]["alg"] == "ES256"
        async with place.connect("") as http:
            bearer = {"Authorization": f"Bearer {token}"}
            assert (await http.ask("GET", "/api/v1/namespaces/default", **bearer))[0] == 200

    run(place, body)


def test_the_typed_client_and_restarts(place: Place) -> None:
    async def write() -> None:
        client = Client.from_kubeconfig(str(place.pki.kubeconfig("admin")), user_agent="test")
        made = await client.create(
            ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"k": "v"})
        )
        assert made.metadata.uid
        await client.close()

    async def read() -> None:
        client = Client.from_kubeconfig(str(place.pki.kubeconfig("admin")), user_agent="test")
        assert (await client.get(ConfigMap, "a", "default")).data == {"k": "v"}
        await client.close()

    run(place, write)
    run(place, read)


def test_a_watch_resumes_over_a_restart(place: Place) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    versions: list[str] = []

    async def write() -> None:
        async with place.connect() as http:
            for name in "ab":
                _, made = await http.ask("POST", path, {"metadata": {"name": name}})
                versions.append(made["metadata"]["resourceVersion"])

    async def watch() -> None:
        async with place.connect() as http:
            target = f"{path}?watch=true&resourceVersion={versions[0]}"
            http.writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            code, headers = await http.head()
            assert (code, headers["transfer-encoding"]) == (200, "chunked")
            size = int(await http.reader.readline(), 16)
            event = msgspec.json.decode(await http.reader.readexactly(size))
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "b")

    run(place, write)
    run(place, watch)


def test_pipelined_malformed_and_closing_requests(place: Place) -> None:
    async def body() -> None:
        async with place.connect() as http:
            http.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            for _ in range(3):
                code, headers = await http.head()
                assert code == 200
                await http.reader.readexactly(int(headers["content-length"]))
            http.writer.write(b"nonsense\r\n\r\n")
            assert (await http.head())[0] == 400
            await http.reader.read()  # until it closes
        async with place.connect() as http:
            http.writer.write(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await http.head())[0] == 200
            assert await http.reader.read() == b""

    run(place, body)


@asynccontextmanager
async def _node(place: Place, answer: bytes) -> AsyncIterator[tuple[int, list[bytes], list[Any]]]:
    """A node agent that answers every request so and echoes what follows."""
    heads: list[bytes] = []
    peers: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peercert"))
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if answer.startswith(b"HTTP/1.1 101"):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.pki.certificate("node-n1"), place.pki.key("node-n1"))
    context.load_verify_locations(place.pki.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heads, peers
    finally:
        server.close()


async def _run_pod(http: Http, port: int) -> None:
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    assert (await http.ask("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}, "status": status}))[0] == 201
    pods = "/api/v1/namespaces/default/pods"
    spec = {"containers": [{"name": "main", "image": "i"}]}
    assert (await http.ask("POST", pods, {"metadata": {"name": "p"}, "spec": spec}))[0] == 201
    assert (await http.ask("POST", f"{pods}/p/binding", {"target": {"name": "n1"}}))[0] == 201


def test_exec_is_relayed_raw_in_both_directions(place: Place) -> None:
    async def body() -> None:
        switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        async with _node(place, switching) as (port, heads, peers), place.connect() as http:
            await _run_pod(http, port)
            target = "/api/v1/namespaces/default/pods/p/exec?command=ls&command=-l&stdin=true&stdout=true"
            upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k"
            http.writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n\r\nearly".encode())
            assert (await http.head())[0] == 101
            async with asyncio.timeout(90):
                assert await http.reader.readexactly(5) == b"early"
                blob = bytes(range(256)) * 4096
                http.writer.write(blob)
                assert await http.reader.readexactly(len(blob)) == blob
            assert heads[0].startswith(
                b"GET /exec/default/p/main?command=ls&command=-l&input=1&output=1 HTTP/1.1\r\n"
            )
            assert b"sec-websocket-key: k" in heads[0]
            subject = dict(pair for row in peers[0]["subject"] for pair in row)
            assert subject["commonName"] == "kube-apiserver-kubelet-client"

    run(place, body)


def test_a_log_is_passed_on_and_a_dead_node_named(place: Place) -> None:
    async def body() -> None:
        text = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nhello\n"
        async with _node(place, text) as (port, heads, _), place.connect() as http:
            await _run_pod(http, port)
            target = "/api/v1/namespaces/default/pods/p/log?tailLines=3"
            http.writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await http.head())[0] == 200
            assert await http.reader.read() == b"hello\n"
            assert heads[0].startswith(b"GET /containerLogs/default/p/main?tailLines=3 HTTP/1.1\r\n")
        async with place.connect() as http:
            code, refused = await http.ask("GET", "/api/v1/namespaces/default/pods/p/log")
            assert code == 500
            assert "error dialing backend" in refused["message"]
        async with place.connect() as http:
            code, refused = await http.ask("GET", "/api/v1/namespaces/default/pods/p/log?container=no")
            assert (code, refused["message"]) == (400, "container no is not valid for pod p")

    run(place, body)


def test_one_reader_that_stops_does_not_hold_up_the_writers(place: Place) -> None:
    async def body() -> None:
        path = "/api/v1/namespaces/default/configmaps"
        async with place.connect() as idle, place.connect() as http:
            idle.writer.write(f"GET {path}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await idle.head()
            for n in range(60):
                wanted = {"metadata": {"name": f"a{n}"}, "data": {"k": "v" * 100_000}}
                assert (await http.ask("POST", path, wanted))[0] == 201
            assert (await http.ask("GET", "/healthz"))[0] == 200

    run(place, body)


def test_a_large_list_is_compressed_for_who_asks(place: Place) -> None:
    async def body() -> None:
        async with place.connect() as http:
            path = "/api/v1/namespaces/default/configmaps"
            data = {"a": "podnet " * 20_000}
            for name in ("one", "two"):
                assert (await http.ask("POST", path, {"metadata": {"name": name}, "data": data}))[0] == 201
            _, plain = await http.ask("GET", path)
            http.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            code, headers = await http.head()
            content = await http.reader.readexactly(int(headers["content-length"]))
            assert (code, headers["content-encoding"], headers["vary"]) == (200, "gzip", "accept-encoding")
            assert len(content) < 10_000
            # the revision goes on meanwhile: the server writes its roles after it began to answer
            assert msgspec.json.decode(gzip.decompress(content))["items"] == plain["items"]
            assert (await http.ask("GET", f"{path}/one"))[0] == 200  # and the connection goes on

    run(place, body)
