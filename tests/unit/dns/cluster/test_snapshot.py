from __future__ import annotations

import pytest

from dns.cluster.snapshot import BadSnapshot, load, take
from dns.cluster.zone import ClusterZone
from dns.fakes.cluster import cluster_of
from dns.fakes.objects import example_cluster


def test_a_zone_comes_back_whole() -> None:
    cluster = cluster_of(example_cluster())
    again = ClusterZone()
    loaded = load(again, take(cluster, 5.0))
    assert again.entries == cluster.entries
    assert again.namespaces == cluster.namespaces
    assert again.pods_at("172.0.0.2") == cluster.pods_at("172.0.0.2")
    assert again.endpoints_at("172.0.0.3") == cluster.endpoints_at("172.0.0.3")
    assert (loaded.taken_at_s, again.serial) == (5.0, cluster.serial)
    assert ("testns", "svc1") in loaded.services


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x97\x01\x00\x00\x90\x90\x90\x90"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadSnapshot):
        load(ClusterZone(), data)
