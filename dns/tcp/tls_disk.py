"""The server side of DNS over TLS."""

from __future__ import annotations

import ssl


def server_context(files: tuple[str, ...], client_auth: str = "nocert") -> ssl.SSLContext:
    """Certificate, key and, if given, a CA for clients' certificates, asked for as `client_auth` says. Raises OSError.

    `request` and `require` would take certificates of anybody in Go; here one that is shown is always verified.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["dot"])
    context.load_cert_chain(files[0], files[1])
    if len(files) > 2:
        context.load_verify_locations(files[2])
    if len(files) > 2 and client_auth in {"request", "verify_if_given"}:
        context.verify_mode = ssl.CERT_OPTIONAL
    elif client_auth in {"require", "require_and_verify"}:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
