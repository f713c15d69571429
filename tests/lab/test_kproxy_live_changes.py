"""What changes beside Services takes effect at once, with real packets: the node's addresses, the service ranges."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kube.client import Client
from kube.objects import ServiceCIDR
from linux.rtnl import Rtnl
from tests.lab.pod_town import NODE, Town, ask, town
from tests.lab.proxied_node import ProxiedNode, Server, make_node, make_service, until

pytestmark = pytest.mark.lab
_NODE_PORT, _NEW_ADDRESS, _POD = 30080, "192.168.7.2", "10.244.1.101"


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


@pytest.fixture
def node(streets: Town, tmp_path: Path) -> Iterator[ProxiedNode]:
    made = ProxiedNode(streets, tmp_path, nodePortAddresses=["192.168.0.0/16"])
    server = Server(streets.pods[0])
    try:
        server.open(_POD)

        async def prepare(client: Client) -> None:
            await make_node(client)
            await make_service(client, "web", "10.96.0.50", [_POD], _NODE_PORT)

        made.call(prepare)
        made.start()
        yield made
    finally:
        server.end()
        made.end()


def _reached(streets: Town, ip: str, port: int) -> str:
    try:
        return ask(streets.client, ip, port, timeout_s=0.5).server
    except OSError as error:
        return type(error).__name__


def test_a_new_address_of_the_node_answers_on_node_ports(streets: Town, node: ProxiedNode) -> None:
    assert _reached(streets, NODE[0], _NODE_PORT) == _POD

    def change(*, there: bool) -> None:
        with Rtnl() as rtnl:
            eth0 = rtnl.link("eth0")
            assert eth0 is not None
            (rtnl.add_address if there else rtnl.delete_address)(eth0.ifindex, _NEW_ADDRESS, 24)

    streets.node.run(lambda: change(there=True))
    until(lambda: _reached(streets, _NEW_ADDRESS, _NODE_PORT) == _POD, "node ports on the new address")
    streets.node.run(lambda: change(there=False))
    until(lambda: _reached(streets, _NEW_ADDRESS, _NODE_PORT) != _POD, "no node ports on it any more")
    assert _reached(streets, NODE[0], _NODE_PORT) == _POD


def test_an_unused_address_of_a_new_service_range_is_dropped(streets: Town, node: ProxiedNode) -> None:
    """Before, it is sent on to wherever the node's routes lead, and refused there."""
    unused = "10.97.0.9"
    before = _reached(streets, unused, 80)
    assert before != "TimeoutError"

    async def widen(client: Client) -> None:
        cidr = {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.97.0.0/24"]}}
        await client.create(msgspec.convert(cidr, ServiceCIDR))

    node.call(widen)
    until(lambda: _reached(streets, unused, 80) == "TimeoutError", "silence")
