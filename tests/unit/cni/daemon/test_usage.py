"""Pools and pods in the metrics, with a bound on how many."""

from cni.daemon.usage import PodTraffic, Pool, Usage, render, shown


def pod(name: str, received_bytes: int) -> PodTraffic:
    return PodTraffic("podnet", name, "eth0", received_bytes, 7, 3, 2, 1)


def test_a_pool_says_how_full_it_is_and_a_pod_what_it_carried():
    lines = list(
        render(
            Usage(
                (("podnet", 1),),
                (Pool("podnet", "10.244.0.1-10.244.0.254", 1, 253),),
                (pod("default/web", 42),),
            )
        )
    )
    assert 'kcni_pool_addresses{network="podnet",ranges="10.244.0.1-10.244.0.254"} 253' in lines
    assert 'kcni_pool_addresses_in_use{network="podnet",ranges="10.244.0.1-10.244.0.254"} 1' in lines
    labels = 'network="podnet",namespace="default",pod="web",interface="eth0"'
    assert f"kcni_pod_receive_bytes_total{{{labels}}} 42" in lines
    assert f"kcni_pod_transmit_bytes_total{{{labels}}} 7" in lines
    assert f"kcni_pod_dropped_packets_total{{{labels}}} 1" in lines
    assert "kcni_pods_left_out 0" in lines


def test_containers_of_no_pod_are_named_by_their_id():
    assert any('namespace="",pod="abc"' in line for line in render(Usage(pods=(pod("abc", 1),))))


def test_a_name_cannot_end_its_label():
    line = next(line for line in render(Usage(pods=(pod('a/"} 1', 1),))) if "receive_bytes_total{" in line)
    assert line.endswith('namespace="a",pod="\\"} 1",interface="eth0"} 1')


def test_the_busiest_pods_are_shown_and_the_others_counted():
    pods = [pod(f"default/p{number:03}", number) for number in range(600)]
    kept, left_out = shown(pods)
    assert (len(kept), left_out) == (500, 100)
    assert min(item.received_bytes for item in kept) == 100
    assert "kcni_pods_left_out 100" in list(render(Usage(pods=tuple(pods))))
