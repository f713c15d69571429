"""nftables and iptables on the guest's kernel, which is Debian 12's: older than the development machines', without
owned persistent tables. A choice of the flow table, repair and listing; the whole of it runs in the lab tests.
"""

import os
from collections.abc import Iterator

import msgspec
import pytest

from kproxy.backends.iptables.apply import IptablesBackend
from kproxy.backends.nftables.apply import NftablesBackend
from linux import netns, process
from linux.iptables.run import Iptables
from linux.nft.socket import NftSocket
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_setups import AFFINITY, TWO
from tests.flows.kproxy_values import Flow, intake_of, node_of
from tests.lab.flow_check import check_flow, flow_ground
from tests.lab.packet_range import PacketRange

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="run `make guest`; the lab tests do more here"
    ),
]
_STEP = int(os.environ.get("PODNET_GUEST_ROWS_STEP", "12"))


@pytest.fixture(scope="module")
def ground() -> Iterator[PacketRange]:
    with flow_ground() as made:
        yield made


def _rows() -> list[tuple[Flow, int]]:
    """In turn of this family and that."""
    return [(flow, 4 if place % 2 else 6) for place, flow in enumerate(ROWS[::_STEP])]


@pytest.mark.parametrize(("flow", "family"), _rows(), ids=lambda each: getattr(each, "text", None))
def test_flow_through_nftables(flow: Flow, family: int, ground: PacketRange) -> None:
    with netns.run_in(ground.node, NftSocket) as nft:
        node = node_of(flow.setup, family)
        check_flow(flow, family, ground, node, NftablesBackend(node, nft, own_table=False))


@pytest.mark.parametrize(("flow", "family"), _rows()[::3], ids=lambda each: getattr(each, "text", None))
def test_flow_through_iptables(flow: Flow, family: int, ground: PacketRange) -> None:
    node = msgspec.structs.replace(
        node_of(flow.setup, family), checks_cluster_ips=False, filters_first=False, drops_invalid=True
    )
    programs = Iptables("ip6tables-nft" if family == 6 else "iptables-nft")
    check_flow(flow, family, ground, node, IptablesBackend(node, programs))


@pytest.fixture
def space() -> Iterator[int]:
    fd = netns.create()
    yield fd
    os.close(fd)


@pytest.mark.parametrize("own_table", [True, False], ids=["owner auto", "owner never"])
def test_a_flushed_table_is_written_again(own_table: bool, space: int) -> None:
    """An owner is more than this kernel keeps: asked for or not, the table is found gone and made whole."""

    def flush_and_sync() -> tuple[str, str]:
        table = intake_of(TWO, 4).tables[4]
        with NftSocket() as socket:
            backend = NftablesBackend(node_of(TWO, 4), socket, own_table=own_table)
            backend.sync(table)
            before = process.run(["nft", "--stateless", "list", "ruleset"]).stdout
            process.run(["nft", "flush", "ruleset"])
            backend.distrust()
            backend.sync(table, set())
            return before, process.run(["nft", "--stateless", "list", "ruleset"]).stdout

    before, after = netns.run_in(space, flush_and_sync)
    assert "ns/svc:" in before
    assert sorted(after.split()) == sorted(before.split())


@pytest.mark.parametrize("setup", [TWO, AFFINITY], ids=["plain", "affinity"])
def test_what_is_written_is_listed_and_loads_again(setup: object, space: int) -> None:
    def write_list_and_load() -> tuple[str, str]:
        with NftSocket() as socket:
            backend = NftablesBackend(node_of(setup, 4), socket, own_table=False)  # type: ignore[arg-type]
            backend.sync(intake_of(setup, 4).tables[4])  # type: ignore[arg-type]
            listed = process.run(["nft", "--stateless", "list", "ruleset"]).stdout
            backend.cleanup()
            process.run(["nft", "-f", "-"], input=listed.encode())
            return listed, process.run(["nft", "--stateless", "list", "ruleset"]).stdout

    listed, again = netns.run_in(space, write_list_and_load)
    assert sorted(listed.replace(",", " ").split()) == sorted(again.replace(",", " ").split())
