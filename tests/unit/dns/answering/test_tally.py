from __future__ import annotations

from dns.answering.tally import MAX_KINDS, Tally


def test_observers_hear_of_every_answer_once_with_times_in_their_bucket() -> None:
    heard: list[tuple[int, int, float]] = []

    def observe(times: int, size_bytes: int, took_s: float) -> None:
        heard.append((times, size_bytes, took_s))

    tally = Tally()
    for took_s in (0.0001, 0.0002, 0.0003, 0.003):
        tally.add((observe,), 60, took_s)
    tally.add((observe,), 70, 0.0001)
    assert heard == []
    tally.settle()
    assert sorted((times, size, round(took, 6)) for times, size, took in heard) == [
        (1, 60, 0.0003),
        (1, 60, 0.003),
        (1, 70, 0.0001),
        (2, 60, 0.00015),
    ]
    heard.clear()
    tally.settle()
    assert heard == []


def test_it_does_not_grow_without_end() -> None:
    count = 0

    def observe(times: int, size_bytes: int, took_s: float) -> None:
        nonlocal count
        count += times

    tally = Tally()
    for size in range(MAX_KINDS + 10):
        tally.add((observe,), size, 0.0)
    assert count > MAX_KINDS
    tally.settle()
    assert count == MAX_KINDS + 10
