"""The server side of DNS over TLS."""

from __future__ import annotations

import ssl


def server_context(files: tuple[str, ...]) -> ssl.SSLContext:
    """Certificate, key and, if given, a CA that clients must be certified by. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["dot"])
    context.load_cert_chain(files[0], files[1])
    if len(files) > 2:
        context.load_verify_locations(files[2])
    return context
