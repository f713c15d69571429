import asyncio
import gzip

import pytest

from kube.apiserver.requests.request import Answer
from kube.apiserver.serving.compression import LEAST_BYTES, accepts_gzip, compressed, is_wanted

LARGE = Answer(200, b'{"a":1}' * (LEAST_BYTES // 4), headers=(("ETag", '"x"'),))


@pytest.mark.parametrize(
    ("asked", "accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
def test_who_asks_for_it(asked: str, *, accepted: bool) -> None:
    assert accepts_gzip({"accept-encoding": asked}) is accepted


def test_small_answers_and_errors_are_sent_as_they_are() -> None:
    wants = {"accept-encoding": "gzip"}
    assert is_wanted(LARGE, wants)
    assert not is_wanted(LARGE, {})
    assert not is_wanted(LARGE._replace(body=b"x" * (LEAST_BYTES - 1)), wants)
    assert not is_wanted(LARGE._replace(status=500), wants)


def test_what_is_sent_is_gzip() -> None:
    small = asyncio.run(compressed(LARGE))
    assert gzip.decompress(small.body) == LARGE.body
    assert len(small.body) < len(LARGE.body) // 10
    assert ("Content-Encoding", "gzip") in small.headers
    assert ("ETag", '"x"') in small.headers
