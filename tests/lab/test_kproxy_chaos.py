"""500 connections a second while everything around them changes, is killed and flushed: none may fail.

PODNET_CHAOS_S=600 lets it go on for as long as that; 9 s unless told, twice.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from kube.client import ApiError, Client, Unreachable
from linux import process
from tests.lab.pod_town import NODE, Town, town
from tests.lab.proxied_node import ProxiedNode, Server, Storm, make_node, make_service, set_endpoints

pytestmark = pytest.mark.lab
LASTS_S = float(os.environ.get("PODNET_CHAOS_S", "9"))
_CHANGES_PER_S = 20
_RATE = 250  # from each of two places
_SERVICES = {f"web{i}": f"10.96.0.{50 + i}" for i in range(4)}
_ROLLED, _ROLLED_IP = "rolled", "10.96.0.60"
_NODE_PORT = 30080
_PAUSE_S = 0.6 if LASTS_S < 60 else 3.0
_DRAIN_S = 1.0
_PATIENCE_S = 90.0
_SEED = 20


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


class Pods:
    """The servers here and elsewhere; each address of theirs stands for a pod."""

    def __init__(self, streets: Town) -> None:
        self._here, self._elsewhere = Server(streets.pods[0]), Server(streets.remote)
        self.steady = [self._open(number)[1] for number in range(101, 110)]
        self._next = 0

    def _open(self, number: int) -> tuple[Server, str]:
        server, site = (self._here, 1) if number % 2 else (self._elsewhere, 2)
        server.open(f"10.244.{site}.{number}")
        return server, f"10.244.{site}.{number}"

    def open_new(self) -> tuple[Server, str]:
        """As a new pod is."""
        self._next = (self._next + 1) % 50
        return self._open(200 + self._next)

    def end(self) -> None:
        self._here.end()
        self._elsewhere.end()


async def _patiently(act: object) -> None:
    """Again and again while the API is away."""
    while True:
        try:
            await act()  # type: ignore[operator]
        except (Unreachable, TimeoutError):
            await asyncio.sleep(0.05)
        except ApiError as error:
            if error.code < 500:
                raise
            await asyncio.sleep(0.05)
        else:
            return


async def _churn(client: Client, pods: Pods, rng: Random) -> None:
    while True:
        name = rng.choice(list(_SERVICES))
        some = rng.sample(pods.steady, rng.randint(1, len(pods.steady)))
        with suppress(Unreachable, ApiError, TimeoutError):
            await set_endpoints(client, name, some)
        await asyncio.sleep(1 / _CHANGES_PER_S)


async def _until(holds: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + _PATIENCE_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < give_up_at, what
        await asyncio.sleep(0.02)


def _is_programmed(node: ProxiedNode, ready: list[str], gone: str) -> bool:
    """kproxy may be dead or without its API when an endpoint leaves: as long as that, a pod has to live on."""
    told = ["nft", "list", "map", "ip", "kproxy", "endpoints"]
    rules = node.streets.node.run(lambda: process.run(told, check=False).stdout)
    return all(f"{ip} . " in rules for ip in ready) and f"{gone} . " not in rules


async def _roll(client: Client, node: ProxiedNode, pods: Pods) -> None:
    """As a Deployment does it: a new pod is ready, an old one leaves, and ends when it has been forgotten."""
    running = [await asyncio.to_thread(pods.open_new) for _ in range(2)]
    await _patiently(lambda: set_endpoints(client, _ROLLED, [ip for _, ip in running]))
    while True:
        running.append(await asyncio.to_thread(pods.open_new))
        (server, old), running = running[0], running[1:]
        ready = [ip for _, ip in running]
        await _patiently(lambda ready=ready, old=old: set_endpoints(client, _ROLLED, ready, [old]))
        await asyncio.sleep(_DRAIN_S / 2)
        await _patiently(lambda ready=ready: set_endpoints(client, _ROLLED, ready))
        await _until(lambda ready=ready, old=old: _is_programmed(node, ready, old), f"{old} is not forgotten")
        await asyncio.sleep(_DRAIN_S)
        await asyncio.to_thread(server.close, old)


@asynccontextmanager
async def _beside(*coroutines: object) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]  # type: ignore[arg-type,var-annotated]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _torment(node: ProxiedNode, events: list[tuple[float, float, str]]) -> None:
    """One of each, and again until the time is over. An event's second time is when all was as before."""

    def rules() -> str:
        told = ["nft", "list", "map", "ip", "kproxy", "service-ips"]
        return node.streets.node.run(lambda: process.run(told, check=False).stdout)

    def flush() -> None:
        node.streets.node.run(lambda: process.run(["nft", "flush", "ruleset"]))
        give_up_at = time.monotonic() + _PATIENCE_S
        while not all(ip in rules() for ip in (*_SERVICES.values(), _ROLLED_IP)):
            assert time.monotonic() < give_up_at, "the flushed rules do not come back"
            time.sleep(0.01)

    def restart_proxy() -> None:
        node.kill()
        node.start()

    def restart_api() -> None:
        node.kcore.end(signal.SIGKILL)
        node.streets.node.run(node.kcore.start)

    give_up_at = time.monotonic() + LASTS_S
    while time.monotonic() < give_up_at:
        for name, act in (
            ("kproxy killed", restart_proxy),
            ("rules flushed", flush),
            ("API killed", restart_api),
        ):
            await asyncio.sleep(_PAUSE_S)
            began = time.time()
            await asyncio.to_thread(act)
            events.append((began, time.time(), name))
    await asyncio.sleep(1)


