from __future__ import annotations

from collections.abc import Callable

import pytest

from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import message, records
from dns.wire.message import Message

KUBERNETES = """
. {
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
}
"""


@pytest.fixture(scope="session")
def server() -> LocalServer:
    return LocalServer(KUBERNETES, example_cluster())


@pytest.fixture
def make_server() -> Callable[..., LocalServer]:
    """A server with options of its own in the kubernetes block."""

    def make(
        options: str = "", objects: list[dict[str, object]] | None = None, **fields: object
    ) -> LocalServer:
        zones = "cluster.local in-addr.arpa ip6.arpa"
        corefile = f". {{\n kubernetes {zones} {{\n{options}\n}}\n}}"
        return LocalServer(corefile, example_cluster() if objects is None else objects, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def data() -> Callable[[Message], list[str]]:
    """The answers as text, sorted: `10.0.0.1`, `0 100 80 x.y.`."""

    def texts(reply: Message) -> list[str]:
        return sorted(records.text_of(record) for record in reply.answer)

    return texts


__all__ = ["message"]
