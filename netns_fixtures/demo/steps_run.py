"""The demonstration's steps. Each shows one thing the cluster does, and checks it."""

import asyncio
import os
import shutil
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

from kube.client import Client, NotFound
from kube.client.exec_socket import ExecResult, exec_in_pod
from kube.objects import Deployment, Namespace, Pod
from linux import process
from netns_fixtures import manifests_run
from netns_fixtures.demo import proxies_run, remains_run
from netns_fixtures.demo.show import CheckFailed, Show
from netns_fixtures.demo.watched import NAMESPACE, PATIENCE_S, Watched
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab

EXAMPLES = Path(__file__).parents[2] / "examples" / "k8sdemo"
MANIFESTS = ("backend-dp.yaml", "backend-svc.yaml", "frontend-dp.yaml", "frontend-svc.yaml", "ingress.yaml")
REQUEST_COUNT = 300


class Stage:
    """What every step works with."""

    def __init__(self, lab: Lab, folder: Folder, client: Client, show: Show, watched: Watched) -> None:
        self.lab = lab
        self.folder = folder
        self.client = client
        self.show = show
        self.watched = watched

    async def in_frontend(self, *argv: str) -> ExecResult:
        """Run a command in a frontend pod, through the API."""
        pod = self.watched.pods_of("frontend")[0]
        return await exec_in_pod(self.client, NAMESPACE, pod.metadata.name, argv)


async def declare(stage: Stage) -> None:
    """Namespace, Deployments, Services, Ingress: with kubectl where it is installed."""
    stage.show.step("declare: a backend, a frontend, their Services and an Ingress, from five files")
    files = [str(EXAMPLES / name) for name in MANIFESTS]
    if shutil.which("kubectl"):
        await _kubectl(stage, "create", "namespace", NAMESPACE)
        await _kubectl(stage, "apply", *(part for file in files for part in ("-f", file)), "-n", NAMESPACE)
        return
    await stage.client.raw(
        "POST",
        Namespace.resource.path(),
        headers={"content-type": "application/json"},
        body=b'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"%s"}}' % NAMESPACE.encode(),
    )
    stage.show.say(f"klab apply -f {EXAMPLES.name} -n {NAMESPACE}")
    for line in await manifests_run.apply(stage.client, manifests_run.read_manifests(files), NAMESPACE):
        stage.show.say(line)


async def _kubectl(stage: Stage, *arguments: str) -> None:
    words = (Path(part).name if "/" in part else part for part in arguments)
    stage.show.say(f"$ kubectl {' '.join(words)}", "dim")
    environment = {**os.environ, "KUBECONFIG": str(stage.folder.kubeconfig)}
    done = await asyncio.to_thread(process.run, ["kubectl", *arguments], env=environment, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        stage.show.say(line)
    stage.show.require(f"kubectl {arguments[0]} succeeds", done.code == 0)


async def pods_run(stage: Stage) -> None:
    """Pods on every node, with addresses of the node's own range."""
    watched, show = stage.watched, stage.show
    with show.waiting("pods start") as status:

        def progress() -> bool:
            ready = sum(
                len(watched.pods_of(app)) for app in ("backend", "frontend") if watched.available(app)
            )
            running = sum(pod.status.phase == "Running" for pod in watched.pods.cache.values())
            status.update(f"{running} of {len(watched.pods.cache)} pods Running, {ready} available")
            return watched.available("backend") and watched.available("frontend")

        await watched.until(progress, "both Deployments available")
    show.step("pods run on the nodes and have addresses from our CNI plugin")
    pods = watched.pods_of("backend") + watched.pods_of("frontend")
    show.table(
        ("pod", "node", "addresses"),
        [
            (pod.metadata.name, pod.spec.node_name, " ".join(entry.ip for entry in pod.status.pod_ips))
            for pod in pods
        ],
    )
    families = len(stage.lab.subnets)
    show.check(
        "every pod has an address of each family", all(len(pod.status.pod_ips) == families for pod in pods)
    )
    nodes_used = {pod.spec.node_name for pod in pods}
    wanted = min(len(stage.lab.nodes), len(pods))
    show.check(f"{wanted} nodes have pods", len(nodes_used) == wanted, f"only {nodes_used}")


async def names_resolve(stage: Stage) -> None:
    """`backend` by its short name, from inside a pod."""
    stage.show.step("a frontend pod finds `backend` by name, through our DNS")
    done = await _looked_up(stage)
    for line in done.stdout.splitlines():
        if line.strip():
            stage.show.say(line, "dim")
    wanted = stage.watched.service("backend").spec.cluster_ips
    stage.show.check(
        f"the answer is the Service's {' and '.join(wanted)}",
        any(address in done.stdout for address in wanted),
        done.stderr,
    )


async def _looked_up(stage: Stage) -> ExecResult:
    """The answer as soon as there is one; a DNS server hears of a new Service a moment after the API."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        done = await stage.in_frontend("nslookup", "backend")
        if done.code != 0:  # older nslookup applets do not walk the search path
            done = await stage.in_frontend("nslookup", f"backend.{NAMESPACE}.svc.cluster.local")
        if done.code == 0 or time.monotonic() > give_up_at:
            return done
        await asyncio.sleep(0.1)


async def _proxies_know(stage: Stage, service: str) -> None:
    """Wait until the rules of every node lead to the endpoints that the API has now."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(
        proxies_run.have_taken_up,
        stage.lab,
        stage.folder,
        f"{NAMESPACE}/{service}",
        stage.watched.ready_endpoints(service),
    ):
        if time.monotonic() > give_up_at:
            raise CheckFailed(
                f"after {PATIENCE_S:g} s a node's rules still differ from the endpoints of {service}"
            )
        await asyncio.sleep(0.05)