@pytest.mark.parametrize("owner", ["auto", "never"])
def test_no_connection_fails_in_the_midst_of_it_all(streets: Town, tmp_path: Path, owner: str) -> None:
    """A table that kproxy owns is not flushed by others; one that it does not is repaired within a moment."""
    node = ProxiedNode(streets, tmp_path, f"--nftables-owner={owner}", nodePortAddresses=["192.168.0.0/16"])
    pods = Pods(streets)
    events: list[tuple[float, float, str]] = []

    async def prepare(client: Client) -> None:
        await make_node(client)
        for place, (name, ip) in enumerate(_SERVICES.items()):
            await make_service(client, name, ip, pods.steady, _NODE_PORT + place)
        await make_service(client, _ROLLED, _ROLLED_IP, pods.steady, _NODE_PORT + len(_SERVICES))

    async def chaos(client: Client) -> None:
        async with _beside(_churn(client, pods, Random(_SEED)), _roll(client, node, pods)):
            await _torment(node, events)

    storms: list[Storm] = []
    try:
        node.call(prepare)
        node.start()
        vips = [f"{ip}:80" for ip in (*_SERVICES.values(), _ROLLED_IP)]
        node_ports = [f"{NODE[0]}:{_NODE_PORT + place}" for place in range(len(vips))]
        storms = [Storm(streets.pods[1], _RATE, vips), Storm(streets.client, _RATE, node_ports)]
        node.call(chaos)
        outcomes = [storm.end() for storm in storms]
    except BaseException:
        for storm in storms:
            storm.kill()
        print(node.log.read_text()[-4000:])
        raise
    finally:
        pods.end()
        node.end()
    began = events[0][0]
    told = [f"{at - began:.2f} to {end - began:.2f} s {name}" for at, end, name in events]
    for found in outcomes:
        answered, lost = found["answered"], found["resent"]
        print(f"answered {answered} in {found['lasted_s']:.1f} s, {lost} after a lost packet")
    flushed = [span for *span, name in events if name == "rules flushed"] if owner == "never" else []
    failed = [
        f"{f['began'] - began:.2f} s {f['to']}: {f['why']}"
        for found in outcomes
        for f in found["failed"]
        if not any(f["began"] < end + 0.05 and f["ended"] > at for at, end in flushed)
    ]
    assert failed == [], told
    assert all(found["answered"] > 200 for found in outcomes), "too slow to prove anything"
