"""Backends change, and kube-proxy's table is taken over, under traffic: nobody is refused, nothing established ends."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec
import pytest

from kproxy.backends.registry import BACKENDS
from kproxy.configuration.config import Configuration
from kproxy.drive import Proxy
from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.run import Options, make_backends
from kproxy.switch_drive import Switch
from kube.client import Client
from kube.objects import EndpointSlice, Service
from linux import process
from tests.lab.pod_town import NODE, PORT, Place, Town, ask, town
from tests.unit.kproxy.fake_api import FakeApi

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        process.find("nft") is None or process.find("iptables") is None, reason="nft or iptables is missing"
    ),
]
_PAUSE_S = 0.002  # not so many connections that ports come to be used again
_IN_GUEST = "PODNET_GUEST" in os.environ  # whose kernel has ip_vs, and whose processor is slow
_ENTRIES = tuple(entry for entry in BACKENDS if entry.name != "ipvs" or _IN_GUEST)
_TIME_S = 300
_LOOK_S = 4.0 if _IN_GUEST else 0.8
_RULES = {"nftables": "table ip kproxy", "iptables": "KUBE-SVC"}
_WAYS = (
    ("nftables", "iptables", "nftables"),
    ("nftables", "userspace", "nftables", "userspace"),
    ("iptables", "userspace", "iptables"),
)
VIP, NODE_PORT, ECHO_PORT = "10.96.0.50", 30080, 9100
_KUBE_PROXY = """
table ip kube-proxy {{
  chain nat-prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr {vip} tcp dport 80 dnat to {pod}
  }}
}}
"""


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


def _api(streets: Town, pods: tuple[Place, ...], affinity: str) -> FakeApi:
    ports = [
        {"name": "p", "port": 80, "protocol": "TCP", "nodePort": NODE_PORT},
        {"name": "echo", "port": 81, "protocol": "TCP"},
    ]
    spec = {
        "type": "NodePort",
        "clusterIP": VIP,
        "clusterIPs": [VIP],
        "ipFamilies": ["IPv4"],
        "ports": ports,
        "sessionAffinity": affinity,
    }
    service = msgspec.convert({"metadata": {"name": "web", "namespace": "ns"}, "spec": spec}, Service)
    slices = msgspec.convert(
        {
            "metadata": {
                "name": "web-1",
                "namespace": "ns",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "ports": [
                {"name": "p", "port": PORT, "protocol": "TCP"},
                {"name": "echo", "port": ECHO_PORT, "protocol": "TCP"},
            ],
            "endpoints": [
                {"addresses": [pod.ips[0]], "nodeName": "node" if pod in streets.pods else "other"}
                for pod in pods
            ],
        },
        EndpointSlice,
    )
    return FakeApi(service, slices)


def _accept_echoes(bound: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = bound.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with suppress(OSError), connection:
        while said := connection.recv(64):
            connection.sendall(said)


class Kept:
    """A connection that is asked again and again."""

    def __init__(self, client: Place, mode: str) -> None:
        self.mode = mode
        self._socket = client.run(lambda: socket.create_connection((VIP, 81), timeout=20))

    def answers(self) -> bool:
        try:
            self._socket.sendall(b"still there?")
            return self._socket.recv(64) == b"still there?"
        except OSError:
            return False

    def close(self) -> None:
        self._socket.close()


class Traffic:
    """New connections without a pause by two ways, and some that stay."""

    def __init__(self, streets: Town) -> None:
        self._streets = streets
        self._stop = threading.Event()
        self.count = 0
        self.failed: list[str] = []
        self.late: list[str] = []
        self.phase, self.since_s = "before", time.monotonic()
        server, client = streets.pods
        self._bound = server.run(lambda: socket.create_server(("", ECHO_PORT)))
        threading.Thread(target=_accept_echoes, args=(self._bound,), daemon=True).start()
        self._client = client
        self.kept: list[Kept] = []
        self._threads = [
            threading.Thread(target=self._ask, args=where)
            for where in ((client, VIP, 80), (streets.client, NODE[0], NODE_PORT))
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, place: object, ip: str, port: int) -> None:
        while not self._stop.is_set():
            begun_s = time.monotonic()
            try:
                ask(place, ip, port)  # type: ignore[arg-type]
            except OSError as error:
                self.failed.append(
                    f"{ip}:{port} {error!r} {self.phase}, begun {begun_s - self.since_s:.3f} s in it"
                )
            else:
                if time.monotonic() - begun_s > 0.9:
                    self.late.append(f"{ip}:{port} {self.phase}, begun {begun_s - self.since_s:.3f} s in it")
            self.count += 1
            time.sleep(_PAUSE_S)

    def keep_one(self, mode: str) -> None:
        self.kept.append(Kept(self._client, mode))

    def broken(self) -> list[str]:
        """The modes under which the connections began that are no more."""
        return [kept.mode for kept in self.kept if not kept.answers()]

    async def more_than(self, count: int) -> None:
        """Until so many were asked; the time is the caller's to bound."""
        while self.count <= count:  # noqa: ASYNC110 - threads count
            await asyncio.sleep(0.02)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for kept in self.kept:
            kept.close()
        self._bound.shutdown(socket.SHUT_RDWR)
        self._bound.close()


