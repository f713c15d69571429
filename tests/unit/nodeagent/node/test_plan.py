from nodeagent.node.plan import Machine, NodeState, node_object, node_status, without_heartbeats

MACHINE = Machine("h", 2, 4 << 30, 10 << 30, "mid", "suid", "bid", "6.1", "Debian", "amd64")
READY = NodeState("node-1", ("192.0.2.1", "2001:db8::1"), 10250, "runc://1.1", ("", ""), (("a:1", 5),))
WAITING = READY._replace(not_ready=("NetworkPluginNotReady", "no ranges"))


def ready_condition(status):
    return next(c for c in status["conditions"] if c["type"] == "Ready")


def test_a_node_registers_with_its_size_and_addresses():
    node = node_object(MACHINE, READY, {"zone": "a"}, 0)
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "node-1"
    assert node["metadata"]["labels"]["zone"] == "a"
    assert node["status"]["capacity"]["cpu"] == "2"
    assert node["status"]["capacity"]["memory"] == f"{4 << 20}Ki"
    assert [a["address"] for a in node["status"]["addresses"]] == ["192.0.2.1", "2001:db8::1", "node-1"]
    assert node["status"]["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10250}}


def test_a_node_without_a_network_is_not_ready_and_says_why():
    condition = ready_condition(node_status(MACHINE, WAITING, {}, 0))
    assert (condition["status"], condition["reason"]) == ("False", "NetworkPluginNotReady")


def test_a_transition_time_moves_only_with_its_status():
    before = {"Ready": ("False", "2025-01-01T00:00:00Z"), "DiskPressure": ("False", "2025-01-01T00:00:00Z")}
    status = node_status(MACHINE, READY, before, 60)
    assert ready_condition(status)["lastTransitionTime"] == "1970-01-01T00:01:00Z"
    disk = next(c for c in status["conditions"] if c["type"] == "DiskPressure")
    assert disk["lastTransitionTime"] == "2025-01-01T00:00:00Z"


def test_heartbeats_alone_are_no_news():
    before = {"Ready": ("True", "x")}
    early, late = (without_heartbeats(node_status(MACHINE, READY, before, now)) for now in (60, 70))
    assert [c for c in early["conditions"] if c["type"] == "Ready"] == [
        c for c in late["conditions"] if c["type"] == "Ready"
    ]
