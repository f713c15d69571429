"""Connections add up over counters that start anew."""

from kproxy.metrics.counters import (
    Count,
    CountedPackets,
    PacketCount,
    PacketTotals,
    Totals,
    by_endpoint,
    by_service,
)


def _count(packets: int, place: bytes = b"1", service: str = "ns/a:p", endpoint: str = "") -> Count:
    return Count(("map", place), service, packets, endpoint)


def test_a_counter_that_starts_anew_goes_on() -> None:
    totals = Totals()
    for packets in (5, 8, 3, 3):
        totals.take([_count(packets)])
    assert totals.busiest(10) == {("ns/a:p", ""): 11}


def test_one_of_two_counters_of_a_service_starts_anew() -> None:
    totals = Totals()
    totals.take([_count(100, b"1"), _count(50, b"2")])
    totals.take([_count(101, b"1"), _count(2, b"2")])
    assert totals.busiest(10) == {("ns/a:p", ""): 153}


def test_a_place_that_counts_for_another_endpoint_counts_from_nothing() -> None:
    totals = Totals()
    totals.take([_count(10, endpoint="10.0.0.1:80"), _count(5, b"2", endpoint="10.0.0.2:80")])
    totals.take([_count(12, endpoint="10.0.0.2:80")])
    assert totals.busiest(10) == {("ns/a:p", "10.0.0.2:80"): 17}


def test_a_service_that_went_is_not_shown() -> None:
    totals = Totals()
    totals.take([_count(5), _count(1, b"2", "ns/b:p")])
    totals.take([_count(2, b"2", "ns/b:p")])
    assert totals.busiest(10) == {("ns/b:p", ""): 2}


def test_only_the_busiest_are_shown_and_none_that_nobody_asked() -> None:
    totals = Totals()
    totals.take(_count(i, bytes([i]), f"ns/s{i}:p") for i in range(100))
    assert list(totals.busiest(2)) == [("ns/s98:p", ""), ("ns/s99:p", "")]
    assert len(totals.busiest(1000)) == 99


def test_counters_of_one_service_and_endpoint_add_up() -> None:
    counts = [_count(2, endpoint="e"), _count(3, b"2", endpoint="e"), _count(4, b"3", endpoint="f")]
    assert by_service(counts) == {"ns/a:p": 9}
    assert by_endpoint(counts) == {("ns/a:p", "e"): 5, ("ns/a:p", "f"): 4}


def test_a_counter_that_both_families_name_counts_once() -> None:
    counts = [
        PacketCount("invalid", CountedPackets.INVALID_DROPPED, 3),
        PacketCount("invalid", CountedPackets.INVALID_DROPPED, 4),  # read a moment later
        PacketCount("localhost", CountedPackets.LOCALHOST_ACCEPTED, 0),
    ]
    totals = PacketTotals()
    for _ in range(2):
        assert totals.take(counts) == {
            CountedPackets.INVALID_DROPPED: 4,
            CountedPackets.LOCALHOST_ACCEPTED: 0,
        }


def test_rules_of_both_families_count_together_and_on_when_they_are_rewritten() -> None:
    what, totals = CountedPackets.INVALID_DROPPED, PacketTotals()
    assert totals.take([PacketCount("4 F", what, 3), PacketCount("6 F", what, 2)]) == {what: 5}
    assert totals.take([PacketCount("4 F", what, 1), PacketCount("6 F", what, 2)]) == {what: 6}
