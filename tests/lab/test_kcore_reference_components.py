"""kube-scheduler, kube-controller-manager and CoreDNS, the real ones, work against `kcore apiserver` with RBAC."""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from dnslib import DNSRecord

from kube.certs import Pki
from kube.client import ApiError, Client
from tests.lab.kcore_process import Kcore
from tests.lab.reference_components import coredns, kube_controller_manager, kube_scheduler
from tests.ports import free_port

pytestmark = pytest.mark.lab

_JSON = {"content-type": "application/json"}
_PATIENCE_S = 90.0
_NODE = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n1"}}
_READY = {
    "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
    "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
}
_TEMPLATE = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "registry.example/a:1"}]},
}


class Cluster:
    """Asks the API, patiently."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ask(self, method: str, path: str, body: Any = None, media: str = "") -> Any:
        data = b"" if body is None else msgspec.json.encode(body)
        headers = {"content-type": media} if media else _JSON
        return msgspec.json.decode((await self._client.raw(method, path, headers=headers, body=data)).body)

    async def until(self, path: str, holds: Callable[[Any], bool], what: str) -> Any:
        """The object or list, when it is as it should be; None stands for what is not there."""
        found: Any = None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while True:
                    try:
                        found = await self.ask("GET", path)
                    except ApiError as error:
                        if error.code != 404:
                            raise
                        found = None
                    if holds(found):
                        return found
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pytest.fail(f"{what}: still {found}")

    async def merge(self, path: str, body: Any) -> Any:
        return await self.ask("PATCH", path, body, "application/merge-patch+json")


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Kcore]:
    made = Kcore(tmp_path / "kcore", "--authorization-mode", "Node,RBAC")
    made.start()
    try:
        yield made
    finally:
        made.end()
    assert "Traceback" not in made.log.read_text()


def play(server: Kcore, body: Callable[[Cluster], Awaitable[None]]) -> None:
    async def whole() -> None:
        client = server.client()
        try:
            await body(Cluster(client))
        finally:
            await client.close()

    asyncio.run(whole())


def test_the_scheduler_binds_pods_and_says_why_it_cannot(server: Kcore) -> None:
    async def body(cluster: Cluster) -> None:
        account = {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "default"}}
        await cluster.ask("POST", "/api/v1/namespaces/default/serviceaccounts", account)
        await cluster.ask("POST", "/api/v1/nodes", _NODE)
        await cluster.merge("/api/v1/nodes/n1/status", {"status": _READY})
        await cluster.merge("/api/v1/nodes/n1", {"spec": {"taints": None}})
        pods = "/api/v1/namespaces/default/pods"
        for name, cpu in (("fits", "100m"), ("large", "64")):
            container = {"name": "c", "image": "a", "resources": {"requests": {"cpu": cpu}}}
            pod = {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {"name": name},
                "spec": {"containers": [container]},
            }
            await cluster.ask("POST", pods, pod)
        bound = await cluster.until(
            f"{pods}/fits", lambda pod: bool(pod["spec"].get("nodeName")), "the pod is bound"
        )
        assert bound["spec"]["nodeName"] == "n1"
        assert {"type": "PodScheduled", "status": "True"}.items() <= bound["status"]["conditions"][0].items()
        large = await cluster.until(
            f"{pods}/large", lambda pod: bool((pod.get("status") or {}).get("conditions")), "a reason"
        )
        (condition,) = large["status"]["conditions"]
        assert (condition["reason"], condition["status"]) == ("Unschedulable", "False")
        assert "0/1 nodes are available: 1 Insufficient cpu" in condition["message"]
        events = "/api/v1/namespaces/default/events"
        await cluster.until(
            events,
            lambda found: {"Scheduled", "FailedScheduling"} <= {row["reason"] for row in found["items"]},
            "events",
        )

    with kube_scheduler(Pki(server.folder)):
        play(server, body)


def test_the_controllers_do_their_work(server: Kcore) -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.ask(
            "POST", "/api/v1/namespaces", {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "t"}}
        )
        inside = "/api/v1/namespaces/t"
        await cluster.until(
            f"{inside}/serviceaccounts/default", lambda found: found is not None, "the default account"
        )
        await cluster.until(
            f"{inside}/configmaps/kube-root-ca.crt", lambda found: found is not None, "the CA's map"
        )
        await cluster.ask("POST", "/api/v1/nodes", _NODE)
        node = await cluster.until(
            "/api/v1/nodes/n1", lambda node: bool(node["spec"].get("podCIDR")), "a pod CIDR"
        )
        assert node["spec"]["podCIDR"] == "10.244.0.0/24"

        await cluster.ask(
            "POST",
            f"{inside}/resourcequotas",
            {
                "kind": "ResourceQuota",
                "apiVersion": "v1",
                "metadata": {"name": "q"},
                "spec": {"hard": {"pods": "10"}},
            },
        )
        await cluster.until(
            f"{inside}/resourcequotas/q",
            lambda quota: (quota.get("status") or {}).get("used") == {"pods": "0"},
            "the quota's use",
        )
        spec = {"replicas": 3, "selector": {"matchLabels": {"app": "a"}}, "template": _TEMPLATE}
        deployments = "/apis/apps/v1/namespaces/t/deployments"
        await cluster.ask(
            "POST",
            deployments,
            {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d"}, "spec": spec},
        )
        ports = {"selector": {"app": "a"}, "ports": [{"port": 80}]}
        await cluster.ask(
            "POST",
            f"{inside}/services",
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}, "spec": ports},
        )
        job = {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "j"}}
        template = {"spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}}
        await cluster.ask("POST", "/apis/batch/v1/namespaces/t/jobs", {**job, "spec": {"template": template}})

        pods = await cluster.until(
            f"{inside}/pods", lambda found: len(found["items"]) == 4, "three pods and the job's"
        )
        await cluster.until(
            f"{inside}/resourcequotas/q",
            lambda quota: quota["status"]["used"] == {"pods": "4"},
            "four pods are charged",
        )
        mine = next(
            pod
            for pod in pods["items"]
            if pod["metadata"]["labels"].get("app") == "a" and "job-name" not in pod["metadata"]["labels"]
        )
        state = {
            "phase": "Running",
            "podIP": "10.244.0.9",
            "podIPs": [{"ip": "10.244.0.9"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        name = mine["metadata"]["name"]
        target = {"metadata": {"name": name}, "target": {"kind": "Node", "name": "n1"}}
        await cluster.ask(
            "POST", f"{inside}/pods/{name}/binding", {"kind": "Binding", "apiVersion": "v1", **target}
        )
        await cluster.merge(f"{inside}/pods/{name}/status", {"status": state})
        slices = "/apis/discovery.k8s.io/v1/namespaces/t/endpointslices"
        await cluster.until(
            slices,
            lambda found: (
                [end["addresses"] for row in found["items"] for end in row.get("endpoints") or ()]
                == [["10.244.0.9"]]
            ),
            "the service's endpoint",
        )
        await cluster.until(
            f"{deployments}/d",
            lambda found: found["status"].get("readyReplicas") == 1,
            "the deployment's status",
        )

        await _certificate(cluster)

        await cluster.ask(
            "DELETE",
            f"{deployments}/d",
            {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"},
        )
        await cluster.until(
            "/apis/apps/v1/namespaces/t/replicasets",
            lambda found: found["items"] == [],
            "the garbage collector",
        )
        await cluster.until(
            f"{inside}/pods/{name}",
            lambda pod: bool(pod["metadata"].get("deletionTimestamp")),
            "the pod is to go",
        )
        at_once = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        await cluster.ask("DELETE", f"{inside}/pods/{name}", at_once)  # as its node agent does
        await cluster.until(
            f"{inside}/pods", lambda found: len(found["items"]) == 1, "the pods go with their owner"
        )
        await cluster.ask("DELETE", inside)
        await cluster.until(inside, lambda found: found is None, "the namespace is emptied and goes")

    with kube_controller_manager(Pki(server.folder)) as log:
        play(server, body)
    assert "forbidden" not in log.read_text().lower()


def test_coredns_answers_for_services_as_they_come_and_change(server: Kcore) -> None:
    port = free_port()

    async def body(cluster: Cluster) -> None:
        services, slices = (
            "/api/v1/namespaces/default/services",
            "/apis/discovery.k8s.io/v1/namespaces/default",
        )
        for name, ip in (("web", "10.96.0.77"), ("each", "None")):
            spec = {"clusterIP": ip, "ports": [{"name": "http", "port": 80}]}
            service = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": name}, "spec": spec}
            await cluster.ask("POST", services, service)
        labels = {"kubernetes.io/service-name": "each"}
        made: dict[str, Any] = {
            "kind": "EndpointSlice",
            "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"name": "each-1", "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.244.0.5"]}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }
        await cluster.ask("POST", f"{slices}/endpointslices", made)
        await _resolves(port, "web.default.svc.cluster.local.", "A", {"10.96.0.77"})
        await _resolves(port, "each.default.svc.cluster.local.", "A", {"10.244.0.5"})
        await _resolves(
            port,
            "_http._tcp.web.default.svc.cluster.local.",
            "SRV",
            {"0 100 80 web.default.svc.cluster.local."},
        )
        await _resolves(port, "77.0.96.10.in-addr.arpa.", "PTR", {"web.default.svc.cluster.local."})
        more = {"endpoints": [{"addresses": ["10.244.0.5"]}, {"addresses": ["10.244.0.6"]}]}
        await cluster.merge(f"{slices}/endpointslices/each-1", more)
        await _resolves(port, "each.default.svc.cluster.local.", "A", {"10.244.0.5", "10.244.0.6"})

    with coredns(Pki(server.folder), port) as log:
        play(server, body)
    assert "forbidden" not in log.read_text().lower()


async def _resolves(port: int, name: str, kind: str, expected: set[str]) -> None:
    """Until it does: what was written is on its way."""

    def ask() -> set[str]:
        packet = DNSRecord.question(name, kind).send("127.0.0.1", port, timeout=5)
        return {str(record.rdata) for record in DNSRecord.parse(packet).rr}

    found: set[str] = set()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                with contextlib.suppress(OSError):  # not there yet, or a datagram was lost
                    found = await asyncio.to_thread(ask)
                if found == expected:
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"{name} {kind}: still {found}, not {expected}")


async def _certificate(cluster: Cluster) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = asked.public_bytes(serialization.Encoding.PEM)
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
    }
    made = await cluster.ask(
        "POST",
        path,
        {
            "kind": "CertificateSigningRequest",
            "apiVersion": "certificates.k8s.io/v1",
            "metadata": {"name": "jane"},
            "spec": spec,
        },
    )
    made["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "Test"}]}
    await cluster.ask("PUT", f"{path}/jane/approval", made)
    signed = await cluster.until(
        f"{path}/jane", lambda found: bool((found.get("status") or {}).get("certificate")), "the certificate"
    )
    certificate = x509.load_pem_x509_certificate(base64.b64decode(signed["status"]["certificate"]))
    assert certificate.subject == subject
