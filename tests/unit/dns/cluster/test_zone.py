from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dns.cluster.zone import ClusterZone
from dns.fakes.cluster import apply, cluster_of
from dns.fakes.objects import endpoint, endpoint_slice, example_cluster, namespace, pod, service


def state(cluster: ClusterZone) -> object:
    return (
        cluster.entries,
        cluster.namespaces,
        {ip: sorted(keys) for ip, keys in cluster._cluster_ips.items()},
        {ip: sorted(keys) for ip, keys in cluster._endpoint_ips.items()},
        {ip: sorted(keys) for ip, keys in cluster._pods.items()},
        {name: sorted(found) for name, found in cluster._namespaces_of.items()},
    )


def test_a_change_touches_the_service_that_changed_and_its_addresses() -> None:
    cluster = cluster_of(example_cluster())
    assert apply(cluster, service("svc1", ["10.0.0.200"])) == {
        "svc/testns/svc1",
        "ip/10.0.0.100",
        "ip/10.0.0.200",
    }
    assert apply(cluster, service("svc1", ["10.0.0.200"])) == frozenset()


def test_other_services_keep_their_very_objects() -> None:
    cluster = cluster_of(example_cluster())
    before = dict(cluster.entries)
    apply(cluster, endpoint_slice("hdls2", endpoint("172.0.0.77")))
    changed = {key for key in cluster.entries if cluster.entries[key] is not before.get(key)}
    assert changed == {("testns", "hdls2")}


def test_an_endpoint_in_two_slices_stays_until_both_are_gone() -> None:
    cluster = ClusterZone()
    apply(cluster, endpoint_slice("a", endpoint("10.1.0.1"), name="s1"))
    apply(cluster, endpoint_slice("a", endpoint("10.1.0.1"), name="s2"))
    apply(cluster, endpoint_slice("a", name="s1"), remove=True)
    assert cluster.endpoints_at("10.1.0.1") == (("testns", "a"),)
    apply(cluster, endpoint_slice("a", name="s2"), remove=True)
    assert cluster.endpoints_at("10.1.0.1") == ()


def test_removing_everything_leaves_nothing() -> None:
    cluster = cluster_of(example_cluster())
    for obj in example_cluster():
        apply(cluster, obj, remove=True)
    assert state(cluster) == ({}, set(), {}, {}, {}, {})


OBJECTS = [
    namespace("testns"),
    service("a", ["10.0.0.1"]),
    service("a", ["10.0.0.2", "fd00::2"]),
    service("a"),
    service("b", ["10.0.0.1"]),
    endpoint_slice("a", endpoint("10.1.0.1"), endpoint("10.1.0.2", hostname="x"), name="s1"),
    endpoint_slice("a", endpoint("10.1.0.2"), name="s1"),
    endpoint_slice("a", endpoint("10.1.0.1", ready=False), name="s2"),
    endpoint_slice("b", endpoint("10.1.0.1"), name="s3"),
    pod("p", "10.1.0.1"),
    pod("p", "10.1.0.9"),
]


@given(st.lists(st.tuples(st.sampled_from(OBJECTS), st.booleans()), max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_walk_ends_where_a_fresh_start_does(steps: list[tuple[dict[str, object], bool]]) -> None:
    cluster = ClusterZone()
    present: dict[tuple[object, ...], dict[str, object]] = {}
    for obj, remove in steps:
        meta = obj["metadata"]
        key = obj["kind"], meta["name"]  # type: ignore[index]
        apply(cluster, obj, remove=remove)
        if remove:
            present.pop(key, None)
        else:
            present[key] = obj
    assert state(cluster) == state(cluster_of(present.values()))
