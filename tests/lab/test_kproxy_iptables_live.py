"""What the kernel says of our iptables rules: traced for `explain`, and read by python-iptables as a witness."""

import json
import os
import socket
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kproxy.backends.iptables.apply import IptablesBackend
from kproxy.backends.iptables.trace_socket import TRACER
from kproxy.backends.registry import CountingPackets
from kproxy.metrics.counters import CountedPackets, PacketTotals
from linux import netns, process
from linux.iptables.parse import understood
from linux.iptables.run import Iptables
from linux.rtnl.socket import Rtnl
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, Port, R, Setup, Svc, here, intake_of, node_of, packet_of
from tests.lab.environments import interpreter_with

pytestmark = pytest.mark.lab
_SETUPS = [(setup, list(flows)) for setup, flows in groupby(ROWS, lambda flow: flow.setup)]
WITNESS = Path(__file__).parent / "iptables_witness"


@pytest.fixture
def space() -> Iterator[int]:
    fd = netns.create()
    yield fd
    os.close(fd)


def _programs(family: int, variant: str) -> Iptables:
    programs = Iptables(f"{'ip6tables' if family == 6 else 'iptables'}-{variant}")
    if not programs.is_there:
        pytest.skip(f"{programs.program} is not installed")
    return programs


def _write(setup: Setup, family: int, programs: Iptables) -> None:
    # The hint by which everybody, `explain` too, finds the variant that is in use.
    process.run([programs.program, "-t", "mangle", "-N", "KUBE-IPTABLES-HINT"])
    IptablesBackend(node_of(setup, family), programs).sync(intake_of(setup, family).tables[family])


@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_the_kernels_rules_say_what_was_planned(variant: str) -> None:
    """Every row of the flow table, by the rules as they are read back."""

    def disagreements(setup: Setup, flows: list[Flow], family: int, programs: Iptables) -> list[str]:
        _write(setup, family, programs)
        node, table = node_of(setup, family), intake_of(setup, family).tables[family]
        for of_table in programs.save().values():
            assert understood(of_table)[1] == 0, "each of our own rules is understood"
        found = []
        for flow in flows:
            packet = packet_of(flow, family)
            planned, live = TRACER.planned(table, node, packet), TRACER.live(node, packet)
            assert live is not None
            if (planned.verdict, planned.targets, planned.masquerade) != (
                live.verdict,
                live.targets,
                live.masquerade,
            ):
                found.append(f"{flow.text}: {planned} but {live}")
        return found

    for place, (setup, flows) in enumerate(_SETUPS):
        family = (4, 6)[place % 2]
        fd = netns.create()
        try:
            assert (
                netns.run_in(fd, partial(disagreements, setup, flows, family, _programs(family, variant)))
                == []
            )
        finally:
            os.close(fd)


def test_a_rule_that_somebody_removed_is_missed(space: int) -> None:
    flow = next(row for row in ROWS if isinstance(row.to, tuple) and row.setup.services)
    programs = _programs(4, "nft")

    def said() -> tuple[str, str]:
        _write(flow.setup, 4, programs)
        node, packet = node_of(flow.setup, 4), packet_of(flow, 4)
        before = TRACER.live(node, packet)
        process.run([programs.program, "-t", "nat", "-F", "KUBE-SERVICES"])
        after = TRACER.live(node, packet)
        assert before is not None
        assert after is not None
        return before.verdict, after.verdict

    assert netns.run_in(space, said) == ("forward", "pass")


@pytest.mark.parametrize("accounted", [None, False], ids=["by the kernel's counters", "by the rules"])
@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_connections_to_node_ports_on_localhost_are_counted(
    variant: str, accounted: bool | None, space: int
) -> None:
    """Each once, however often the rules are written; what conntrack does not know stays apart."""
    service = Svc(ports=(Port(node_port=30080),), type="NodePort", endpoints=(here(R),))
    setup, programs = Setup((service,), node_ports=None), _programs(4, variant)
    node = msgspec.structs.replace(node_of(setup, 4), localhost_node_ports=True)

    def counted() -> list[dict[CountedPackets, int]]:
        with Rtnl() as rtnl:
            lo = rtnl.link("lo")
            assert lo is not None
            rtnl.set_link(lo.ifindex, up=True)
            rtnl.add_address(lo.ifindex, R, 32)  # the endpoint is here, and refuses
        backend = IptablesBackend(node, programs, accounted=accounted)
        assert isinstance(backend, CountingPackets)
        totals = PacketTotals()
        table = intake_of(setup, 4).tables[4]
        found = []
        for _ in range(2):
            backend.sync(table)
            with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", 30080)):
                pass
            found.append(totals.take(backend.packet_counts()))
        return found

    assert netns.run_in(space, counted) == [
        {CountedPackets.INVALID_DROPPED: 0, CountedPackets.LOCALHOST_ACCEPTED: count} for count in (1, 2)
    ]


def test_without_our_rules_there_is_nothing_to_say(space: int) -> None:
    flow = ROWS[0]
    assert netns.run_in(space, partial(TRACER.live, node_of(flow.setup, 4), packet_of(flow, 4))) is None


def test_libiptc_reads_the_same_legacy_rules(space: int) -> None:
    python = interpreter_with(WITNESS / "requirements.txt", "PYTHON-IPTABLES")
    flow = next(row for row in ROWS if isinstance(row.to, tuple) and row.setup.services)
    programs = _programs(4, "legacy")

    def read() -> list[dict[str, Any]]:
        _write(flow.setup, 4, programs)
        done = process.run([str(python), str(WITNESS / "list_rules.py")])
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    rows = netns.run_in(space, read)
    seen = {row["parameters"]["to_destination"] for row in rows if row["target"] == "DNAT"}
    table = intake_of(flow.setup, 4).tables[4]
    planned = TRACER.planned(table, node_of(flow.setup, 4), packet_of(flow, 4))
    assert set(planned.targets) <= seen
    (services,) = [
        row
        for row in rows
        if row["chain"] == "KUBE-SERVICES" and row["destination"] == _mask(flow.destination)
    ][:1]
    assert services["matches"]["comment"]["comment"].startswith("ns/")


def _mask(destination: str) -> str:
    return f"{destination.rpartition(':')[0]}/255.255.255.255"
