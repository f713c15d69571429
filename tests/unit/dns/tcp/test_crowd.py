from __future__ import annotations

from dns.tcp.crowd import Crowd


class Member:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_the_one_that_was_silent_longest_makes_room() -> None:
    crowd = Crowd(max_count=2)
    first, second, third = Member(), Member(), Member()
    crowd.join(first)
    crowd.join(second)
    assert crowd.spoke(first, 0)
    crowd.join(third)
    assert (first.closed, second.closed, third.closed) == (False, True, False)
    assert len(crowd) == 2
    assert not crowd.spoke(second, 0)  # it is no longer there


def test_unfinished_questions_share_a_limit() -> None:
    crowd = Crowd(max_held_bytes=100)
    members = [Member() for _ in range(3)]
    for one in members:
        crowd.join(one)
    assert crowd.spoke(members[0], 60)
    assert crowd.spoke(members[1], 40)
    assert not crowd.spoke(members[2], 1)
    assert crowd.spoke(members[1], 0)  # finished
    assert crowd.spoke(members[2], 10)
    for one in members:
        crowd.leave(one)
    assert (len(crowd), crowd.held_bytes) == (0, 0)


def test_whole_questions_are_answered_however_much_others_hold() -> None:
    crowd = Crowd(max_held_bytes=10)
    slow, quick = Member(), Member()
    crowd.join(slow)
    crowd.join(quick)
    assert not crowd.spoke(slow, 50)
    assert crowd.spoke(quick, 0)


def test_leaving_twice_is_harmless() -> None:
    crowd = Crowd()
    member = Member()
    crowd.leave(member)
    crowd.join(member)
    crowd.leave(member)
    crowd.leave(member)
    assert len(crowd) == 0
