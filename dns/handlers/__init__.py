"""The handlers a Corefile can name, in the order a query passes them, whatever the order in the file."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site


class Handler(Protocol):
    """A module of this folder."""

    def parse(self, lines: tuple[Line, ...], zones: tuple[str, ...]) -> Any:
        """The options of all lines with its name in one server block. Raises CorefileError."""

    def build(self, options: Any, site: Site, following: Serve) -> Serve:
        """What serves queries in front of `following`; `following` itself where it only sets the server up."""


# CoreDNS 1.14's order (plugin.cfg), as far as we have them. Modules are loaded when a Corefile names them.
HANDLERS: tuple[str, ...] = (
    "root",
    "timeouts",
    "multisocket",
    "reload",
    "nsid",
    "bufsize",
    "bind",
    "debug",
    "ready",
    "health",
    "prometheus",
    "errors",
    "log",
    "local",
    "dns64",
    "any",
    "chaos",
    "loadbalance",
    "rewrite",
    "autopath",
    "acl",
    "cache",
    "header",
    "tls",
    "minimal",
    "template",
    "hosts",
    "kubernetes",
    "file",
    "loop",
    "forward",
    "nodecache",
    "erratic",
    "whoami",
)


def load(name: str) -> Handler:
    module: Any = import_module(f"dns.handlers.{name}")
    handler: Handler = module
    return handler
