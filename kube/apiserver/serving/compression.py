"""gzip for large answers, where the client asks for it (as kube-apiserver: from 128 KiB on, in the fastest way)."""

import asyncio
import zlib
from collections.abc import Mapping

from kube.apiserver.requests.request import Answer

LEAST_BYTES = 128 << 10
_FASTEST, _GZIP = 1, 31  # zlib's level, and its window bits for gzip's container


def is_wanted(answer: Answer, headers: Mapping[str, str]) -> bool:
    """`headers` are the request's."""
    return len(answer.body) >= LEAST_BYTES and answer.status == 200 and accepts_gzip(headers)


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """RFC 9110 12.5.3; a weight of 0 is a no."""
    for clause in headers.get("accept-encoding", "").split(","):
        coding, _, weight = clause.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


async def compressed(answer: Answer) -> Answer:
    """In a thread: others are answered meanwhile."""
    body = await asyncio.get_running_loop().run_in_executor(None, gzip, answer.body)
    headers = (*answer.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return answer._replace(body=body, headers=headers)


def gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP)
    return compressor.compress(data) + compressor.flush()
