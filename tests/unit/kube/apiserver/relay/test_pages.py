"""Pages and redirects of pods lead through the proxy they were asked for by."""

import gzip

import pytest

from kube.apiserver.relay.pages import Origin, page_through_proxy, through_proxy
from kube.apiserver.relay.response import PAGE_BYTES, ResponseRewriter

PREFIX = "/api/v1/namespaces/d/pods/p/proxy"
ORIGIN = Origin(PREFIX, frozenset({"10.244.1.5:80", "api:6443"}))


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/rewriteme", f"{PREFIX}/rewriteme"),
        ("/a/?q=1#top", f"{PREFIX}/a/?q=1#top"),
        ("http://10.244.1.5:80/x", f"{PREFIX}/x"),
        ("https://api:6443/x", f"{PREFIX}/x"),
        (f"{PREFIX}/x", f"{PREFIX}/x"),
        ("x.html", "x.html"),
        ("http://elsewhere/x", "http://elsewhere/x"),
        ("mailto:a@b", "mailto:a@b"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_links(link: str, expected: str) -> None:
    assert through_proxy(link, ORIGIN) == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<a href="/x">test</a>', f'<a href="{PREFIX}/x">test</a>'),
        ("<IMG alt='/no' src='/x'/>", f"<IMG alt='/no' src=\"{PREFIX}/x\"/>"),
        ("<a href=/x>", f'<a href="{PREFIX}/x">'),
        ('<a href="/x?a=1&amp;b=2">', f'<a href="{PREFIX}/x?a=1&amp;b=2">'),
        ('<p data-href="/x" href="/x">', '<p data-href="/x" href="/x">'),
        ('<!-- <a href="/x"> -->', '<!-- <a href="/x"> -->'),
        ("<script>'<a href=\"/x\">'</script>", "<script>'<a href=\"/x\">'</script>"),
        ('<a href="/x', '<a href="/x'),
        ("no < tag > at all", "no < tag > at all"),
    ],
)
def test_pages(page: str, expected: str) -> None:
    assert page_through_proxy(page, ORIGIN) == expected


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode() + body


PAGE = b'<a href="/x">'
MOVED = f'<a href="{PREFIX}/x">'.encode()
HTML = "Content-Type: text/html; charset=utf-8"
SIZED = answer(MOVED, HTML, f"Content-Length: {len(MOVED)}")


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (answer(PAGE, HTML, f"Content-Length: {len(PAGE)}"), SIZED),
        (answer(PAGE, HTML), SIZED),
        (answer(b'5;x=y\r\n<a hr\r\n8\r\nef="/x">\r\n0\r\n\r\n', HTML, "Transfer-Encoding: chunked"), SIZED),
        (answer(gzip.compress(PAGE), HTML, "Content-Encoding: gzip"), SIZED),
        (answer(b"", "Continue: x", status="100 Continue") + answer(PAGE, HTML),
         answer(b"", "Continue: x", status="100 Continue") + SIZED),
        (answer(b"", "Location: /y", status="302 Found"), answer(b"", f"Location: {PREFIX}/y", status="302 Found")),
        (answer(b"{}", "Content-Type: application/json"), answer(b"{}", "Content-Type: application/json")),
        (answer(b"zz", HTML, "Content-Encoding: br"), answer(b"zz", HTML, "Content-Encoding: br")),
        (answer(b"zz", HTML, "Content-Encoding: gzip"), answer(b"zz", HTML, "Content-Encoding: gzip")),
        (answer(b"", HTML, status="304 Not Modified"), answer(b"", HTML, status="304 Not Modified")),
        (b"no HTTP at all\r\n\r\n", b"no HTTP at all\r\n\r\n"),
        (b"HTTP/1.1 200", b"HTTP/1.1 200"),
    ],
)  # fmt: skip
def test_responses_however_they_arrive(sent: bytes, expected: bytes, step: int) -> None:
    rewriter = ResponseRewriter(ORIGIN)
    got = b"".join(rewriter.feed(sent[at : at + step]) for at in range(0, len(sent), step))
    assert got + rewriter.finish() == expected


def test_a_page_is_sent_when_it_is_whole_and_the_server_stays() -> None:
    rewriter = ResponseRewriter(ORIGIN)
    assert rewriter.feed(answer(PAGE, HTML, f"Content-Length: {len(PAGE)}")) == SIZED
    assert rewriter.finish() == b""


def test_a_page_too_long_to_hold_passes_as_it_is() -> None:
    rewriter = ResponseRewriter(ORIGIN)
    sent = answer(PAGE + b" " * PAGE_BYTES, HTML)
    assert rewriter.feed(sent) == sent
    assert rewriter.feed(PAGE) == PAGE


def test_the_answer_to_head_has_no_body_to_wait_for() -> None:
    sent = answer(b"", HTML, "Content-Length: 99")
    assert ResponseRewriter(ORIGIN, head_only=True).feed(sent) == sent
