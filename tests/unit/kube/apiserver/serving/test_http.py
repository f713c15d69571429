"""The HTTP reader: whole requests out of any split of the bytes, and what it refuses."""

import pytest

from kube.apiserver.serving.http import BadRequest, RequestReader, forwarded_head, parse_head

GET = b"GET /api?x=1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-One: 2\r\n\r\n"
POST = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_requests_come_out_whole_however_they_arrive(step: int) -> None:
    reader = RequestReader(100)
    stream = GET + POST + CHUNKED + GET
    found = []
    for start in range(0, len(stream), step):
        reader.feed(stream[start : start + step])
        while (request := reader.next()) is not None:
            found.append(request)
    assert [(r.head.method, r.body) for r in found] == [
        ("GET", b""),
        ("POST", b"hello"),
        ("POST", b"hello"),
        ("GET", b""),
    ]
    assert found[0].head.target == "/api?x=1"
    assert found[0].head.headers["x-one"] == "1, 2"
    assert reader.idle


def test_a_client_that_waits_for_continue_is_told_so_once() -> None:
    reader = RequestReader(100)
    reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert reader.next() is None
    assert reader.wants_continue
    reader.wants_continue = False
    reader.feed(b"ok")
    request = reader.next()
    assert request is not None
    assert request.body == b"ok"


def test_what_follows_an_upgrade_is_left_alone() -> None:
    reader = RequestReader(100)
    reader.feed(b"GET /exec HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05")
    request = reader.next()
    assert request is not None
    assert request.head.upgrade
    assert reader.take_rest() == b"\x81\x05"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\nb\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000, 431),
    ],
)
def test_ambiguous_and_oversized_requests_are_refused(data: bytes, code: int) -> None:
    reader = RequestReader(100)
    reader.feed(data)
    with pytest.raises(BadRequest) as caught:
        reader.next()
    assert caught.value.status == code


def test_http_1_0_closes_unless_asked_not_to() -> None:
    assert not parse_head(b"GET / HTTP/1.0").keep_alive
    assert parse_head(b"GET / HTTP/1.0\r\nConnection: keep-alive").keep_alive
    assert not parse_head(b"GET / HTTP/1.1\r\nConnection: close").keep_alive


def test_a_forwarded_request_keeps_the_upgrade_and_drops_the_secret() -> None:
    head = parse_head(
        b"GET /exec HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Key: k"
    )
    text = forwarded_head(head, "/exec/ns/p/c?x=1", "n:1", 0, ()).decode()
    assert text.startswith("GET /exec/ns/p/c?x=1 HTTP/1.1\r\nHost: n:1\r\n")
    assert "sec-websocket-key: k" in text
    assert "Upgrade: websocket" in text
    assert "Bearer" not in text


def test_repeated_names_of_somebody_else_keep_their_commas() -> None:
    lines = b"GET / HTTP/1.1\r\nHost: a\r\nImpersonate-Group: a,b\r\nImpersonate-Group: c"
    head = parse_head(lines)
    assert head.headers["impersonate-group"] == "a,b\nc"
    passed_on = forwarded_head(head, "/", "n:1", 0, ()).decode()
    assert "impersonate-group: a,b\r\nimpersonate-group: c\r\n" in passed_on
