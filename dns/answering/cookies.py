"""Server cookies (RFC 7873, layout of RFC 9018), for the strict mode."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from ipaddress import ip_address

CLIENT_BYTES = 8
MAX_COOKIE_BYTES = 40
VERSION = b"\x01\0\0\0"


def is_valid_length(cookie: bytes) -> bool:
    """Eight bytes of the client's, then nothing or 8 to 32 of a server's."""
    return len(cookie) == CLIENT_BYTES or 16 <= len(cookie) <= MAX_COOKIE_BYTES


def server_cookie(client_cookie: bytes, client: str, now: float, secret: bytes) -> bytes:
    """The client's eight bytes and our sixteen: version, time, and a keyed hash over all and the address.

    The hash is HMAC-SHA-256 cut to 8 bytes where RFC 9018 has SipHash: no other server shares our secret.
    """
    head = VERSION + int(now).to_bytes(4, "big")
    text = client_cookie + head + ip_address(client.partition("%")[0]).packed
    return client_cookie + head + hmac.digest(secret, text, "sha256")[:8]


Baker = Callable[[bytes, str], bytes]
"""From the client's cookie and its address to the whole cookie of the answer."""


def baker(secret: bytes, now: Callable[[], float]) -> Baker:
    def bake(cookie: bytes, client: str) -> bytes:
        return server_cookie(cookie[:CLIENT_BYTES], client, now(), secret)

    return bake
