from __future__ import annotations

import dnslib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.wire import encode, message, names, numbers, records
from dns.wire.query import Edns, Query, parse
from dns.wire.records import Record

LABEL = st.binary(min_size=1, max_size=20)
NAMES = st.lists(LABEL, min_size=0, max_size=6).map(
    lambda labels: names.decode(b"".join(bytes((len(one),)) + one for one in labels) + b"\0", 0)[0]
)
RECORDS = st.one_of(
    st.builds(
        lambda n, t, ip: records.address(n, t, str(ip)), NAMES, st.integers(0, 2**31 - 1), st.ip_addresses()
    ),
    st.builds(records.cname, NAMES, st.integers(0, 9999), NAMES),
    st.builds(records.ptr, NAMES, st.integers(0, 9999), NAMES),
    st.builds(records.mx, NAMES, st.integers(0, 9999), st.integers(0, 65535), NAMES),
    st.builds(
        records.srv,
        NAMES,
        st.integers(0, 9999),
        st.integers(0, 65535),
        st.integers(0, 65535),
        NAMES,
    ),
    st.builds(lambda n, a, b: records.soa(n, 5, a, b, (1, 2, 3, 4, 5)), NAMES, NAMES, NAMES),
    st.builds(lambda n, data: Record(n, 65280, 1, data), NAMES, st.binary(max_size=50)),
)


def query_for(name: str, kind: int = numbers.A, edns: Edns | None = None) -> Query:
    found = parse(encode.question(7, name, kind, edns=edns))
    assert isinstance(found, Query)
    return found


@given(NAMES, st.lists(RECORDS, max_size=12), st.lists(RECORDS, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_written_reads_back_the_same(name: str, answer: list[Record], extra: list[Record]) -> None:
    query = query_for(name)
    packet = encode.message(query, numbers.AA, 0, (answer, [], extra), limit_bytes=65_535)
    found = message.decode(packet)
    assert (found.name, found.answer, found.additional) == (name, tuple(answer), tuple(extra))


@given(NAMES, st.lists(RECORDS, max_size=40), st.integers(512, 1400))
@settings(max_examples=200, deadline=None)
def test_an_answer_never_exceeds_its_limit_and_keeps_whole_records(
    name: str, answer: list[Record], limit: int
) -> None:
    query = query_for(name, edns=Edns(limit))
    opt = encode.opt_record(Edns(limit))
    packet = encode.message(query, 0, 0, (answer, [], []), limit_bytes=limit, opt=opt)
    assert len(packet) <= limit
    found = message.decode(packet)
    assert found.answer == tuple(answer[: len(found.answer)])
    assert found.truncated == (len(found.answer) < len(answer))
    assert found.edns is not None


def test_names_are_compressed_so_that_an_address_costs_16_bytes() -> None:
    query = query_for("svc.testns.svc.cluster.local.")
    answer = [records.address(query.name, 5, f"10.0.0.{index}") for index in range(20)]
    packet = encode.message(query, 0, 0, (answer, [], []), limit_bytes=512)
    assert len(packet) == 12 + len(query.question) + 20 * 16


def test_the_target_of_srv_is_not_compressed() -> None:
    """RFC 2782: clients may not expect it."""
    query = query_for("a.example.", numbers.SRV)
    answer = [records.srv("a.example.", 5, 1, 80, "b.example.")]
    packet = encode.message(query, 0, 0, (answer, [], []), limit_bytes=512)
    assert packet.endswith(names.encode("b.example."))


@pytest.mark.parametrize(
    ("limit", "count"),
    [(512, 29), (1232, 74), (4096, 200)],
)
def test_two_hundred_addresses_are_cut_to_the_clients_size(limit: int, count: int) -> None:
    query = query_for("svc2.testns.svc.cluster.local.")
    answer = [records.address(query.name, 5, f"10.0.{index // 200}.{index % 200}") for index in range(200)]
    found = message.decode(encode.message(query, 0, 0, (answer, [], []), limit_bytes=limit))
    assert (len(found.answer), found.truncated) == (count, count < 200)


def test_a_full_answer_section_drops_the_additional_one_and_says_so() -> None:
    query = query_for("a.example.", numbers.SRV)
    answer = [records.srv(query.name, 5, 1, 80, f"b{index}.example.") for index in range(14)]
    extra = [records.address(f"b{index}.example.", 5, "10.0.0.1") for index in range(14)]
    found = message.decode(encode.message(query, 0, 0, (answer, [], extra), limit_bytes=512))
    assert len(found.answer) == 14
    assert len(found.additional) < 14
    assert found.truncated


HOSTS = st.lists(st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True), min_size=1, max_size=5).map(
    lambda labels: ".".join(labels) + "."
)
HOST_RECORDS = st.one_of(
    st.builds(lambda n, ip: records.address(n, 5, str(ip)), HOSTS, st.ip_addresses()),
    st.builds(records.cname, HOSTS, st.integers(0, 9999), HOSTS),
    st.builds(records.srv, HOSTS, st.integers(0, 9999), st.integers(0, 65535), st.integers(0, 65535), HOSTS),
    st.builds(lambda n, a, b: records.soa(n, 5, a, b, (1, 2, 3, 4, 5)), HOSTS, HOSTS, HOSTS),
)


@given(HOSTS, st.lists(HOST_RECORDS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_dnslib_reads_what_is_written(name: str, answer: list[Record]) -> None:
    packet = encode.message(query_for(name), 0, 0, (answer, [], []), limit_bytes=65_535)
    found = dnslib.DNSRecord.parse(packet)
    assert [(rr.rtype, rr.ttl) for rr in found.rr] == [(record.kind, record.ttl) for record in answer]


def test_what_dnslib_writes_is_read() -> None:
    reply = dnslib.DNSRecord.question("www.example.org").reply()
    reply.add_answer(
        *dnslib.RR.fromZone("www.example.org 60 CNAME a.example.org.\na.example.org. 30 A 192.0.2.1")
    )
    reply.add_answer(*dnslib.RR.fromZone("example.org 60 MX 5 mail.example.org."))
    found = message.decode(reply.pack())
    assert [records.text_of(record) for record in found.answer] == [
        "a.example.org.",
        "192.0.2.1",
        "5 mail.example.org.",
    ]
