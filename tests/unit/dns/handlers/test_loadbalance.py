from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.handlers.loadbalance import BadWeights, preferring, read_weights, weighted
from dns.wire import numbers, records

NAME = "www.example.org."
HOSTS = "hosts /etc/hosts {\n 192.0.2.1 www.example.org\n 192.0.2.2 www.example.org\n 10.0.0.3 www.example.org\n }"
WEIGHTS = "# comment\n\nwww.example.org\n192.0.2.1 3\n192.0.2.2 1\n10.0.0.3 2\n"


def server(plugin: str, **files: str) -> LocalServer:
    return LocalServer(f"example.org {{\n {plugin}\n {HOSTS}\n}}", files={"/etc/hosts": "", **files})


def firsts(found: LocalServer, count: int) -> Counter[str]:
    return Counter(records.text_of(found.ask(NAME).answer[0]) for _ in range(count))


@pytest.mark.parametrize("policy", ["loadbalance", "loadbalance round_robin"])
def test_all_addresses_come_first_alike(policy: str) -> None:
    counts = firsts(server(policy), 600)
    assert set(counts) == {"192.0.2.1", "192.0.2.2", "10.0.0.3"}
    assert min(counts.values()) > 130


def test_weights_decide_how_often_an_address_comes_first() -> None:
    found = server("loadbalance weighted /w", **{"/w": WEIGHTS})
    counts = firsts(found, 1200)
    assert 500 < counts["192.0.2.1"] < 700  # 3 of 6
    assert 130 < counts["192.0.2.2"] < 270  # 1 of 6
    assert len(found.ask(NAME).answer) == 3


def test_addresses_without_a_weight_weigh_one() -> None:
    section = tuple(records.address(NAME, 5, f"192.0.2.{index}") for index in range(4))
    counts = Counter(
        records.text_of(weighted(section, {NAME: {"192.0.2.0": 255}}, rng)[0])
        for rng in map(Random, range(400))
    )
    assert counts["192.0.2.0"] > 380


def test_an_answer_in_an_order_of_its_own_is_not_repeated_from_memory() -> None:
    for plugin in ("loadbalance weighted /w", "loadbalance {\n prefer 10.0.0.0/8\n }"):
        found = server(plugin, **{"/w": WEIGHTS})
        assert found._resolve(found.request(NAME)).lifetime is None  # type: ignore[union-attr]


def test_a_changed_weight_file_is_taken_and_a_bad_one_is_not() -> None:
    found = server("loadbalance weighted /w {\n reload 10s\n }", **{"/w": WEIGHTS})
    task = next(one for one in found.configuration.world.tasks if one.name == "loadbalance")
    balance = task.run.__self__  # type: ignore[attr-defined]
    found.files["/w"] = "www.example.org\n10.0.0.3 255\n"
    balance.load()
    assert firsts(found, 200)["10.0.0.3"] > 180
    found.files["/w"] = "www.example.org\n10.0.0.3 0\n"
    with pytest.raises(BadWeights):
        balance.load()
    assert firsts(found, 200)["10.0.0.3"] > 180


def test_a_weight_file_may_come_later_unless_it_is_never_read_again() -> None:
    found = server("loadbalance weighted /later")
    assert "all weights are equal" in found.configuration.world.notices[0]
    with pytest.raises(CorefileError, match="No such file"):
        server("loadbalance weighted /later {\n reload 0\n }")


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.1 3\n",  # of no name
        "a.example\n192.0.2.1\n",
        "a.example\n192.0.2.1 0\n",
        "a.example\n192.0.2.1 256\n",
        "a.example\n192.0.2.1 x\n",
        "a.example\nb.example 3\n",
        "a.example\n192.0.2.1 3 4\n",
    ],
)
def test_mistakes_in_a_weight_file_are_named_by_line(text: str) -> None:
    with pytest.raises(BadWeights, match=r"line \d"):
        read_weights(text)
    with pytest.raises(CorefileError, match=r"Corefile:2:2: .*line \d"):
        server("loadbalance weighted /w", **{"/w": text})


def test_networks_that_are_preferred_come_first() -> None:
    found = server("loadbalance {\n prefer 10.0.0.0/8 192.0.2.2/32\n }")
    for _ in range(20):
        assert [records.text_of(one) for one in found.ask(NAME).answer] == [
            "10.0.0.3",
            "192.0.2.2",
            "192.0.2.1",
        ]


def test_aliases_stay_in_front_and_the_rest_goes_last() -> None:
    section = (
        records.address("b.", 5, "2001:db8::1"),
        records.address("b.", 5, "10.0.0.1"),
        records.srv("b.", 5, 1, 80, "c."),
        records.cname("a.", 5, "b."),
    )
    kinds = [one.kind for one in preferring(section, (), Random(1))]
    assert (kinds[0], kinds[-1]) == (numbers.CNAME, numbers.SRV)
    assert [one.kind for one in weighted(section, {}, Random(1))][:2] == [numbers.CNAME, numbers.SRV]


@pytest.mark.parametrize(
    "plugin",
    [
        "loadbalance fastest",
        "loadbalance round_robin x",
        "loadbalance weighted",
        "loadbalance weighted a b",
        "loadbalance weighted a {\n reload\n }",
        "loadbalance round_robin {\n reload 5s\n }",
        "loadbalance {\n prefer 10.0.0.1\n }",
        "loadbalance {\n prefer x/8\n }",
        "loadbalance {\n avoid 10.0.0.0/8\n }",
    ],
)
def test_mistakes_are_named_with_their_place(plugin: str) -> None:
    with pytest.raises(CorefileError, match=r"Corefile:[23]:"):
        server(plugin)
