"""The server with Node,RBAC, as different users see it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import pytest

from kube.apiserver.core import ApiServer
from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.apiserver.state import Settings
from kube.client.transport import Reply
from kube.store import Store
from kube.store.memory import MemoryStore

ADMIN = User("admin", ("system:masters", "system:authenticated"))
JANE = User("jane", ("dev", "system:authenticated"))
NODE = User("system:node:n1", ("system:nodes", "system:authenticated"))
RBAC = Settings(authorization_modes=("Node", "RBAC"))
GROUP = "rbac.authorization.k8s.io"
ROLES, BINDINGS = f"/apis/{GROUP}/v1/clusterroles", f"/apis/{GROUP}/v1/clusterrolebindings"
PODS = "/api/v1/namespaces/default/pods"


class As:
    """Requests as one user; `None` has no credentials."""

    def __init__(self, server: ApiServer, user: User | None) -> None:
        self._transport = LocalTransport(server, user, user_agent="test/1")  # type: ignore[arg-type]

    async def send(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        headers = {"content-type": "application/json"}
        if method == "PATCH":
            headers = {"content-type": "application/merge-patch+json"}
        data = b"" if body is None else msgspec.json.encode(body)
        return await self._transport.request(method, path, query=query, headers=headers, body=data)

    async def ask(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        reply = await self.send(method, path, body, **query)
        return reply.status, msgspec.json.decode(reply.body)


Body = Callable[[Callable[[User | None], As]], Awaitable[None]]


@asynccontextmanager
async def server(settings: Settings = RBAC, store: Store | None = None) -> AsyncIterator[ApiServer]:
    async with in_memory(settings, rng=Random(1), store=store) as made:
        yield made


def run(body: Body, settings: Settings = RBAC) -> None:
    async def main() -> None:
        async with server(settings) as made:
            await body(lambda user: As(made, user))

    asyncio.run(main())


def binding(name: str, role: str, *subjects: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": GROUP, "kind": kind, "name": who} for kind, who in subjects],
    }


def test_a_refusal_is_worded_as_the_server_words_it() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        code, status = await at(JANE).ask("GET", PODS)
        sentence = 'User "jane" cannot list resource "pods" in API group "" in the namespace "default"'
        assert (code, status["reason"], status["message"]) == (
            403,
            "Forbidden",
            f"pods is forbidden: {sentence}",
        )
        assert status["details"] == {"kind": "pods"}
        _, status = await at(JANE).ask("GET", f"{PODS}/web/log")
        assert status["message"] == (
            'pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" '
            'in the namespace "default"'
        )
        assert status["details"] == {"name": "web", "kind": "pods"}
        _, status = await at(JANE).ask("GET", "/apis/apps/v1/deployments")
        assert status["message"] == (
            'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" '
            "at the cluster scope"
        )
        _, status = await at(JANE).ask("GET", "/metrics")
        assert status["message"] == 'forbidden: User "jane" cannot get path "/metrics"'
        _, status = await at(JANE).ask("DELETE", "/api/v1/namespaces/default")
        assert 'resource "namespaces" in API group "" in the namespace "default"' in status["message"]

    run(body)


def test_callers_without_credentials_are_anonymous() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        assert (await at(None).send("GET", "/version")).status == 200
        code, status = await at(None).ask("GET", PODS)
        assert code == 403
        assert 'User "system:anonymous" cannot list' in status["message"]

    run(body)

    async def without(at: Callable[[User | None], As]) -> None:
        assert (await at(None).ask("GET", PODS))[0] == 401

    run(without, Settings())
    run(without, Settings(authorization_modes=("RBAC", "AlwaysAllow")))


def test_a_binding_counts_at_once_and_no_longer_than_it_is_there() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        admin, jane = at(ADMIN), at(JANE)
        assert (await admin.ask("POST", BINDINGS, binding("v", "view", ("Group", "dev"))))[0] == 201
        assert (await jane.ask("GET", PODS))[0] == 200
        assert (await jane.ask("GET", "/api/v1/secrets"))[0] == 403
        assert (await jane.ask("PATCH", f"{ROLES}/view", {"rules": []}))[0] == 403
        assert (await admin.ask("DELETE", f"{BINDINGS}/v"))[0] == 200
        assert (await jane.ask("GET", PODS))[0] == 403

    run(body)


def test_unknown_resources_are_refused_before_they_are_not_found() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        assert (await at(JANE).ask("GET", "/apis/example.com/v1/widgets"))[0] == 403
        assert (await at(ADMIN).send("GET", "/apis/example.com/v1/widgets")).status == 404

    run(body)


def test_nobody_gives_more_than_they_have() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        admin, jane = at(ADMIN), at(JANE)
        keeper = {
            "metadata": {"name": "keeper"},
            "rules": [
                {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["create", "get", "patch", "update"]},
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
            ],
        }
        assert (await admin.ask("POST", ROLES, keeper))[0] == 201
        assert (await admin.ask("POST", BINDINGS, binding("keeper", "keeper", ("User", "jane"))))[0] == 201
        small = {"metadata": {"name": "small"}, "rules": [keeper["rules"][1]]}
        assert (await jane.ask("POST", ROLES, small))[0] == 201
        large = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}]}
        code, status = await jane.ask("PATCH", f"{ROLES}/small", large)
        assert code == 403
        assert "attempting to grant RBAC permissions not currently held" in status["message"]
        assert status["message"].endswith('{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}')
        assert (await jane.ask("POST", BINDINGS, binding("me", "cluster-admin", ("User", "jane"))))[0] == 403
        assert (await jane.ask("POST", BINDINGS, binding("me", "small", ("User", "joe"))))[0] == 201

    run(body)


def test_reviews_tell_what_the_authorizer_would() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        admin, jane = at(ADMIN), at(JANE)
        await admin.ask("POST", BINDINGS, binding("v", "view", ("Group", "dev")))
        at_path = "/apis/authorization.k8s.io/v1"
        pods = {"verb": "list", "resource": "pods", "namespace": "default"}
        reviews = f"{at_path}/selfsubjectaccessreviews"
        code, found = await jane.ask("POST", reviews, {"spec": {"resourceAttributes": pods}})
        assert (code, found["status"]) == (
            201,
            {
                "allowed": True,
                "reason": 'RBAC: allowed by ClusterRoleBinding "v" of ClusterRole "view" to Group "dev"',
            },
        )
        asked = {"resourceAttributes": {**pods, "resource": "secrets"}}
        _, found = await jane.ask("POST", reviews, {"spec": asked})
        assert found["status"] == {"allowed": False}
        code, found = await jane.ask("POST", reviews, {"spec": {}})
        assert code == 422
        assert "exactly one of nonResourceAttributes or resourceAttributes" in found["message"]
        others = f"{at_path}/subjectaccessreviews"
        assert (await jane.ask("POST", others, {"spec": {"user": "x", **asked}}))[0] == 403
        spec = {"spec": {"user": "joe", "groups": ["dev"], "resourceAttributes": pods}}
        assert (await admin.ask("POST", others, spec))[1]["status"]["allowed"]
        code, found = await admin.ask("POST", others, {"spec": {"resourceAttributes": pods}})
        assert (code, found["details"]["causes"][0]["field"]) == (422, "spec.user")
        local = f"{at_path}/namespaces/default/localsubjectaccessreviews"
        assert (await admin.ask("POST", local, spec))[1]["status"]["allowed"]
        elsewhere = {"spec": {**spec["spec"], "resourceAttributes": {**pods, "namespace": "web"}}}
        assert (await admin.ask("POST", local, elsewhere))[0] == 422

    run(body)


def test_rules_reviews_list_the_rules_of_a_namespace() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        _, found = await at(JANE).ask("POST", path, {"spec": {"namespace": "default"}})
        status = found["status"]
        assert status["incomplete"] is False
        assert {
            "verbs": ["create"],
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["selfsubjectreviews"],
        } in status["resourceRules"]
        paths = [url for rule in status["nonResourceRules"] for url in rule["nonResourceURLs"]]
        assert "/openapi/*" in paths
        assert (await at(JANE).ask("POST", path, {"spec": {}}))[0] == 400
        _, found = await at(NODE).ask("POST", path, {"spec": {"namespace": "default"}})
        assert found["status"]["incomplete"] is True

    run(body)


@pytest.mark.parametrize("store", [MemoryStore])
def test_default_roles_are_given_back_what_was_taken(store: type[MemoryStore]) -> None:
    """At the next start; what was added stays, and who says autoupdate=false is left alone."""

    async def main() -> None:
        kept = store()
        kept.close = _never_closed  # type: ignore[method-assign]
        async with server(store=kept) as made:
            admin = As(made, ADMIN)
            wild = [{"apiGroups": ["x.y"], "resources": ["z"], "verbs": ["get"]}]
            await admin.ask("PATCH", f"{ROLES}/system:basic-user", {"rules": wild})
            await admin.ask("PATCH", f"{BINDINGS}/system:basic-user", {"subjects": None})
            off = {"metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}}
            await admin.ask("PATCH", f"{ROLES}/system:discovery", {**off, "rules": wild})
            await admin.ask("DELETE", f"{ROLES}/edit")
        async with server(store=kept) as made:
            admin = As(made, ADMIN)
            before = made.api.cache.revision
            _, role = await admin.ask("GET", f"{ROLES}/system:basic-user")
            assert role["rules"][0] == wild[0]
            assert ["selfsubjectreviews"] in [rule["resources"] for rule in role["rules"]]
            _, bound = await admin.ask("GET", f"{BINDINGS}/system:basic-user")
            assert bound["subjects"][0]["name"] == "system:authenticated"
            _, role = await admin.ask("GET", f"{ROLES}/system:discovery")
            assert role["rules"] == wild
            _, role = await admin.ask("GET", f"{ROLES}/edit")
            assert len(role["rules"]) > 10
        async with server(store=kept) as made:
            assert made.api.cache.revision == before  # nothing to do the third time

    asyncio.run(main())


async def _never_closed() -> None:
    return


def test_a_node_sees_what_its_pods_need_from_their_binding_on() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        admin, node = at(ADMIN), at(NODE)
        await admin.ask("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "key"}})
        volume = {"name": "v", "secret": {"secretName": "key"}}
        spec = {"containers": [{"name": "c", "image": "x"}], "volumes": [volume]}
        assert (await admin.ask("POST", PODS, {"metadata": {"name": "p"}, "spec": spec}))[0] == 201
        secret = "/api/v1/namespaces/default/secrets/key"
        code, status = await node.ask("GET", secret)
        assert code == 403
        assert status["message"].endswith("no relationship found between node 'n1' and this object")
        await admin.ask("POST", f"{PODS}/p/binding", {"target": {"kind": "Node", "name": "n1"}})
        assert (await node.ask("GET", secret))[0] == 200
        assert (await node.ask("GET", "/api/v1/pods", fieldSelector="spec.nodeName=n1"))[0] == 200
        assert (await node.ask("GET", "/api/v1/pods"))[0] == 403
        running = {"status": {"phase": "Running"}}
        assert (await node.ask("PATCH", f"{PODS}/p/status", running))[0] == 200
        assert (await node.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0}))[0] == 200
        assert (await node.ask("GET", secret))[0] == 403
        code, status = await node.ask("POST", PODS, {"metadata": {"name": "q"}, "spec": spec})
        assert code == 403
        assert "can only create mirror pods" in status["message"]
        assert (await node.ask("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}}))[0] == 201
        assert (await node.ask("POST", "/api/v1/nodes", {"metadata": {"name": "n2"}}))[0] == 403
        assert (await node.ask("GET", "/api/v1/nodes/n1"))[0] == 200
        assert (await node.ask("DELETE", "/api/v1/nodes/n1"))[0] == 403

    run(body)


def test_a_node_may_not_end_the_pods_of_others() -> None:
    async def body(at: Callable[[User | None], As]) -> None:
        spec = {"containers": [{"name": "c", "image": "x"}], "nodeName": "n2"}
        assert (await at(ADMIN).ask("POST", PODS, {"metadata": {"name": "p"}, "spec": spec}))[0] == 201
        for method, path in (("DELETE", f"{PODS}/p"), ("POST", f"{PODS}/p/eviction")):
            code, status = await at(NODE).ask(method, path, {})
            assert code == 403
            assert "with spec.nodeName set to itself" in status["message"]

    run(body)


def test_a_web_socket_needs_the_right_to_create() -> None:
    """exec is asked for by GET there; who may only get may look, and not run anything (KEP-4006)."""

    async def main() -> None:
        async with server() as made:
            admin = As(made, ADMIN)
            looking = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}
            role = {"metadata": {"name": "look"}, "rules": [looking]}
            assert (await admin.ask("POST", ROLES, role))[0] == 201
            assert (await admin.ask("POST", BINDINGS, binding("look", "look", ("User", "jane"))))[0] == 201
            transport = LocalTransport(made, JANE, user_agent="test")
            for headers, verb in (({}, "bad"), ({"upgrade": "websocket"}, "create")):
                path = f"{PODS}/absent/exec"
                reply = await transport.request("GET", path, query={}, headers=headers, body=b"")
                message = msgspec.json.decode(reply.body)["message"]
                assert reply.status == (403 if headers else 404)
                assert (f'cannot {verb} resource "pods/exec"' in message) is bool(headers)

    asyncio.run(main())
