"""Certificate and key of `tls://` zones."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, one_line, one_word, unknown_option

CLIENT_AUTH = ("nocert", "request", "require", "verify_if_given", "require_and_verify")


class Options(msgspec.Struct, frozen=True):
    """`files`: certificate, key and, if given, a CA for clients' certificates."""

    files: tuple[str, ...] = ()
    client_auth: str = "nocert"


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    if not 2 <= len(line.args) <= 3:
        raise line.error("tls takes a certificate, its key and, if wanted, a CA for clients")
    client_auth = "nocert"
    for option in line.body:
        if option.name.text != "client_auth":
            raise unknown_option("tls", option)
        client_auth = one_word(option)
        if client_auth not in CLIENT_AUTH:
            raise option.error(f"client_auth is one of {', '.join(CLIENT_AUTH)}, found {client_auth!r}")
    if len(line.args) < 3 and client_auth not in {"nocert", "request"}:
        raise line.error(f"client_auth {client_auth} needs a CA behind the key")
    return Options(line.words, client_auth)


def build(options: Options, site: Site, following: Serve) -> Serve:
    return following
