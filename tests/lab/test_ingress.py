"""Ingress on a lab of its own: what a browser would see, and that nobody is cut off by changes."""

import asyncio
import base64
import http.client
import http.server
import json
import os
import shutil
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kube.ingress.haproxy_run import HAProxy, ProxyFailed
from kube.ingress.proxy import Listen, Proxy, plan_proxy
from kube.ingress.routes import BackendRef, Routes
from kube.ingress.servers import Servers
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.demo.steps_run import EXAMPLES, MANIFESTS
from tests.patience import until
from tests.ports import free_port

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not shutil.which("kubectl"), reason="the real kubectl is not installed on this machine"
    ),
    pytest.mark.skipif(
        not shutil.which("haproxy", path="/usr/sbin:/usr/bin"),
        reason="haproxy is not installed on this machine: apt-get install haproxy",
    ),
]
NAMESPACE = "k8sdemo"


@pytest.fixture(scope="module")
def site() -> Iterator[Cluster]:
    """The user's five files, applied and available."""
    with Cluster.up(f"ingress-{os.getpid()}", node_count=2) as cluster:
        cluster.kubectl("create", "namespace", NAMESPACE)
        files = [part for name in MANIFESTS for part in ("-f", str(EXAMPLES / name))]
        cluster.kubectl("apply", *files, "-n", NAMESPACE)
        for name in ("backend", "frontend"):
            cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", NAMESPACE, "--timeout=150s")
        until(lambda: get(cluster, "/login")[0] == 200)
        yield cluster


def address(cluster: Cluster) -> str:
    return cluster.lab.hub.addresses[0]


def get(cluster: Cluster, path: str, host: str = "", at: str = "") -> tuple[int, str]:
    """Status and body of a new connection; 0 where there is none."""
    connection = http.client.HTTPConnection(at or address(cluster), 80, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def apply(cluster: Cluster, *objects: dict) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", input=document.encode())


def ingress(name: str, **spec: object) -> dict:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": spec,
    }


def path(text: str, kind: str = "Prefix", service: str = "backend", port: int = 8080) -> dict:
    backend = {"service": {"name": service, "port": {"number": port}}}
    return {"path": text, "pathType": kind, "backend": backend}


def rule(*paths: dict, host: str = "") -> dict:
    return {"http": {"paths": list(paths)}, **({"host": host} if host else {})}


# --- what is served


def test_the_users_ingress_serves_front_end_and_back_end(site: Cluster) -> None:
    status, page = get(site, "/login")
    assert status == 200
    assert page.startswith("frontend-")
    assert get(site, "/apix")[1].startswith("frontend-"), "/api means whole parts of the path"
    names: set[str] = set()

    def all_have_answered() -> bool:
        names.add(f"pod/{get(site, '/api/users')[1].strip()}")
        return names == set(backend_pods(site))

    until(all_have_answered)
    for other in site.lab.hub.addresses:
        assert get(site, "/login", at=other)[0] == 200


def test_kubectl_shows_the_address_and_the_class(site: Cluster) -> None:
    wanted = ["k8sdemo", "podnet", "*", ",".join(site.lab.hub.addresses)]
    get_it = ("get", "ingress", "k8sdemo", "-n", NAMESPACE, "--no-headers")
    until(lambda: site.kubectl(*get_it).stdout.split()[:4] == wanted)


def test_hosts_wildcards_exact_paths_and_defaults(site: Cluster) -> None:
    spec = {
        "rules": [
            rule(path("/"), path("/only", "Exact", "frontend", 80), host="shop.example"),
            rule(path("/deep/er"), path("/deep", "Prefix", "frontend", 80), host="*.wild.example"),
        ]
    }
    apply(site, ingress("hosts", **spec))
    until(lambda: get(site, "/", "shop.example")[1].startswith("backend-"))
    expected = [
        ("shop.example", "/only", "frontend"),
        ("shop.example", "/only/", "backend"),
        ("SHOP.example:80", "/", "backend"),
        ("a.wild.example", "/deep", "frontend"),
        ("a.wild.example", "/deep/er/", "backend"),
        ("a.wild.example", "/other", "no Ingress"),
        ("a.b.wild.example", "/deep/er", "frontend"),  # one label deep: the rule without host has it
        ("wild.example", "/", "frontend"),
    ]

    def found() -> list[tuple[str, str, str]]:
        return [(host, where, get(site, where, host)[1].split("-")[0][:10]) for host, where, _ in expected]

    try:  # while a new proxy takes over, the one before may still be given a connection
        until(lambda: found() == expected)
    except AssertionError:
        assert found() == expected
    apply(site, ingress("hosts", **spec, defaultBackend=path("/")["backend"]))
    until(lambda: get(site, "/other", "a.wild.example")[1].startswith("backend-"))
    site.kubectl("delete", "ingress", "hosts", "-n", NAMESPACE)
    until(lambda: get(site, "/", "shop.example")[1].startswith("frontend-"))


