"""kproxy and kube-proxy on one node, one after the other: the same pages, metrics, health checks and answers.

KUBE_PROXY=path says where kube-proxy is (v1.36). Both are driven by a `kcore`, which proves that, too.
"""

import http.client
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest

from kproxy.configuration.feature_gates import FREE, LOCKED_OFF, LOCKED_ON
from kube.client import Client
from kube.objects import EndpointSlice, Node, Service
from linux import netns, process
from tests.lab.kcore_process import Kcore
from tests.lab.proxied_node import lone_node

T = TypeVar("T")
KUBE_PROXY = os.environ.get("KUBE_PROXY", "")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not KUBE_PROXY, reason="NOT COMPARED WITH KUBE-PROXY: set KUBE_PROXY=path of a kube-proxy v1.36"
    ),
]
KPROXY = str(Path(__file__).parents[2] / ".venv" / "bin" / "kproxy")
_NODE, _NODE_IP = "n0", "192.168.0.2"
_CHECK_PORT = 30999
_PATIENCE_S = 30.0
_PAGES = ("/metrics/slis", "/healthz", "/proxyMode", "/configz", "/flagz", "/statusz", "/debug/pprof/", "/x")
_SAME_METRICS = re.compile(r"kubeproxy_|process_|rest_client_request(s_total|_duration)")


class Page(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


class Said(NamedTuple):
    """What a proxy answered."""

    health: dict[str, Page]
    pages: dict[str, Page]
    metrics: str
    check: Page
    check_after: Page


@pytest.fixture(scope="module")
def space() -> Iterator[int]:
    with lone_node(_NODE_IP) as fd:
        yield fd


@pytest.fixture(scope="module")
def kcore(space: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kcore]:
    made = Kcore(tmp_path_factory.mktemp("core") / "data")
    netns.run_in(space, made.start)
    netns.run_in(space, lambda: _run(made, _create))
    yield made
    made.end()


def _run(kcore: Kcore, act: Callable[[Client], Any]) -> Any:
    import asyncio

    async def whole() -> Any:
        client = kcore.client()
        try:
            return await act(client)
        finally:
            await client.close()

    return asyncio.run(whole())


async def _create(client: Client) -> None:
    node = {
        "metadata": {"name": _NODE},
        "spec": {"podCIDRs": ["10.244.1.0/24"], "podCIDR": "10.244.1.0/24"},
    }
    await client.create(msgspec.convert(node, Node))
    status = {"status": {"addresses": [{"type": "InternalIP", "address": _NODE_IP}]}}
    await client.patch(Node, _NODE, "", status, subresource="status")
    ports = [{"name": "p", "port": 80, "protocol": "TCP", "nodePort": 30080}]
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": ports}
    service = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {**spec, "healthCheckNodePort": _CHECK_PORT, "clusterIP": "10.96.0.50"},
    }
    await client.create(msgspec.convert(service, Service))
    await client.create(_slice("10.244.1.7", "10.244.1.8"))


def _slice(*ips: str) -> EndpointSlice:
    return msgspec.convert(
        {
            "metadata": {
                "name": "web-1",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "p", "port": 8080, "protocol": "TCP"}],
            "endpoints": _endpoints(*ips),
        },
        EndpointSlice,
    )


def _endpoints(*ips: str) -> list[dict[str, object]]:
    return [{"addresses": [ip], "nodeName": _NODE if ip.startswith("10.244.1.") else "other"} for ip in ips]


def _change(kcore: Kcore, *ips: str) -> None:
    body = {"endpoints": _endpoints(*ips)}
    _run(kcore, lambda client: client.patch(EndpointSlice, "web-1", "default", body))


def _get(port: int, path: str, host: str = "127.0.0.1") -> Page:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read().decode()
    finally:
        connection.close()
    headers = {name: value for name, value in reply.getheaders() if name not in ("Date", "Connection")}
    return Page(reply.status, headers, body)


def _wait(ask: Callable[[], T], good: Callable[[T], bool]) -> T:
    give_up_at = time.monotonic() + _PATIENCE_S
    last: object = None
    while time.monotonic() < give_up_at:
        try:
            found = ask()
        except OSError as error:
            last = error
        else:
            if good(found):
                return found
            last = found
        time.sleep(0.05)
    raise AssertionError(f"not in {_PATIENCE_S} s; last: {last}")


@contextmanager
def _proxy(program: str, kcore: Kcore, mode: str, folder: Path) -> Iterator[None]:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "hostnameOverride": _NODE,
        "clusterCIDR": "10.244.0.0/16",
        "clientConnection": {"kubeconfig": str(kcore.kubeconfig)},
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    file, log = folder / "config.json", folder / "log"
    file.write_text(json.dumps(config))
    with log.open("wb") as output:
        running = process.spawn([program, f"--config={file}"], stdout=output, stderr=output)
    try:
        yield
    except BaseException:
        print(log.read_text()[-3000:])
        raise
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)


def _listen_to(program: str, kcore: Kcore, mode: str, folder: Path) -> Said:
    with _proxy(program, kcore, mode, folder):
        _wait(
            lambda: _get(10249, "/metrics").body,
            lambda text: 'last_timestamp_seconds{ip_family="IPv4"}' in text,
        )
        health = {
            path: _wait(lambda path=path: _get(10256, path), lambda p: p.status == 200)
            for path in ("/healthz", "/livez")
        }  # type: ignore[misc]
        health["/x"] = _get(10256, "/x")
        check = _wait(lambda: _get(_CHECK_PORT, "/any", _NODE_IP), lambda page: page.status == 200)
        _change(kcore, "10.244.2.9")
        after = _wait(lambda: _get(_CHECK_PORT, "/", _NODE_IP), lambda page: page.status == 503)
        pages = {path: _get(10249, path) for path in _PAGES}
        metrics = _wait(
            lambda: _get(10249, "/metrics").body, lambda text: 'traffic_policy="external"} 1' in text
        )
        _change(kcore, "10.244.1.7", "10.244.1.8")
        return Said(health, pages, metrics, check, after)