async def requests_spread(stage: Stage) -> None:
    """Through the ClusterIP, counted per pod that answered."""
    await _endpoints_match(stage)
    await _proxies_know(stage, "backend")
    pods = stage.watched.pods_of("backend")
    stage.show.step(f"{REQUEST_COUNT} requests through the ClusterIP reach all {len(pods)} backends")
    counts, failed_count = await _ask_backend(stage, REQUEST_COUNT)
    stage.show.bars(counts)
    names = {pod.metadata.name for pod in pods}
    stage.show.check(
        f"all {REQUEST_COUNT} were answered", sum(counts.values()) == REQUEST_COUNT, f"{failed_count} failed"
    )
    stage.show.check(
        "each backend answered, and nobody else", set(counts) == names, f"{set(counts)} against {names}"
    )
    # Binomial: with 300 requests even 6 pods get fewer than 25 each once in 10,000 runs.
    stage.show.check(
        "the load is even", min(counts.values(), default=0) > REQUEST_COUNT / len(pods) / 2, str(dict(counts))
    )


async def _ask_backend(stage: Stage, count: int) -> tuple[Counter[str], int]:
    script = "i=0; while [ $i -lt $0 ]; do wget -q -O - http://backend:8080/ || echo FAILED; i=$((i+1)); done"
    with stage.show.waiting(f"{count} requests"):
        done = await stage.in_frontend("sh", "-c", script, str(count))
    lines = Counter(line.strip() for line in done.stdout.splitlines() if line.strip())
    failed_count = lines.pop("FAILED", 0)
    return lines, failed_count


async def node_port_answers(stage: Stage) -> None:
    """The frontend from outside the cluster, on every node."""
    port = stage.watched.service("frontend").spec.ports[0].node_port
    stage.show.step(f"from outside, the NodePort {port} answers on every node")
    await _proxies_know(stage, "frontend")
    rows = []
    for node in stage.lab.nodes:
        for address in node.addresses:
            host = f"[{address}]" if ":" in address else address
            rows.append(
                (
                    node.name,
                    f"http://{host}:{port}/login",
                    await asyncio.to_thread(_fetch, f"http://{host}:{port}/login"),
                )
            )
    stage.show.table(("node", "asked", "answered by"), rows)
    names = {pod.metadata.name for pod in stage.watched.pods_of("frontend")}
    stage.show.check("each answer comes from a frontend pod", all(answer in names for _, _, answer in rows))


def _fetch(url: str) -> str:
    try:
        with urlopen(url, timeout=30) as reply:  # noqa: S310  # the lab's own address
            text: str = reply.read().decode().strip()
            return text
    except OSError as error:
        return f"nothing: {error}"


