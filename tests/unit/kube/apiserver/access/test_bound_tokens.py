"""ServiceAccount tokens from request to use, and after what they are bound to is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec
import pytest

from kube.apiserver.access.authentication import Authenticator, KnownTokens
from kube.apiserver.access.bound_tokens import BoundTokens
from kube.apiserver.access.tokens import ISSUER, TokenError, TokenSigner
from kube.apiserver.core import ApiServer
from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import open_api
from kube.apiserver.state import Settings
from kube.apiserver.status import StatusError
from kube.certs import _new_key
from kube.store.memory import MemoryStore

ADMIN = User("admin", ("system:masters", "system:authenticated"))
NODE = User("system:node:n1", ("system:nodes",))
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
PODS = "/api/v1/namespaces/default/pods"


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Cluster:
    def __init__(self, server: ApiServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock

    async def ask(self, method: str, path: str, body: Any = None, *, user: User = ADMIN) -> tuple[int, Any]:
        transport = LocalTransport(self.server, user, user_agent="test")
        reply = await transport.request(
            method,
            path,
            query={},
            headers={"content-type": "application/json"},
            body=b"" if body is None else msgspec.json.encode(body),
        )
        return reply.status, msgspec.json.decode(reply.body)

    async def token(self, account: str = "bot", user: User = ADMIN, **spec: Any) -> str:
        code, found = await self.ask("POST", f"{ACCOUNTS}/{account}/token", {"spec": spec}, user=user)
        assert code == 201, found
        text: str = found["status"]["token"]
        return text

    def verify(self, token: str) -> User:
        tokens = self.server.api.tokens
        assert tokens is not None
        return tokens.verify(token, self.clock())[0]

    async def pod(self, name: str, node: str) -> str:
        spec = {"serviceAccountName": "bot", "nodeName": node, "containers": [{"name": "c", "image": "x"}]}
        code, found = await self.ask("POST", PODS, {"metadata": {"name": name}, "spec": spec})
        assert code == 201, found
        uid: str = found["metadata"]["uid"]
        return uid


Body = Callable[[Cluster], Awaitable[None]]
KEY = _new_key()[1]


def run(body: Body) -> None:
    async def main() -> None:
        clock = Clock()
        settings = Settings(authorization_modes=("Node", "RBAC"))
        store = MemoryStore()
        api = await open_api(store, settings, signer=TokenSigner(KEY), clock=clock, rng=Random(2))
        cluster = Cluster(ApiServer(api), clock)
        await cluster.ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        await cluster.ask("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
        await body(cluster)
        api.cache.stop()
        await store.close()

    asyncio.run(main())


def test_a_token_names_its_account_until_the_account_is_another() -> None:
    async def body(cluster: Cluster) -> None:
        token = await cluster.token(expirationSeconds=3600)
        user = cluster.verify(token)
        assert user.name == "system:serviceaccount:default:bot"
        assert user.groups == (
            "system:serviceaccounts",
            "system:serviceaccounts:default",
            "system:authenticated",
        )
        assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
        await cluster.ask("DELETE", f"{ACCOUNTS}/bot")
        with pytest.raises(TokenError, match="gone"):
            cluster.verify(token)
        await cluster.ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        with pytest.raises(TokenError, match="gone"):  # the same name, but not the same account
            cluster.verify(token)

    run(body)


def test_a_token_ends_with_its_time_also_when_it_is_remembered() -> None:
    async def body(cluster: Cluster) -> None:
        token = await cluster.token(expirationSeconds=600)
        cluster.verify(token)
        cluster.clock.now += 599
        cluster.verify(token)
        cluster.clock.now += 1
        for _ in range(2):
            with pytest.raises(TokenError, match="expired"):
                cluster.verify(token)

    run(body)


def test_a_pod_s_token_ends_with_the_pod_and_says_where_it_runs() -> None:
    async def body(cluster: Cluster) -> None:
        uid = await cluster.pod("p", "n1")
        reference = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid}
        token = await cluster.token(user=NODE, expirationSeconds=3607, boundObjectRef=reference)
        extra = cluster.verify(token).extra
        assert extra["authentication.kubernetes.io/pod-uid"] == (uid,)
        assert extra["authentication.kubernetes.io/node-name"] == ("n1",)
        review = {"spec": {"token": token}}
        _, found = await cluster.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert found["status"]["authenticated"]
        assert found["status"]["audiences"] == [ISSUER]
        await cluster.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
        with pytest.raises(TokenError, match="gone"):
            cluster.verify(token)

    run(body)


@pytest.mark.parametrize(
    ("reference", "code", "message"),
    [
        (None, 403, "node requested token not bound to a pod"),
        ({"kind": "Pod", "name": "p"}, 403, "with a pod binding without a uid"),
        ({"kind": "Pod", "name": "p", "uid": "other"}, 409, "does not match the UID in record"),
        ({"kind": "Pod", "name": "absent", "uid": "1"}, 404, "not found"),
    ],
)
def test_a_node_asks_for_its_pods_only(reference: Any, code: int, message: str) -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.pod("p", "n1")
        spec = {"boundObjectRef": reference} if reference else {}
        status, found = await cluster.ask("POST", f"{ACCOUNTS}/bot/token", {"spec": spec}, user=NODE)
        assert status == code
        assert message in found["message"]

    run(body)


def test_a_pod_elsewhere_gives_no_token() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.pod("here", "n1")
        uid = await cluster.pod("there", "n2")
        spec = {"boundObjectRef": {"kind": "Pod", "name": "there", "uid": uid}}
        status, found = await cluster.ask("POST", f"{ACCOUNTS}/bot/token", {"spec": spec}, user=NODE)
        assert (status, found["message"]) == (
            403,
            'serviceaccounts "bot" is forbidden: node requested token bound to a pod scheduled on a different node',
        )

    run(body)


def test_who_shows_a_token_that_is_no_good_is_not_let_in() -> None:
    async def body(cluster: Cluster) -> None:
        token = await cluster.token()
        known = User("joe")
        tokens = cluster.server.api.tokens
        assert isinstance(tokens, BoundTokens)
        authenticator = Authenticator(KnownTokens({"secret": known}), tokens)

        def who(header: str, peer: User | None = None) -> User | None:
            return authenticator.authenticate(peer, {"authorization": header}, cluster.clock())

        found = who(f"Bearer {token}")
        assert found is not None
        assert found.name == "system:serviceaccount:default:bot"
        assert who("bearer secret") == known
        assert who("Basic x", ADMIN) == ADMIN
        for bad in (f"Bearer {token}x", "Bearer a.b.c", "Bearer nothing"):
            with pytest.raises(StatusError) as raised:
                who(bad)
            assert raised.value.code == 401

    run(body)
