"""A node of `pod_town` with a `kcore` and a real kproxy process on it, and programs in its pods."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec

from kube.client import Client
from kube.objects import EndpointSlice, Node, Service
from linux import netns, process
from linux.rtnl import Rtnl
from tests.lab.kcore_process import Kcore
from tests.lab.pod_town import NODE, Place, Town
from tests.patience import until

T = TypeVar("T")
KPROXY = Path(__file__).parents[2] / ".venv" / "bin" / "kproxy"
STORM = Path(__file__).with_name("connection_storm.py")
NAME = "node"
ECHO_PORT = 9000


@contextmanager
def lone_node(ip: str) -> Iterator[int]:
    """A namespace with nothing but loopback, which has the node's address."""
    fd = netns.create()

    def furnish() -> None:
        with Rtnl() as rtnl:
            lo = rtnl.link("lo")
            assert lo is not None
            rtnl.set_link(lo.ifindex, up=True)
            rtnl.add_address(lo.ifindex, ip, 32)

    try:
        netns.run_in(fd, furnish)
        yield fd
    finally:
        os.close(fd)


class Server:
    """`connection_storm.py serve` in one place; opens and closes addresses that it gives the place, too."""

    def __init__(self, place: Place) -> None:
        self.place = place
        argv = [sys.executable, str(STORM), "serve", str(ECHO_PORT)]
        self._process = place.run(lambda: process.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    def open(self, *ips: str) -> None:
        def add() -> None:
            with Rtnl() as rtnl:
                link = rtnl.link("eth0")
                assert link is not None
                known = {a.ip for a in rtnl.addresses()}
                for ip in ips:
                    if ip not in known:
                        rtnl.add_address(link.ifindex, ip, 24)

        self.place.run(add)
        for ip in ips:
            self._tell(f"open {ip}")

    def close(self, ip: str) -> None:
        self._tell(f"close {ip}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"done\n", line

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Storm:
    """`connection_storm.py storm` in one place, from now on."""

    def __init__(self, place: Place, rate: int, addresses: Iterable[str]) -> None:
        argv = [sys.executable, str(STORM), "storm", str(rate), *addresses]
        self._process = place.run(lambda: process.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"blowing\n"

    def end(self) -> dict[str, Any]:
        """Waits for the last connection."""
        output, _ = self._process.communicate(timeout=180)
        found: dict[str, Any] = json.loads(output)
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class ProxiedNode:
    """`mode` and more of the configuration as given; kproxy is not started yet."""

    def __init__(self, streets: Town, folder: Path, *arguments: str, **config: object) -> None:
        self.streets = streets
        self.kcore = streets.node.run(lambda: Kcore(folder / "data"))
        streets.node.run(self.kcore.start)
        self.log = folder / "kproxy.log"
        self._arguments = arguments
        self.config = folder / "config.json"
        self.config.write_text(
            json.dumps(
                {
                    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                    "kind": "KubeProxyConfiguration",
                    "mode": "nftables",
                    "hostnameOverride": NAME,
                    "clusterCIDR": "10.244.0.0/16,fd00:10:244::/56",
                    "clientConnection": {"kubeconfig": str(self.kcore.kubeconfig)},
                    "conntrack": {
                        "maxPerCore": 0,
                        "tcpEstablishedTimeout": "0s",
                        "tcpCloseWaitTimeout": "0s",
                    },
                    **config,
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, act: Callable[[Client], Awaitable[T]]) -> T:
        """With a client of the API, inside the node."""

        async def whole() -> T:
            client = self.kcore.client()
            try:
                return await act(client)
            finally:
                await client.close()

        return self.streets.node.run(lambda: asyncio.run(whole()))

    def start(self, *, wait: bool = True) -> None:
        """Returns when its first sync is done, if told to wait."""
        argv = [str(KPROXY), f"--config={self.config}", *self._arguments]
        with self.log.open("ab") as log:
            self._process = self.streets.node.run(lambda: process.spawn(argv, stdout=log, stderr=log))
        if wait:
            until(lambda: "last_timestamp_seconds{" in self.page(10249, "/metrics")[1], "the first sync")

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ended(self, *, with_status: int = 0) -> bool:
        """Of itself."""
        return self._process is not None and self._process.wait(90) == with_status

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def page(self, port: int, path: str) -> tuple[int, str]:
        """Status and body; (0, "") while nobody listens."""

        def ask() -> tuple[int, str]:
            try:
                with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                    return reply.status, reply.read().decode()
            except HTTPError as error:
                with error:
                    return error.code, error.read().decode()
            except (URLError, OSError):
                return 0, ""

        return self.streets.node.run(ask)

    def end(self) -> None:
        self.kill()
        self.kcore.end()


async def make_node(client: Client) -> None:
    node = {"metadata": {"name": NAME}, "spec": {"podCIDRs": ["10.244.1.0/24"], "podCIDR": "10.244.1.0/24"}}
    await client.create(msgspec.convert(node, Node))
    status = {"status": {"addresses": [{"type": "InternalIP", "address": ip} for ip in NODE]}}
    await client.patch(Node, NAME, "", status, subresource="status")


async def make_service(
    client: Client,
    name: str,
    ip: str,
    ips: Iterable[str],
    node_port: int = 0,
    target: int = ECHO_PORT,
    **spec: object,
) -> None:
    """`default/NAME`, port 80, with one slice."""
    port = {"name": "p", "port": 80, "protocol": "TCP", **({"nodePort": node_port} if node_port else {})}
    kind = "NodePort" if node_port else "ClusterIP"
    service = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": ip, "type": kind, "ports": [port], **spec},
    }
    await client.create(msgspec.convert(service, Service))
    labels = {"kubernetes.io/service-name": name}
    slices = {
        "metadata": {"name": f"{name}-1", "namespace": "default", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "p", "port": target, "protocol": "TCP"}],
        "endpoints": endpoints(ips),
    }
    await client.create(msgspec.convert(slices, EndpointSlice))


def endpoints(ips: Iterable[str], leaving: Iterable[str] = ()) -> list[dict[str, object]]:
    """Ready ones, and some that terminate."""

    def one(ip: str, **conditions: bool) -> dict[str, object]:
        node = NAME if ip.startswith("10.244.1.") else "other"
        return {"addresses": [ip], "nodeName": node, "conditions": conditions}

    return [one(ip, ready=True) for ip in ips] + [
        one(ip, ready=False, serving=True, terminating=True) for ip in leaving
    ]


async def set_endpoints(client: Client, name: str, ips: Iterable[str], leaving: Iterable[str] = ()) -> None:
    body = {"endpoints": endpoints(ips, leaving)}
    await client.patch(EndpointSlice, f"{name}-1", "default", body)
