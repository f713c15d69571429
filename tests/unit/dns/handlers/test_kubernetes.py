"""The options of the kubernetes block, as CoreDNS takes them; what they do is in tests/unit/dns/cluster."""

from __future__ import annotations

from typing import Any

import pytest

from dns.build import parse
from dns.corefile.tokens import CorefileError
from dns.handlers.kubernetes import Options


def options(body: str, zones: str = "cluster.local") -> Options:
    text = f".:53 {{\n kubernetes {zones} {{\n{body}\n}}\n}}"
    found: Options = parse(text, environment={})[0].options("kubernetes")
    return found


@pytest.mark.parametrize(
    ("body", "part", "name", "expected"),
    [
        ("", "zone", "ttl_s", 5),
        ("", "zone", "pods", "disabled"),
        ("", "source", "startup_timeout_s", 5.0),
        ("", "source", "endpoints", True),
        ("ttl 0", "zone", "ttl_s", 0),
        ("ttl 3600", "zone", "ttl_s", 3600),
        ("pods insecure", "zone", "pods", "insecure"),
        ("pods verified", "source", "pods", True),
        ("namespaces a b", "zone", "namespaces", frozenset(("a", "b"))),
        ("labels app in (a, b),tier!=x", "source", "labels", "app in (a, b),tier!=x"),
        ("namespace_labels istio-injection=enabled", "source", "namespace_labels", "istio-injection=enabled"),
        ("endpoint http://a:1 http://b:2", "source", "endpoint", "http://a:1"),
        ("kubeconfig /f", "source", "kubeconfig", "/f"),
        ("kubeconfig /f ctx", "source", "context", "ctx"),
        ("tls c k ca", "source", "tls", ("c", "k", "ca")),
        ("endpoint_pod_names", "source", "endpoint_pod_names", True),
        ("noendpoints", "source", "endpoints", False),
        ("ignore empty_service", "zone", "ignore_empty_service", True),
        ("multicluster", "source", "multicluster", False),
        ("zonal", "zone", "zonal", True),
        ("startup_timeout 1m5s", "source", "startup_timeout_s", 65.0),
        ("strict", "zone", "strict", True),
        ("snapshot /var/s", "source", "snapshot", "/var/s"),
        ("apiserver_qps 50.5\napiserver_burst 100\napiserver_max_inflight 25", "zone", "ttl_s", 5),
    ],
)
def test_options(body: str, part: str, name: str, expected: Any) -> None:
    assert getattr(getattr(options(body), part), name) == expected


@pytest.mark.parametrize(
    ("body", "zones"),
    [
        ("fallthrough", (".",)),
        ("fallthrough in-addr.arpa ip6.arpa", ("in-addr.arpa.", "ip6.arpa.")),
        ("", ()),
    ],
)
def test_fall_through(body: str, zones: tuple[str, ...]) -> None:
    assert options(body).fall_through == zones


def test_zones_come_from_the_block_when_none_is_named_and_reverse_ones_are_not_primary() -> None:
    text = "cluster.local:53 {\n kubernetes\n}"
    assert parse(text, environment={})[0].options("kubernetes").zone.zones == ("cluster.local.",)
    found = options("", "in-addr.arpa cluster.local 10.0.0.0/24").zone
    assert found.primary_zone == "cluster.local."
    assert found.zones == ("in-addr.arpa.", "cluster.local.", "0.0.10.in-addr.arpa.")


def test_a_zone_of_a_cluster_set_is_among_those_served() -> None:
    found = options("multicluster clusterset.local", "cluster.local clusterset.local")
    assert found.zone.multicluster_zones == {"clusterset.local."}
    assert found.source.multicluster


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("ttl", "one argument"),
        ("ttl -1", "range"),
        ("ttl 3601", "range"),
        ("ttl abc", "no whole number"),
        ("pods giant", "disabled, insecure or verified"),
        ("pods", "one argument"),
        ("namespaces", "at least one"),
        ("namespaces a\nnamespace_labels b=c", "cannot both be set"),
        ("labels app in (a, b", "no label selector"),
        ("endpoint", "at least one"),
        ("kubeconfig", "takes a file"),
        ("kubeconfig a b c", "takes a file"),
        ("tls a b", "three files"),
        ("noendpoints x", "no argument"),
        ("noendpoints\nzonal", "remove noendpoints"),
        ("ignore", "empty_service"),
        ("ignore nothing", "empty_service"),
        ("multicluster elsewhere.local", "not among the zones served"),
        ("startup_timeout", "one argument"),
        ("startup_timeout 5", "needs a unit"),
        ("apiserver_qps -1", "no number"),
        ("upstream", "unknown option"),
        ("resyncperiod 5m", "unknown option"),
    ],
)
def test_mistakes(body: str, said: str) -> None:
    with pytest.raises(CorefileError, match=r"Corefile:\d+:") as caught:
        options(body)
    assert said in str(caught.value)


def test_only_reverse_zones_are_not_enough() -> None:
    with pytest.raises(CorefileError, match="name a zone that is not a reverse zone"):
        options("", "in-addr.arpa")
