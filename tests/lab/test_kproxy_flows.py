"""The flow table against the kernel: crafted packets through real rules of nftables and iptables, both variants."""

from collections.abc import Iterator

import msgspec
import pytest

from kproxy.backends.iptables.apply import IptablesBackend
from kproxy.backends.nftables.apply import NftablesBackend
from linux import netns
from linux.iptables.run import Iptables
from linux.nft.socket import NftSocket
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, node_of
from tests.lab.flow_check import check_flow, flow_ground
from tests.lab.packet_range import PacketRange

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def ground() -> Iterator[PacketRange]:
    with flow_ground() as made:
        yield made


@pytest.fixture(scope="module")
def nft(ground: PacketRange) -> Iterator[NftSocket]:
    made = netns.run_in(ground.node, NftSocket)
    with made:
        yield made


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", ROWS, ids=lambda flow: flow.text)
def test_flow_through_nftables(flow: Flow, family: int, ground: PacketRange, nft: NftSocket) -> None:
    node = node_of(flow.setup, family)
    check_flow(flow, family, ground, node, NftablesBackend(node, nft, own_table=False))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", ROWS, ids=lambda flow: flow.text)
def test_flow_through_iptables(flow: Flow, family: int, ground: PacketRange) -> None:
    # The two variants take turns: what they are told is the same text.
    variant = ("nft", "legacy")[(ROWS.index(flow) + family // 6) % 2]
    programs = Iptables(f"{'ip6tables' if family == 6 else 'iptables'}-{variant}")
    if not programs.is_there:
        pytest.skip(f"{programs.program} is not installed")
    node = msgspec.structs.replace(
        node_of(flow.setup, family),
        checks_cluster_ips=False,
        filters_first=False,
        drops_invalid=True,
    )
    check_flow(flow, family, ground, node, IptablesBackend(node, programs))