# --- TLS


def certificate(*names: str) -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem), secret


def shown_certificate(cluster: Cluster, name: str) -> str:
    """The PEM that is shown to who asks for that name; "" without TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address(cluster), 443), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True) or b"")
    except OSError:
        return ""


def test_tls_by_name_of_host_and_a_renewed_certificate(site: Cluster) -> None:
    def put(certificate_pem: bytes, key_pem: bytes) -> None:
        parts = {"tls.crt": certificate_pem, "tls.key": key_pem}
        data = {name: base64.b64encode(text).decode() for name, text in parts.items()}
        meta = {"name": "safe"}
        apply(
            site,
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": meta,
                "type": "kubernetes.io/tls",
                "data": data,
            },
        )

    assert shown_certificate(site, "safe.example") == "", "without TLS in any Ingress nothing listens"
    first, second = certificate("safe.example"), certificate("safe.example")
    put(*first)
    spec = {
        "tls": [{"hosts": ["safe.example"], "secretName": "safe"}],
        "rules": [rule(path("/"), host="safe.example")],
    }
    safe = ingress("safe", **spec)
    safe["metadata"]["annotations"] = {"podnet.internal/ssl-redirect": "true"}
    apply(site, safe)
    until(lambda: shown_certificate(site, "safe.example") == first[0].decode())
    until(lambda: shown_certificate(site, "else.example") not in ("", first[0].decode()))
    context = ssl.create_default_context(cadata=first[0].decode())
    context.check_hostname = False
    with socket.create_connection((address(site), 443), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="safe.example") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: safe.example\r\nConnection: close\r\n\r\n")
            with secure.makefile("rb") as answer:
                assert b" 200 " in answer.readline()
    until(lambda: get(site, "/", "safe.example")[0] == 308)
    put(*second)
    until(lambda: shown_certificate(site, "safe.example") == second[0].decode())
    put(second[0], first[1])  # a pair that is none: told, and all else is served as before
    until(lambda: "does not belong" in site.kubectl("describe", "ingress", "safe", "-n", NAMESPACE).stdout)
    assert get(site, "/login")[0] == 200
    site.kubectl("delete", "ingress/safe", "secret/safe", "-n", NAMESPACE)


# --- nobody is cut off


class Visitor(threading.Thread):
    """Asks again and again on one connection, and makes a new one where the proxy closed it in good order."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._at = address(cluster)
        self.seen: Counter[str] = Counter()
        self.done = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._at, 80, timeout=60)
        while not self.done.is_set():
            try:
                connection.request("GET", "/api")
                answer = connection.getresponse()
                self.seen[f"{answer.status} {answer.read().decode().split('-')[0]}"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.seen[repr(error)] += 1
                connection.close()
        connection.close()


PATIENT = {"containers": [{"name": "backend", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}]}


def test_no_request_is_lost_in_rollouts_and_reloads(site: Cluster) -> None:
    """Pods that end at once may cut an answer short whoever sent the request: these wait a moment, as they should."""
    rollout = ("rollout", "status", "deployment/backend", "-n", NAMESPACE, "--timeout=150s")
    patch = json.dumps({"spec": {"template": {"spec": PATIENT}}})
    site.kubectl("patch", "deployment/backend", "-n", NAMESPACE, "-p", patch)
    site.kubectl(*rollout)
    until(lambda: len(backend_pods(site)) == 3)
    visitors = [Visitor(site) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    try:
        site.kubectl("scale", "deployment/backend", "--replicas=5", "-n", NAMESPACE)  # more than slots
        site.kubectl("rollout", "restart", "deployment/backend", "-n", NAMESPACE)
        for number in range(3):  # a new backend each: three reloads
            apply(site, ingress("more", rules=[rule(path("/", port=8081 + number), host="more.example")]))
            told = f"has no TCP port {8081 + number}"
            until(lambda told=told: told in site.kubectl("describe", "ingress", "-n", NAMESPACE).stdout)
        site.kubectl(*rollout)
        site.kubectl("delete", "ingress", "more", "-n", NAMESPACE)
        site.kubectl("scale", "deployment/backend", "--replicas=2", "-n", NAMESPACE)
        until(lambda: len(backend_pods(site)) == 2)
    finally:
        for visitor in visitors:
            visitor.done.set()
        for visitor in visitors:
            visitor.join()
    seen = sum((visitor.seen for visitor in visitors), Counter())
    assert set(seen) == {"200 backend"}, seen
    assert seen["200 backend"] > 50


def backend_pods(cluster: Cluster) -> list[str]:
    return cluster.kubectl("get", "pods", "-n", NAMESPACE, "-l", "app=backend", "-o", "name").stdout.split()


def test_the_proxy_outlives_the_controller_and_is_taken_over(site: Cluster) -> None:
    core = site.exec("hub", ["pgrep", "-of", "bin/kcore"]).stdout.strip()
    master = site.exec("hub", ["pgrep", "-o", "-x", "haproxy"]).stdout.strip()
    site.exec("hub", ["kill", "-9", core])
    assert get(site, "/login")[0] == 200
    until(lambda: site.kubectl("get", "--raw", "/readyz", check=False).code == 0)
    apply(site, ingress("after", rules=[rule(path("/"), host="after.example")]))
    until(lambda: get(site, "/", "after.example")[1].startswith("backend-"))
    assert site.exec("hub", ["pgrep", "-o", "-x", "haproxy"]).stdout.strip() == master
    site.kubectl("delete", "ingress", "after", "-n", NAMESPACE)


def test_a_proxy_that_is_killed_comes_back(site: Cluster) -> None:
    site.exec("hub", ["pkill", "-9", "-x", "haproxy"])
    until(lambda: get(site, "/login")[0] == 200)


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the headers it got."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


def test_pods_learn_who_asks_and_the_client_cannot_say_so(tmp_path: Path) -> None:
    """On loopback, without a cluster: what a server behind the proxy sees."""
    ref = BackendRef("demo", "echo", "80")
    routes = Routes(sites=frozenset({"*"}), prefix={"*/": ref})
    port = free_port()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = plan_proxy(
        Listen(addresses=("127.0.0.1",), http_port=port),
        routes,
        {ref: Servers((f"127.0.0.1:{server.server_port}",))},
        (),
        None,
    )

    async def main() -> dict[str, str]:
        haproxy = HAProxy(tmp_path / "i")
        assert await haproxy.apply(proxy) == "started"
        assert await haproxy.apply(proxy) == "unchanged"
        heir = HAProxy(tmp_path / "i")  # as after a crash of the controller
        try:
            seen = await asyncio.to_thread(ask)
            assert await heir.survived()
            assert await heir.apply(proxy) == "reloaded", "what it runs is not known"
            assert await heir.apply(proxy) == "unchanged"
            assert await asyncio.to_thread(ask) == seen
            return seen
        finally:
            await heir.stop()
            await haproxy.stop()
            assert not await heir.survived()

    def ask() -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        lies = {"Host": "shop.example", "X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https"}
        connection.request("GET", "/", headers=lies)
        seen: dict[str, str] = json.loads(connection.getresponse().read())
        connection.close()
        return seen

    try:
        seen = {name.lower(): value for name, value in asyncio.run(main()).items()}
    finally:
        server.shutdown()
        server.server_close()
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "shop.example" == seen["host"]
    assert seen["x-forwarded-port"] == str(port)


def test_without_haproxy_it_says_what_to_install(tmp_path: Path) -> None:
    absent = HAProxy(tmp_path / "ingress", program="haproxy-that-is-not-there")
    with pytest.raises(ProxyFailed, match="not installed: apt-get install haproxy"):
        asyncio.run(absent.apply(Proxy(listen=Listen(addresses=("127.0.0.1",)))))
