"""What is or changes beside Services counts at once, with real packets: addresses, service ranges, early connections."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from kube.client import Client
from kube.objects import ServiceCIDR
from linux import process
from linux.conntrack.socket import Conntrack
from linux.conntrack.wire import STATUS_DESTINATION_NAT, STATUS_SEEN_REPLY, TCP, Entry, Filter
from linux.rtnl import Rtnl
from tests.lab.pod_town import NODE, Town, ask, town
from tests.lab.proxied_node import ProxiedNode, Server, make_node, make_service
from tests.patience import until

pytestmark = pytest.mark.lab
_NODE_PORT, _NEW_ADDRESS, _POD = 30080, "192.168.7.2", "10.244.1.101"
_VIP, _EARLY_PORT = "10.96.0.50", 23456
# Somebody else's, who lets the kernel track connections whether kproxy runs or not.
_FIREWALL = b"""
table ip firewall {
  chain forward { type filter hook forward priority 0; ct state established,related accept; }
}
"""


@pytest.fixture
def streets() -> Iterator[Town]:
    with town() as made:
        yield made


@pytest.fixture
def idle_node(streets: Town, tmp_path: Path) -> Iterator[ProxiedNode]:
    """With a service to serve; kproxy is not started."""
    made = ProxiedNode(streets, tmp_path, nodePortAddresses=["192.168.0.0/16"])
    server = Server(streets.pods[0])
    try:
        server.open(_POD)

        async def prepare(client: Client) -> None:
            await make_node(client)
            await make_service(client, "web", _VIP, [_POD], _NODE_PORT)

        made.call(prepare)
        yield made
    finally:
        server.end()
        made.end()


@pytest.fixture
def node(idle_node: ProxiedNode) -> ProxiedNode:
    idle_node.start()
    return idle_node


def _reached(streets: Town, ip: str, port: int, timeout_s: float = 0.5) -> str:
    try:
        return ask(streets.client, ip, port, timeout_s=timeout_s).server
    except OSError as error:
        return type(error).__name__


def test_a_new_address_of_the_node_answers_on_node_ports(streets: Town, node: ProxiedNode) -> None:
    assert ask(streets.client, NODE[0], _NODE_PORT).server == _POD

    def change(*, there: bool) -> None:
        with Rtnl() as rtnl:
            eth0 = rtnl.link("eth0")
            assert eth0 is not None
            (rtnl.add_address if there else rtnl.delete_address)(eth0.ifindex, _NEW_ADDRESS, 24)

    streets.node.run(lambda: change(there=True))
    until(lambda: _reached(streets, _NEW_ADDRESS, _NODE_PORT) == _POD, "node ports on the new address")
    streets.node.run(lambda: change(there=False))
    until(lambda: _reached(streets, _NEW_ADDRESS, _NODE_PORT) != _POD, "no node ports on it any more")
    assert ask(streets.client, NODE[0], _NODE_PORT).server == _POD


def test_an_unused_address_of_a_new_service_range_is_dropped(streets: Town, node: ProxiedNode) -> None:
    """Before, it is sent on to wherever the node's routes lead, and refused there."""
    unused = "10.97.0.9"
    before = _reached(streets, unused, 80, 20)
    assert before != "TimeoutError"

    async def widen(client: Client) -> None:
        cidr = {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.97.0.0/24"]}}
        await client.create(msgspec.convert(cidr, ServiceCIDR))

    node.call(widen)
    until(lambda: _reached(streets, unused, 80) == "TimeoutError", "silence")


def _connects(streets: Town, ip: str) -> bool:
    """From always the same port."""

    def connect() -> bool:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", _EARLY_PORT))
            client.settimeout(0.5)
            with suppress(OSError):
                client.connect((ip, 80))
                return True
        return False

    return streets.pods[1].run(connect)


def _early_entries(streets: Town) -> list[Entry]:
    def listed() -> list[Entry]:
        with Conntrack() as table:
            unanswered = STATUS_SEEN_REPLY | STATUS_DESTINATION_NAT
            return table.entries(only=Filter(TCP, _VIP, 80, without_status=unanswered))

    return streets.node.run(listed)


def test_who_asked_before_there_were_rules_is_not_kept_from_the_service(
    streets: Town, idle_node: ProxiedNode
) -> None:
    """Connection tracking remembers for two minutes that this client's packets went untranslated."""
    streets.node.run(lambda: process.run(["nft", "-f", "-"], input=_FIREWALL))
    assert not _connects(streets, _VIP)
    assert [entry.original.source_port for entry in _early_entries(streets)] == [_EARLY_PORT]
    idle_node.start()
    until(lambda: _connects(streets, _VIP), "the service answers the same port")
    assert _early_entries(streets) == []
