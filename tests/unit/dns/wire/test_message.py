from __future__ import annotations

import pytest

from dns.wire import encode, message, numbers, records
from dns.wire.query import Edns, Query, parse


def test_an_answer_with_compressed_names_and_edns() -> None:
    query = parse(encode.question(7, "a.example.", numbers.MX, edns=Edns(1232, 0, True)))
    assert isinstance(query, Query)
    answer = (records.mx("a.example.", 60, 10, "mail.example."), records.cname("b.example.", 5, "a.example."))
    authority = (records.soa("example.", 60, "ns.example.", "admin.example.", (1, 2, 3, 4, 5)),)
    opt = encode.opt_record(Edns(4096, 0, True), rcode=numbers.BADVERS)
    packet = encode.message(
        query, numbers.AA, numbers.BADVERS, (answer, authority, ()), limit_bytes=4096, opt=opt
    )
    found = message.decode(packet)
    assert (found.answer, found.authority, found.additional) == (answer, authority, ())
    assert found.authoritative
    assert found.rcode == numbers.BADVERS  # four bits in the header, the rest in OPT
    assert found.edns == Edns(4096, 0, True)


def test_bytes_behind_the_last_record_are_ignored_and_a_cut_message_is_refused() -> None:
    packet = encode.question(7, "a.example.", numbers.A)
    assert message.decode(packet + b"more").name == "a.example."
    for end in range(len(packet)):
        with pytest.raises(message.BadMessage):
            message.decode(packet[:end])


def test_a_name_may_not_run_out_of_its_record() -> None:
    head = b"\0\7\x81\0\0\0\0\1\0\0\0\0"
    record = b"\1a\0\0\5\0\1\0\0\0\5\0\2\1b\1c\0"
    with pytest.raises(message.BadMessage, match="past its record"):
        message.decode(head + record)
