from __future__ import annotations

import ctypes

from dns.answering.memo import FULL_FOR_S, Memo, address_of
from dns.handlers.request import Lifetime

A = b"question-a"
B = b"question-b"


def put(memo: Memo, question: bytes, *keys: str, volatile: bool = False) -> bool:
    return memo.put(question, (b"xxanswer",), Lifetime(keys, volatile), (), memo.version)


def test_an_answer_goes_when_one_of_its_keys_changes() -> None:
    memo = Memo()
    put(memo, A, "svc/ns/a", "ns/ns")
    put(memo, B, "svc/ns/b", "ns/ns")
    memo.invalidate(["svc/ns/a"])
    assert set(memo.lasting) == {B}
    memo.invalidate(["ns/ns"])
    assert set(memo.lasting) == set()


def test_an_answer_made_before_a_change_is_not_kept() -> None:
    memo = Memo()
    version = memo.version
    memo.invalidate(["svc/ns/other"])
    assert not memo.put(A, (b"xx",), Lifetime(("svc/ns/a",)), (), version)
    assert memo.lasting == {}


def test_passing_answers_go_with_the_second() -> None:
    memo = Memo()
    memo.tick(1)
    put(memo, A, volatile=True)
    memo.tick(1)
    assert A in memo.passing
    memo.tick(2)
    assert A not in memo.passing


def test_hits_are_reported_once_however_the_answer_ends() -> None:
    memo = Memo()
    seen: list[int] = []
    memo.put(
        A, (b"xxanswer",), Lifetime(("k",)), (lambda times, size, took: seen.append(times),), memo.version
    )
    memo.lasting[A].hits += 5
    memo.settle()
    memo.settle()
    memo.lasting[A].hits += 2
    memo.invalidate(["k"])
    assert seen == [6, 2]  # the first question counts


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    """Denials are forgotten with each change of the serial; their namespace may never change."""
    memo = Memo()
    for index in range(50):
        put(memo, str(index).encode(), "ns/ns", "serial")
        memo.invalidate(["serial"])
    assert memo._dependents == {}
    assert memo._size_bytes == 0


def test_a_full_memory_keeps_what_it_has_for_a_while_and_then_begins_anew() -> None:
    memo = Memo(max_entries=3)
    memo.tick(100)
    memo.clear()
    for index in range(5):
        put(memo, str(index).encode(), "k")
    assert set(memo.lasting) == {b"0", b"1", b"2"}
    memo.tick(100 + FULL_FOR_S)
    put(memo, b"new", "k")
    assert set(memo.lasting) == {b"new"}
    put(memo, b"next", "k")
    assert set(memo.lasting) == {b"new", b"next"}


def test_addresses_point_at_the_bytes() -> None:
    data = b"the answer's bytes"
    assert ctypes.string_at(address_of(data), len(data)) == data
