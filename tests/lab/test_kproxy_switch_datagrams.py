"""Datagrams of one socket go on being answered while backends change: nothing tells their sender to begin anew."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import pytest

from kproxy.backends.registry import BACKENDS, Backend
from kproxy.configuration.config import Configuration
from kproxy.conntrack_socket import Cleaner
from kproxy.drive import Proxy
from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.run import Options, make_backends
from kproxy.switch_drive import Switch
from kube.client import Client
from kube.objects import EndpointSlice, Service
from linux import process
from linux.rtnl import Rtnl
from tests.lab.pod_town import PORT, Place, Town, town
from tests.unit.kproxy.fake_api import FakeApi

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        process.find("nft") is None or process.find("iptables") is None, reason="nft or iptables is missing"
    ),
]
VIP = "10.96.0.50"
_ENTRIES = tuple(entry for entry in BACKENDS if entry.name != "ipvs")
_TIME_S = 120
_ANSWER_S = 1.0
_LOCAL_TABLE, _USERSPACE_ROUTES = 255, 107
# Somebody's firewall: from then on the kernel tracks connections, whatever our own mode asks for.
_FIREWALL = b"""
table ip firewall {
  chain input { type filter hook input priority 0; ct state established,related accept; }
}
"""


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        made.node.run(lambda: process.run(["nft", "-f", "-"], input=_FIREWALL))
        yield made


def _api(pod: Place) -> FakeApi:
    spec = {
        "clusterIP": VIP,
        "clusterIPs": [VIP],
        "ipFamilies": ["IPv4"],
        "ports": [{"name": "p", "port": 80, "protocol": "UDP"}],
    }
    service = msgspec.convert({"metadata": {"name": "dns", "namespace": "ns"}, "spec": spec}, Service)
    labels = {"kubernetes.io/service-name": "dns"}
    slices = msgspec.convert(
        {
            "metadata": {"name": "dns-1", "namespace": "ns", "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "p", "port": PORT, "protocol": "UDP"}],
            "endpoints": [{"addresses": [pod.ips[0]], "nodeName": "node"}],
        },
        EndpointSlice,
    )
    return FakeApi(service, slices)


def _config(mode: str) -> Configuration:
    return Configuration(mode=mode, cluster_cidr="10.244.0.0/16")


class Asking:
    """One socket that sends from one port, as a resolver may for as long as it lives."""

    def __init__(self, client: Place, server: str) -> None:
        self._server = server
        self._socket = client.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.connect((VIP, 80))
        self._socket.settimeout(_ANSWER_S)

    def is_answered(self) -> bool:
        """A datagram may be lost, or meet the moment in which a mode changes; the one after it not."""
        for _ in range(10):
            with suppress(OSError):
                self._socket.send(b"?")
                return self._socket.recv(512).decode().startswith(f"{self._server} ")
        return False

    def close(self) -> None:
        self._socket.close()


async def _left(mode: str) -> None:
    """Until nothing of a mode is there."""
    words = {"nftables": "table ip kproxy {", "iptables": "KUBE-SVC"}
    while True:
        if mode in words:
            listed = await asyncio.to_thread(process.run, ["nft", "list", "ruleset"])
            if words[mode] not in listed.stdout:
                return
        else:
            with Rtnl() as rtnl:
                routes = rtnl.routes(table=_LOCAL_TABLE)
            if not any(route.protocol == _USERSPACE_ROUTES for route in routes):
                return
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "modes",
    [("userspace", "nftables", "userspace"), ("iptables", "userspace", "iptables")],
    ids=" ".join,
)
def test_datagrams_go_on_through_every_change_of_modes(modes: tuple[str, ...], streets: Town) -> None:
    pod, client = streets.pods

    def make(config: Configuration) -> dict[int, Backend]:
        return make_backends(Options(config=config, own_table=False), (4,))

    async def run() -> list[str]:
        metrics = ProxyMetrics()
        backends = make(_config(modes[0]))
        proxy = Proxy(Client(_api(pod)), _config(modes[0]), "node", backends, metrics)
        cleaner = Cleaner(metrics)
        proxy.on_synced.append(cleaner.note)
        switch = Switch(
            proxy,
            backends,
            make=make,
            attend=lambda _backends: asyncio.sleep(_TIME_S),
            entries=_ENTRIES,
            let_go=cleaner.relayed,
        )
        tasks = [asyncio.ensure_future(each.run()) for each in (proxy, switch, cleaner)]
        asking: Asking | None = None
        silent = []
        try:
            async with asyncio.timeout(_TIME_S):
                await proxy.synced_once.wait()
                asking = await asyncio.to_thread(Asking, client, pod.name)
                for before, mode in zip(("", *modes), modes, strict=False):
                    if before:
                        switch.take_up(lambda mode=mode: _config(mode))  # type: ignore[misc]
                        assert switch.mode == mode
                    if not await asyncio.to_thread(asking.is_answered):
                        silent.append(f"in {mode}")
                    if before:
                        await _left(before)
                    if not await asyncio.to_thread(asking.is_answered):
                        silent.append(f"in {mode}, {before} gone")
        finally:
            if asking is not None:
                asking.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await switch.close()
        return silent

    assert streets.node.run(lambda: asyncio.run(run())) == []
