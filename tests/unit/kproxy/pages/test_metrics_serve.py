"""The pages of the metrics server."""

import asyncio
import json
import logging

import msgspec
import pytest

from kproxy.configuration.config import Configuration
from kproxy.metrics.exposition import Registry
from kproxy.pages.health import Answer
from kproxy.pages.metrics_serve import Pages
from kproxy.pages.serve import Request


def _answer(path: str, method: str = "GET", body: bytes = b"", **config: object) -> Answer:
    registry = Registry()
    registry.counter("asked_total", "text").increment()
    pages = Pages(
        registry,
        mode=lambda: "nftables",
        config=lambda: Configuration(mode="nftables", **config),  # type: ignore[arg-type]
        flags={"v": "2", "config": "file"},
        version=lambda: "1.2.3",
    )

    async def ask() -> Answer:
        return pages.answer(Request(method, path, "", body))

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/metrics", "asked_total 1\n"),
        ("/metrics/slis", "process_start_time_seconds "),
        ("/healthz", "ok"),
        ("/proxyMode", "nftables"),
        ("/flagz", "kproxy flagz\n"),
        ("/statusz", "Binary version= 1.2.3\nPaths= /configz /flagz /healthz /metrics "),
    ],
)
def test_a_page_is_there(path: str, text: str) -> None:
    answer = _answer(path)
    assert answer.status == 200
    assert text in answer.body.decode()


def test_flags_are_listed_by_name() -> None:
    assert _answer("/flagz").body.decode().splitlines()[-2:] == ["config file", "v 2"]


def test_configz_has_the_defaults_filled_in() -> None:
    body = json.loads(_answer("/configz").body)["kubeproxy.config.k8s.io"]
    assert body["healthzBindAddress"] == "0.0.0.0:10256"
    assert body["nodePortAddresses"] == ["primary"]
    assert body["conntrack"]["maxPerCore"] == 32768


@pytest.mark.parametrize("path", ["/", "/x", "/debug/pprof/", "/debug/flags/v", "/readyz"])
def test_there_is_nothing_else(path: str) -> None:
    assert _answer(path).status == 404


@pytest.mark.parametrize("profile", ["goroutine", "heap", "allocs", "threadcreate"])
def test_profiles_are_there_where_profiling_is_on(profile: str) -> None:
    index = _answer("/debug/pprof/", enable_profiling=True)
    assert f"href='{profile}'" in index.body.decode()
    found = _answer(f"/debug/pprof/{profile}", enable_profiling=True)
    assert found.status == 200
    assert found.body.count(b"\n") > 1


def test_an_unknown_profile_is_not_found() -> None:
    assert _answer("/debug/pprof/cmdline", enable_profiling=True).status == 404


def test_the_logs_verbosity_is_changed_by_put_alone() -> None:
    root = logging.getLogger()
    before = root.level
    try:
        assert _answer("/debug/flags/v", enable_profiling=True).status == 406
        assert _answer("/debug/flags/v", "PUT", b"much", enable_profiling=True).status == 400
        done = _answer("/debug/flags/v", "PUT", b"4", enable_profiling=True)
        assert (done.status, root.level) == (200, logging.DEBUG)
    finally:
        root.setLevel(before)


def test_configuration_with_defaults_stays_as_it_is_when_they_are_filled_in_again() -> None:
    from kproxy.configuration.defaults import defaulted

    for mode in ("", "nftables", "ipvs", "userspace", "auto"):
        once = defaulted(Configuration(mode=mode))
        assert defaulted(once) == once
        assert msgspec.convert(msgspec.to_builtins(once), Configuration) == once
