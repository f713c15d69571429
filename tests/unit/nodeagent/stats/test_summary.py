from nodeagent.stats.summary import ContainerStats, PodStats, Sample, Taken, Usage, nano_cores, summary


def test_rates_come_from_two_samples():
    before, now = Sample(10.0, Usage(1_000_000_000)), Sample(12.0, Usage(2_000_000_000))
    assert nano_cores(before, now) == 500_000_000
    assert nano_cores(None, now) == 0
    assert nano_cores(now, before) == 0


def test_the_working_set_leaves_out_what_can_be_dropped():
    assert Usage(0, 100, 30).working_set_bytes == 70
    assert Usage(0, 100, 300).working_set_bytes == 0
    assert Usage().working_set_bytes is None


def test_the_summary_names_pods_and_containers():
    now = Sample(60.0, Usage(5, 100, 0))
    pod = PodStats("web", "shop", "u1", "t0", (ContainerStats("main", "t1", now, None),))
    body = summary(Taken("node-1", now, None, (pod,)))
    assert body["node"]["nodeName"] == "node-1"
    listed = body["pods"][0]
    assert listed["podRef"] == {"name": "web", "namespace": "shop", "uid": "u1"}
    assert listed["containers"][0]["memory"]["workingSetBytes"] == 100
    assert listed["containers"][0]["cpu"]["time"] == "1970-01-01T00:01:00Z"


def test_a_container_without_a_cgroup_shows_nothing():
    body = summary(Taken("n", Sample(0.0, Usage()), None, ()))
    assert body["node"] == {"nodeName": "n"}