async def _until_gone(*words: str) -> None:
    """Rules of a mode that serves no more."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        listed = await asyncio.to_thread(process.run, ["nft", "list", "ruleset"])
        if not any(word in listed.stdout for word in words):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still there: {words}")


async def _attend(_backends: object) -> None:
    await asyncio.Event().wait()


def _config(mode: str) -> Configuration:
    return Configuration(mode=mode, cluster_cidr="10.244.0.0/16", node_port_addresses=("192.168.0.0/16",))


def _with_proxy(
    streets: Town,
    mode: str,
    act: Callable[[Proxy, Switch], object],
    *,
    pods: tuple[Place, ...] = (),
    affinity: str = "None",
) -> None:
    """In the node's namespace; `act` is a coroutine function, run once the first sync is done."""

    async def run() -> None:
        def make(config: Configuration) -> dict[int, object]:
            return make_backends(Options(config=config, own_table=False), (4,))  # type: ignore[return-value]

        backends = make(_config(mode))
        api = _api(streets, pods or (streets.pods[0],), affinity)
        proxy = Proxy(Client(api), _config(mode), "node", backends, ProxyMetrics())  # type: ignore[arg-type]
        switch = Switch(proxy, backends, make=make, attend=_attend, entries=_ENTRIES)  # type: ignore[arg-type]
        tasks = [asyncio.ensure_future(proxy.run()), asyncio.ensure_future(switch.run())]
        try:
            async with asyncio.timeout(_TIME_S):
                await proxy.synced_once.wait()
                await act(proxy, switch)  # type: ignore[misc]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await switch.close()

    streets.node.run(lambda: asyncio.run(run()))


@pytest.mark.parametrize("modes", _WAYS, ids=" ".join)
def test_a_switch_of_modes_refuses_nobody_and_ends_nothing(modes: tuple[str, ...], streets: Town) -> None:
    go_through(modes, streets)


def go_through(modes: tuple[str, ...], streets: Town) -> None:
    """One mode after the other, under traffic."""

    async def act(_proxy: Proxy, switch: Switch) -> None:
        traffic = await asyncio.to_thread(Traffic, streets)
        try:
            await asyncio.sleep(0.3)
            await asyncio.to_thread(traffic.keep_one, switch.mode)
            for mode in modes[1:]:
                traffic.phase, traffic.since_s = f"to {mode}", time.monotonic()
                switch.take_up(lambda mode=mode: _config(mode))  # type: ignore[misc]
                assert switch.mode == mode
                before = traffic.count
                await asyncio.sleep(_LOOK_S)
                await traffic.more_than(before)
                assert await asyncio.to_thread(traffic.broken) == []
                await asyncio.to_thread(traffic.keep_one, mode)
            await traffic.more_than(20)
        finally:
            await asyncio.to_thread(traffic.end)
        assert not traffic.failed, "\n".join(
            (str(len(traffic.failed)), *traffic.failed[:3], *traffic.failed[-3:])
        )
        if traffic.late:  # a lost SYN, sent again a second later: nobody was refused
            print(traffic.late)
        if modes[1] in _RULES and modes[1] != modes[-1]:
            await _until_gone(_RULES[modes[1]])

    _with_proxy(streets, modes[0], act)


def test_clients_with_affinity_stay_where_they_are_in_every_mode(streets: Town) -> None:
    pods = (*streets.pods, streets.remote)
    clients = (*streets.pods, streets.client, streets.remote_node)

    async def act(_proxy: Proxy, switch: Switch) -> None:
        def servers() -> list[str]:
            return [ask(client, VIP, 80, timeout_s=20).server for client in clients]

        first = await asyncio.to_thread(servers)
        for mode in ("iptables", "userspace", "nftables", "userspace", "iptables", "nftables"):
            switch.take_up(lambda mode=mode: _config(mode))  # type: ignore[misc]
            assert switch.mode == mode
            assert await asyncio.to_thread(servers) == first, mode

    _with_proxy(streets, "nftables", act, pods=pods, affinity="ClientIP")


def test_a_table_of_kube_proxy_is_taken_over_without_a_refusal(streets: Town) -> None:
    pod = streets.pods[0].ips[0]
    rules = _KUBE_PROXY.format(vip=VIP, pod=f"{pod}:{PORT}").encode()
    failed: list[str] = []
    asked = 0
    stop = threading.Event()

    def load() -> None:
        nonlocal asked
        while not stop.is_set():
            try:
                ask(streets.pods[1], VIP, 80)
            except OSError as error:
                failed.append(repr(error))
            asked += 1

    def more_than(count: int) -> None:
        until_s = time.monotonic() + 60
        while asked <= count:
            assert time.monotonic() < until_s, failed
            time.sleep(0.02)

    async def act(_proxy: Proxy, switch: Switch) -> None:
        await switch.clean_others()
        await asyncio.sleep(0.3)
        tables = await asyncio.to_thread(process.run, ["nft", "list", "tables"])
        assert "kube-proxy" not in tables.stdout

    streets.node.run(lambda: process.run(["nft", "-f", "-"], input=rules))
    thread = threading.Thread(target=load)
    thread.start()
    try:
        more_than(0)
        _with_proxy(streets, "nftables", act)
        more_than(10)
    finally:
        stop.set()
        thread.join()
    assert failed == []
