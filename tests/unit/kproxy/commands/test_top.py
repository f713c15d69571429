"""Connections are told apart by what they were sent to, and counted by the endpoint they went to."""

from kproxy.commands.top import Counted, Flow, rows
from kproxy.forwarding import Endpoint, Forward, Frontend, FrontendKind, ServiceForwarding, ServicePortName
from kproxy.node import NodeRules

_NAME = ServicePortName("ns", "web", "p", "TCP")
_IDLE = ServicePortName("ns", "idle", "p", "TCP")
_TO = Forward((Endpoint(ip="10.244.1.1", port=80),))
_NODE = NodeRules(family=4, detector=None, node_port_addresses=("192.168.0.2",))


def _service(name: ServicePortName, ip: str, node_port: int) -> ServiceForwarding:
    frontends = (
        Frontend(kind=FrontendKind.CLUSTER_IP, ip=ip, port=80),
        Frontend(kind=FrontendKind.NODE_PORT, port=node_port),
    )
    return ServiceForwarding(name=name, frontends=frontends, internal=_TO, external=_TO)


_TABLE = {_NAME: _service(_NAME, "10.96.0.5", 30080), _IDLE: _service(_IDLE, "10.96.0.6", 30081)}


def test_cluster_and_node_port_connections_add_up_by_endpoint() -> None:
    flows = [
        Flow("10.96.0.5", 80, 6, "10.244.1.1:80"),
        Flow("192.168.0.2", 30080, 6, "10.244.1.1:80"),
        Flow("10.96.0.5", 80, 6, "10.244.1.2:80"),
    ]
    counted = Counted({"ns/web:p": 7}, {("ns/web:p", "10.244.1.1:80"): 4, ("ns/web:p", "10.244.1.3:80"): 3})
    (row,) = rows(_TABLE, _NODE, flows, counted)
    assert (row.service, row.live, row.new_total) == ("ns/web:p", 3, 7)
    assert [(e.address, e.live, e.new_total) for e in row.endpoints] == [
        ("10.244.1.1:80", 2, 4),
        ("10.244.1.2:80", 1, None),
        ("10.244.1.3:80", 0, 3),
    ]


def test_connections_to_anything_else_do_not_count() -> None:
    flows = [
        Flow("10.96.0.5", 81, 6, "10.244.1.1:80"),
        Flow("10.96.0.5", 80, 17, "10.244.1.1:80"),
        Flow("192.168.0.9", 30080, 6, "10.244.1.1:80"),
    ]
    assert rows(_TABLE, _NODE, flows) == []


def test_the_busiest_comes_first_and_a_counted_idle_one_is_shown() -> None:
    found = rows(_TABLE, _NODE, [Flow("10.96.0.5", 80, 6, "10.244.1.1:80")], Counted({"ns/idle:p": 3}))
    assert [(row.service, row.live, row.new_total) for row in found] == [
        ("ns/web:p", 1, None),
        ("ns/idle:p", 0, 3),
    ]
