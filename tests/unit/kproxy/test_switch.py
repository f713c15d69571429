"""A changed configuration file: which backend serves then, and what happens to the one before."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from kproxy.backends.registry import BACKENDS, Backend, Entry, clean_beside
from kproxy.configuration.config import Configuration
from kproxy.drive import Proxy
from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.switch_drive import Switch, needs_restart
from kube.client import Client
from tests.flows.kproxy_values import Setup, Svc, here, services_of, slices_of
from tests.unit.kproxy.fake_api import FakeApi, FakeBackend

_FILE = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"


class Named(FakeBackend):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.closed = False
        self.connection_count = 0
        self.drained = False

    def drain(self) -> None:
        self.drained = True

    def close(self) -> None:
        self.closed = True


class Rules(Entry):
    """Of one mode; tells when they are removed."""

    def __new__(cls, name: str, _stage: "Stage") -> "Rules":
        return super().__new__(cls, name, "")

    def __init__(self, _name: str, stage: "Stage") -> None:
        self._stage = stage

    def clean(self) -> None:
        self._stage.cleaned.append((self.name, bool(self._stage.new.table)))

    def take_over(self) -> None:
        return


class Stage:
    """A proxy over a fake backend `nftables`, and what its switch did."""

    def __init__(self) -> None:
        setup = Setup((Svc(endpoints=(here(1),)),))
        self.old, self.new = Named("nftables"), Named("iptables")
        api = FakeApi(*services_of(setup, 4), *slices_of(setup, 4))
        self.proxy = Proxy(
            Client(api), Configuration(mode="nftables"), "test-node", {4: self.old}, ProxyMetrics()
        )
        self.cleaned: list[tuple[str, bool]] = []
        self.attended: list[str] = []
        self.switch = Switch(
            self.proxy,
            {4: self.old},
            make=lambda _config: {4: self.new},
            attend=self._attend,
            entries=tuple(Rules(name, self) for name in ("nftables", "iptables")),
        )

    async def _attend(self, backends: Mapping[int, Backend]) -> None:
        self.attended.append(next(iter(backends.values())).name)
        await asyncio.Event().wait()


def _run(test: Callable[[Stage], Awaitable[None]]) -> None:
    async def bounded() -> None:
        stage = Stage()
        tasks = [asyncio.ensure_future(stage.proxy.run()), asyncio.ensure_future(stage.switch.run())]
        try:
            async with asyncio.timeout(90):
                await stage.proxy.synced_once.wait()
                await test(stage)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stage.switch.close()

    asyncio.run(bounded())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - conditions are plain values
        await asyncio.sleep(0.005)


def test_the_new_backend_is_complete_before_the_old_rules_go() -> None:
    async def test(stage: Stage) -> None:
        stage.switch.take_up(lambda: Configuration(mode="iptables"))
        assert stage.new.table == stage.old.table
        assert not stage.old.closed
        await _until(lambda: bool(stage.cleaned))
        assert stage.cleaned == [("nftables", True)]
        assert stage.old.closed
        await _until(lambda: stage.attended == ["nftables", "iptables"])

    _run(test)


def test_a_backend_that_cannot_write_changes_nothing() -> None:
    async def test(stage: Stage) -> None:
        stage.new.refuse = 1
        stage.switch.take_up(lambda: Configuration(mode="iptables"))
        assert (stage.switch.mode, stage.old.closed, stage.new.closed) == ("nftables", False, True)
        assert stage.proxy.config.mode == "nftables"

    _run(test)


def test_connections_that_end_with_their_backend_end_first() -> None:
    async def test(stage: Stage) -> None:
        stage.old.connection_count = 1
        stage.switch.take_up(lambda: Configuration(mode="iptables"))
        await _until(lambda: stage.old.drained)
        assert not stage.old.closed
        stage.old.connection_count = 0
        await _until(lambda: stage.old.closed)

    _run(test)


def test_a_file_that_is_replaced_is_taken_up_and_a_bad_one_passed_over(tmp_path: Path) -> None:
    async def test(stage: Stage) -> None:
        place, fresh = tmp_path / "config", tmp_path / "fresh"
        place.write_text(_FILE + "mode: nftables\n")
        following = asyncio.ensure_future(stage.switch.follow(str(place)))
        await asyncio.sleep(0.1)
        place.write_text(_FILE + "mode: magic\n")
        await asyncio.sleep(0.2)
        assert stage.switch.mode == "nftables"
        fresh.write_text(_FILE + "mode: iptables\n")
        fresh.rename(place)
        await _until(lambda: stage.switch.mode == "iptables")
        following.cancel()

    _run(test)


def test_another_setting_of_the_same_mode_is_written_by_the_same_backend() -> None:
    async def test(stage: Stage) -> None:
        calls = len(stage.old.calls)
        stage.switch.take_up(lambda: Configuration(mode="nftables", cluster_cidr="10.1.0.0/16"))
        await _until(lambda: len(stage.old.calls) > calls)
        assert stage.old.calls[-1] is None
        assert stage.old.node is not None
        assert "10.1.0.0/16" in str(stage.old.node.detector)

    _run(test)


def test_addresses_that_are_bound_wait_for_the_next_start() -> None:
    old, new = Configuration(), Configuration(metrics_bind_address="127.0.0.1:1", cluster_cidr="10.1.0.0/16")
    assert needs_restart(old, new) == ("metrics_bind_address",)


@pytest.mark.parametrize(
    ("serving", "removed"),
    [
        ("nftables", {"iptables", "userspace", "ipvs"}),
        ("iptables", {"nftables", "userspace", "ipvs"}),
        ("ipvs", {"nftables", "userspace"}),  # the chains of iptables are its own, too
        ("userspace", {"nftables", "iptables", "ipvs"}),
    ],
)
def test_whose_rules_go_when_a_mode_serves(
    serving: str, removed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: set[str] = set()
    monkeypatch.setattr(Entry, "clean", lambda entry: gone.add(entry.name))
    monkeypatch.setattr(Entry, "take_over", lambda _entry: None)
    for entry in BACKENDS:
        clean_beside(entry, serving)
    assert gone == removed