class Both(NamedTuple):
    theirs: Said
    ours: Said


@pytest.fixture(scope="module", params=["nftables", "iptables"])
def both(
    request: pytest.FixtureRequest, space: int, kcore: Kcore, tmp_path_factory: pytest.TempPathFactory
) -> Both:
    theirs, ours = (
        netns.run_in(
            space,
            lambda program=program: _listen_to(
                program, kcore, request.param, tmp_path_factory.mktemp("proxy")
            ),  # type: ignore[misc]
        )
        for program in (KUBE_PROXY, KPROXY)
    )
    return Both(theirs, ours)


def test_a_service_check_is_byte_for_byte_kube_proxys(both: Both) -> None:
    assert both.ours.check == both.theirs.check
    assert both.ours.check_after == both.theirs.check_after


def _shape(value: object) -> object:
    """Times are times, the rest is as it is."""
    if isinstance(value, dict):
        return [(key, _shape(inner)) for key, inner in value.items()]
    is_time = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value)
    return "time" if is_time else value


def test_health_pages_have_kube_proxys_fields_in_its_order(both: Both) -> None:
    for path, theirs in both.theirs.health.items():
        ours = both.ours.health[path]
        assert ours.status == theirs.status
        kept = [h for h in theirs.headers if h != "Content-Length"]
        assert [ours.headers[name] for name in kept] == [theirs.headers[name] for name in kept]
        if theirs.body.startswith("{"):
            assert _shape(json.loads(ours.body)) == _shape(json.loads(theirs.body))
        else:
            assert ours.body == theirs.body


def test_the_other_pages_answer_alike(both: Both) -> None:
    for path, theirs in both.theirs.pages.items():
        ours = both.ours.pages[path]
        assert ours.status == theirs.status, path
        kind = theirs.headers["Content-Type"].removesuffix("; escaping=underscores")
        assert ours.headers["Content-Type"] == kind, path
    for path in ("/healthz", "/proxyMode", "/x"):
        assert both.ours.pages[path].body == both.theirs.pages[path].body


def test_the_configuration_in_force_has_the_same_fields_and_defaults(both: Both) -> None:
    theirs, ours = (json.loads(said.pages["/configz"].body) for said in (both.theirs, both.ours))
    (theirs, ours) = theirs["kubeproxy.config.k8s.io"], ours["kubeproxy.config.k8s.io"]
    for found in (theirs, ours):
        found["clientConnection"].pop("kubeconfig")
        found["nftables"].pop("minSyncPeriod")  # ours rests no second, see docs/kproxy-migrating.md
    assert _sorted(ours) == _sorted(theirs)


def _sorted(value: object) -> object:
    """None, an empty list and an empty mapping are the same in Go."""
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in sorted(value.items())}
    return value or None


def _metrics(text: str) -> dict[str, tuple[str, frozenset[str], tuple[str, ...]]]:
    """By name: the kind, the labels' names, the buckets."""
    kinds: dict[str, str] = {}
    labels: dict[str, set[str]] = {}
    bounds: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            kinds[name] = kind
        elif line and not line.startswith("#"):
            sample = re.split(r"[{ ]", line, maxsplit=1)[0]
            base = re.sub(r"_(bucket|sum|count)$", "", sample)
            name = base if base in kinds else sample
            for label, value in re.findall(r'(\w+)="([^"]*)"', line):
                if label == "le":
                    bounds.setdefault(name, {})[value] = None
                else:
                    labels.setdefault(name, set()).add(label)
    return {
        name: (kind, frozenset(labels.get(name, ())), tuple(bounds.get(name, ())))
        for name, kind in kinds.items()
    }


def test_a_dashboard_finds_kube_proxys_metrics_labels_and_buckets(both: Both) -> None:
    theirs, ours = _metrics(both.theirs.metrics), _metrics(both.ours.metrics)
    wanted = {name: said for name, said in theirs.items() if _SAME_METRICS.match(name)}
    assert len(wanted) > 20
    assert {name: ours.get(name) for name in wanted} == wanted


def test_families_are_named_alike(both: Both) -> None:
    pattern = re.compile(
        r'^kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="(\w+)"\}', re.MULTILINE
    )
    assert set(pattern.findall(both.ours.metrics)) == set(pattern.findall(both.theirs.metrics)) != set()


def test_every_flag_of_kube_proxy_is_taken() -> None:
    help_text = process.run([KUBE_PROXY, "--help"]).stdout
    names = re.findall(r"^ +(?:-v, )?--([a-z0-9-]+)", help_text, re.MULTILINE)
    assert len(names) > 50
    from kproxy.configuration.flags import parser

    known = {text.lstrip("-") for action in parser()._actions for text in action.option_strings}
    assert set(names) - known == set()


def test_kube_proxy_knows_the_same_feature_gates() -> None:
    """All of them at once: it ends at the version, which it looks at after the gates."""
    on, off = LOCKED_ON | {gate for gate in FREE if not gate.startswith("All")}, LOCKED_OFF
    gates = ",".join([*(f"{gate}=true" for gate in sorted(on)), *(f"{gate}=false" for gate in sorted(off))])
    flags = (f"--feature-gates={gates}", "--show-hidden-metrics-for-version=1.0")
    said = process.run([KUBE_PROXY, *flags], check=False).stderr
    assert "only the previous minor version is allowed" in said, said[-500:]
