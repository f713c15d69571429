"""`nft list ruleset` prints every rule that kproxy writes, and what it printed loads again (nft 1.0.6 and later).

nft aborts on a rule it cannot read, for everybody on the host: each kind of rule is tried.
"""

import os
from collections.abc import Iterator

import pytest

from kproxy.backends.nftables.apply import NftablesBackend
from linux import netns, process
from linux.nft.socket import NftSocket
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Setup, intake_of, node_of

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(process.find("nft") is None, reason="nft is not installed"),
]
_SETUPS = list(dict.fromkeys(flow.setup for flow in ROWS))


@pytest.fixture
def space() -> Iterator[int]:
    fd = netns.create()
    yield fd
    os.close(fd)


@pytest.mark.parametrize("setup", _SETUPS, ids=lambda setup: str(_SETUPS.index(setup)))
def test_what_is_written_is_listed_and_loads_again(setup: Setup, space: int) -> None:
    # nft 1.0.6 prints `update @map { … : ip6 daddr . th dport }` and fails an assertion when it reads it.
    families = (4,) if any(svc.affinity_s for svc in setup.services) else (4, 6)

    def write_list_and_load() -> tuple[str, str]:
        with NftSocket() as socket:
            if len(families) == 1:
                NftablesBackend(node_of(setup, 6), socket, own_table=False).sync(
                    intake_of(setup, 6).tables[6]
                )
                process.run(["nft", "list", "ruleset"])
                NftablesBackend(node_of(setup, 6), socket).cleanup()
            for family in families:
                backend = NftablesBackend(node_of(setup, family), socket, own_table=False)
                backend.sync(intake_of(setup, family).tables[family])
            listed = process.run(["nft", "--stateless", "list", "ruleset"]).stdout
            for family in families:
                NftablesBackend(node_of(setup, family), socket).cleanup()
            process.run(["nft", "-f", "-"], input=listed.encode())
            return listed, process.run(["nft", "--stateless", "list", "ruleset"]).stdout

    listed, again = netns.run_in(space, write_list_and_load)
    served = any(intake_of(setup, family).tables[family] for family in families)
    assert ('comment "ns/' in listed) == served
    assert sorted(listed.replace(",", " ").split()) == sorted(again.replace(",", " ").split())


def test_a_table_with_an_owner_is_listed_and_survives_a_flush(space: int) -> None:
    setup = ROWS[0].setup

    def write_and_flush() -> str:
        with NftSocket() as socket:
            NftablesBackend(node_of(setup, 4), socket).sync(intake_of(setup, 4).tables[4])
            process.run(["nft", "flush", "ruleset"])
            return process.run(["nft", "list", "ruleset"]).stdout

    listed = netns.run_in(space, write_and_flush)
    if "flags owner" not in listed:
        pytest.skip("this kernel has no persistent owned tables (6.9)")
    assert "ns/svc:p" in listed
