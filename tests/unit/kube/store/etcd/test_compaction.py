from itertools import pairwise
from random import Random

from kube.store.etcd.compaction import Look, Step, announced, lost, won


def test_the_first_turn_of_a_server_compacts_nothing_the_next_up_to_its_first_look() -> None:
    first = won(Look(), newest=100)
    assert first == Step(Look(1, 100), 0)
    assert won(first.look, newest=200) == Step(Look(2, 200), 100)


def test_who_loses_follows_the_winner() -> None:
    assert lost(version=7, newest=300) == Step(Look(7, 300), 0)


def test_servers_at_any_pace_keep_a_period_of_history_and_go_on_when_the_winner_dies() -> None:
    """The key is simulated: its version, and who may write it."""
    rng = Random(3)
    version, now, compacted = 0, 0, [0]
    looks = {name: (Look(), rng.randrange(300)) for name in "abc"}
    seen_at: dict[int, int] = {}
    while now < 6000:
        now += 1
        seen_at[now] = now  # a revision a second
        for name, (look, due) in list(looks.items()):
            if due != now or (name == "a" and now > 3000):
                continue
            if look.version == version:
                version += 1
                step = won(look, now)
            else:
                step = lost(version, now)
            looks[name] = (step.look, now + 300)
            if step.compact:
                assert now - step.compact >= 300
                compacted.append(step.compact)
    gaps = [after - before for before, after in pairwise(compacted)]
    assert compacted == sorted(compacted)
    assert max(gaps) <= 900
    assert compacted[-1] > 5000


def test_the_keys_value_is_a_revision_or_says_nothing() -> None:
    assert announced(b"123") == 123
    assert announced(b"") == 0
    assert announced(b"x") == 0