async def scale_up(stage: Stage) -> None:
    """Six replicas, and the new ones take their share."""
    stage.show.step("scale the backend to 6")
    await stage.client.patch(Deployment, "backend", NAMESPACE, {"spec": {"replicas": 6}})
    started_s = time.monotonic()
    with stage.show.waiting("6 backends"):
        await stage.watched.until(
            lambda: stage.watched.available("backend") and len(stage.watched.pods_of("backend")) == 6,
            "6 backends available",
        )
    stage.show.say(f"available after {time.monotonic() - started_s:.1f} s")
    await _endpoints_match(stage)
    spread = Counter(pod.spec.node_name for pod in stage.watched.pods_of("backend"))
    stage.show.table(("node", "backends"), sorted(spread.items()))
    stage.show.check(
        "the nodes share them evenly", max(spread.values()) - min(spread.values()) <= 1, str(dict(spread))
    )


async def _endpoints_match(stage: Stage) -> None:
    watched = stage.watched

    def match() -> bool:
        families = watched.service("backend").spec.ip_families
        addresses = {
            entry.ip
            for pod in watched.pods_of("backend")
            for entry in pod.status.pod_ips
            if ("IPv6" if ":" in entry.ip else "IPv4") in families
        }
        return bool(addresses) and watched.ready_endpoints("backend") == addresses

    await watched.until(match, "the EndpointSlices hold exactly the backends")


async def backend_replaced(stage: Stage) -> None:
    """A deleted pod leaves the endpoints, is replaced, and no request fails after the endpoints changed."""
    watched, show = stage.watched, stage.show
    victim = watched.pods_of("backend")[0]
    show.step(f"kill a backend: {victim.metadata.name}")
    addresses = {entry.ip for entry in victim.status.pod_ips}
    await stage.client.delete(Pod, victim.metadata.name, NAMESPACE, grace_period_s=1)
    await watched.until(
        lambda: not addresses & watched.ready_endpoints("backend"), "the killed pod is no endpoint"
    )
    await _proxies_know(stage, "backend")
    counts, failed_count = await _ask_backend(stage, REQUEST_COUNT)
    show.check("no request failed after the endpoints changed", failed_count == 0, f"{failed_count} failed")
    show.check("none reached the killed pod", victim.metadata.name not in counts)
    with show.waiting("a replacement"):
        await watched.until(
            lambda: watched.available("backend") and len(watched.pods_of("backend")) == 6, "6 backends again"
        )
    names = {pod.metadata.name for pod in watched.pods_of("backend")}
    show.check("a new pod took its place", len(names) == 6 and victim.metadata.name not in names, str(names))


async def nothing_left(stage: Stage) -> None:
    """Deleting the namespace removes everything in it, also from the nodes."""
    watched, show = stage.watched, stage.show
    show.step(f"delete the namespace {NAMESPACE}")
    started_s = time.monotonic()
    await stage.client.delete(Namespace, NAMESPACE)
    with show.waiting("everything in it goes"):
        await watched.until(
            lambda: all(key.name != NAMESPACE for key in watched.namespaces.cache),
            "the namespace is gone",
        )
        await watched.until(
            lambda: not watched.pods.cache and not watched.slices.cache, "its pods and slices are gone"
        )
    show.say(f"gone after {time.monotonic() - started_s:.1f} s")
    try:
        await stage.client.get(Namespace, NAMESPACE)
        raise CheckFailed("the namespace can still be read")
    except NotFound:
        show.check("the API has nothing of it", holds=True)
    left = await _settled(stage)
    show.table(
        ("node", "pod links", "addresses", "rules naming it"),
        [(row.node, row.links, row.addresses, row.rules) for row in left],
    )
    show.check(
        "the nodes have nothing of it", not any(row.links or row.addresses or row.rules for row in left)
    )


async def _settled(stage: Stage) -> list[remains_run.Remains]:
    """What the nodes hold once kproxy has settled: it keeps what packets in flight may need for a second."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        left = await asyncio.to_thread(remains_run.on_nodes, stage.lab, stage.folder)
        if time.monotonic() > give_up_at or not any(row.links or row.addresses or row.rules for row in left):
            return left
        await asyncio.sleep(0.1)


STEPS = (
    declare,
    pods_run,
    names_resolve,
    requests_spread,
    node_port_answers,
    scale_up,
    requests_spread,
    backend_replaced,
    nothing_left,
)
