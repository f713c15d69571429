from __future__ import annotations

from dns.nodecache import plan
from linux.nft import constants as k
from linux.nft.batch import AddChain, AddRule, AddTable, DeleteTable


def test_questions_and_answers_of_each_address_are_not_tracked() -> None:
    operations = plan.setup(("169.254.20.10", "10.96.0.10"), 53)
    rules = [one for one in operations if isinstance(one, AddRule)]
    assert len(rules) == 2 * 2 * 3  # addresses, UDP and TCP; coming in, asked here, answered from here
    assert sum(isinstance(one, AddChain) for one in operations) == 2
    assert all(plan._NOTRACK in one.rule.expressions for one in rules)


def test_each_family_in_use_has_its_table_made_anew() -> None:
    operations = plan.setup(("169.254.20.10", "fd00::10"), 53)
    added = [one.table.family for one in operations if isinstance(one, AddTable)]
    assert sorted(set(added)) == sorted({k.NFPROTO_IPV4, k.NFPROTO_IPV6})
    assert sum(isinstance(one, DeleteTable) for one in operations) == 2


def test_teardown_deletes_also_what_is_not_there() -> None:
    first, second = plan.teardown(("169.254.20.10",))
    assert isinstance(first, AddTable)  # deleting an absent table would fail
    assert isinstance(second, DeleteTable)


def test_prefixes() -> None:
    assert (plan.prefix_of("10.96.0.10"), plan.prefix_of("fd00::10")) == (32, 128)
