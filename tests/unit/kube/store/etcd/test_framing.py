import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.etcd.framing import FramingError, ResponseReader

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read(data: bytes, cuts: list[int]) -> tuple[ResponseReader, bytes]:
    """The body as it comes when the bytes come in pieces."""
    reader = ResponseReader()
    body = b""
    at = 0
    for cut in [*sorted(cuts), len(data)]:
        if cut > at:
            assert not reader.done
            body += reader.feed(data[at:cut])
            at = cut
    return reader, body


def chunked(parts: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_a_body_of_known_length_is_the_same_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    data = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    reader, found = read(data, [cut for cut in cuts if cut < len(data)])
    assert (reader.status, reader.done, found) == (200, True, body)


@given(st.lists(st.binary(max_size=80), max_size=5), st.lists(st.integers(0, 500), max_size=12))
def test_chunks_are_the_same_however_they_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = chunked(parts)
    reader, found = read(data, [cut for cut in cuts if cut < len(data)])
    assert (reader.status, reader.done, found) == (200, True, b"".join(parts))


def test_a_chunk_is_handed_on_before_the_answer_ends() -> None:
    reader = ResponseReader()
    assert reader.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5;x=y\r\nde") == b"abcde"
    assert not reader.done
    assert reader.feed(b"fgh\r\n") == b"fgh"


def test_trailers_end_the_answer() -> None:
    reader = ResponseReader()
    assert reader.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n") == b"a"
    assert not reader.done
    assert reader.feed(b"Grpc-Trailer: x\r\n\r\n") == b""
    assert reader.done


def test_one_reader_reads_one_answer_after_the_other() -> None:
    reader = ResponseReader()
    assert reader.feed(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nab") == b"ab"
    assert not reader.keep_alive
    reader.reset()
    assert reader.feed(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") == b""
    assert (reader.status, reader.done, reader.keep_alive) == (503, True, True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not an HTTP/1.1 response"),
        (b"HTTP/1.1 abc\r\n\r\n", "not an HTTP/1.1 response"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "without a length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "without a length"),
        (HEAD + b"Content-Length: 1\r\n\r\nab", "more bytes"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk of size"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000, "without a size"),
        (b"H" * 70_000, "head of a response"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(FramingError, match=why):
        ResponseReader().feed(data)
