import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from kube.client import Client, Reply
from nodeagent.server.rights import Peer, needed, peer_of
from nodeagent.server.rights_drive import Rights
from nodeagent.server.routes import Exec, Plain, Route
from nodeagent.server.socket import Refused

JANE = Peer("jane", ("dev", "system:authenticated"))
EXEC = Exec("default", "p", "c", ("sh",))


def test_a_certificate_names_user_and_groups() -> None:
    subject = ((("organizationName", "a"),), (("organizationName", "b"),), (("commonName", "jane"),))
    assert peer_of({"subject": subject}) == Peer("jane", ("a", "b", "system:authenticated"))
    assert peer_of(None) == Peer("", ("system:authenticated",))


@pytest.mark.parametrize(
    ("method", "route", "asked"),
    [
        ("GET", EXEC, ["get proxy"]),
        ("POST", EXEC, ["create proxy"]),
        ("GET", None, ["get proxy"]),
        ("GET", Plain("metrics"), ["get metrics", "get proxy"]),
        ("GET", Plain("stats/summary"), ["get stats", "get proxy"]),
        ("GET", Plain("healthz"), ["get healthz", "get proxy"]),
    ],
)
def test_what_a_path_needs(method: str, route: Route | None, asked: list[str]) -> None:
    found = needed("n1", method, route)
    assert [f"{row['verb']} {row['subresource']}" for row in found] == asked
    assert {row["name"] for row in found} == {"n1"}


class Server:
    """Answers SubjectAccessReviews: jane may read metrics."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        spec = msgspec.json.decode(body)["spec"]
        self.asked.append(spec)
        allowed = spec["resourceAttributes"]["subresource"] == "metrics"
        return Reply(201, {}, msgspec.json.encode({"status": {"allowed": allowed}}))


def test_the_api_is_asked_once_in_a_while() -> None:
    server, now = Server(), [0.0]
    rights = Rights(Client(server), "n1", lambda: now[0])  # type: ignore[arg-type]

    async def main() -> None:
        for _ in range(3):
            await rights.check(JANE, "GET", Plain("metrics"))
        assert len(server.asked) == 1
        assert server.asked[0]["user"] == "jane"
        assert server.asked[0]["groups"] == ["dev", "system:authenticated"]
        for _ in range(2):
            with pytest.raises(Refused) as raised:
                await rights.check(JANE, "POST", EXEC)
            assert raised.value.code == 403
            assert str(raised.value) == (
                "Forbidden (user=jane, verb=create, resource=nodes, subresource=proxy)"
            )
        assert len(server.asked) == 2
        now[0] = 31.0  # a refusal is asked about again soon, in case a role was given
        with pytest.raises(Refused):
            await rights.check(JANE, "POST", EXEC)
        await rights.check(JANE, "GET", Plain("metrics"))
        assert len(server.asked) == 3
        now[0] = 301.0
        await rights.check(JANE, "GET", Plain("metrics"))
        assert len(server.asked) == 4

    asyncio.run(main())


def test_the_api_server_itself_is_not_asked_about() -> None:
    server = Server()
    rights = Rights(Client(server), "n1", lambda: 0.0)  # type: ignore[arg-type]
    asyncio.run(rights.check(Peer("kube-apiserver", ("system:masters",)), "POST", EXEC))
    assert server.asked == []
