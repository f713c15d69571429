"""Whatever a client sends, the server answers; what it refuses is the client's fault (4xx), never its own (500).

Good objects with a part replaced at random get further than random bytes: past the decoder into defaults,
validation, allocation and patches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kube.apiserver.core import ApiServer
from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.client.transport import Reply

ADMIN = User("admin", ("system:masters", "system:authenticated"))
_TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "ports": [{"containerPort": 80, "name": "http"}],
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                "livenessProbe": {"httpGet": {"port": 80}},
            }
        ],
        "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}],
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    },
}
_SELECTOR = {"matchLabels": {"a": "b"}}
OBJECTS: dict[str, dict[str, Any]] = {
    "/api/v1/namespaces/default/pods": {"spec": _TEMPLATE["spec"], "metadata": {"labels": {"a": "b"}}},
    "/apis/apps/v1/namespaces/default/deployments": {
        "spec": {
            "replicas": 1,
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "strategy": {"rollingUpdate": {"maxSurge": 1}},
        }
    },
    "/apis/apps/v1/namespaces/default/statefulsets": {
        "spec": {
            "serviceName": "s",
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "d"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                }
            ],
        }
    },
    "/apis/batch/v1/namespaces/default/cronjobs": {
        "spec": {
            "schedule": "*/5 * * * *",
            "jobTemplate": {"spec": {"template": {"spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}}}},
        }
    },
    "/api/v1/namespaces/default/services": {
        "spec": {"selector": {"a": "b"}, "type": "NodePort", "ports": [{"port": 80, "targetPort": "http"}]}
    },
    "/api/v1/namespaces/default/configmaps": {"data": {"a": "b"}, "binaryData": {"c": "AAAA"}},
    "/api/v1/namespaces/default/secrets": {"data": {"a": "AAAA"}, "stringData": {"b": "c"}},
    "/api/v1/nodes": {
        "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
        "status": {"capacity": {"cpu": "4"}},
    },
    "/api/v1/namespaces": {"metadata": {"labels": {"a": "b"}}},
    "/apis/networking.k8s.io/v1/namespaces/default/ingresses": {
        "spec": {
            "rules": [
                {
                    "host": "a.test",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "s", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ]
        }
    },
    "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies": {
        "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}
    },
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}],
        "ports": [{"port": 80, "name": ""}],
    },
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers": {
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}},
                }
            ],
        }
    },
    "/apis/policy/v1/namespaces/default/poddisruptionbudgets": {
        "spec": {"selector": _SELECTOR, "maxUnavailable": "50%"}
    },
    "/apis/rbac.authorization.k8s.io/v1/clusterroles": {
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    },
    "/apis/coordination.k8s.io/v1/namespaces/default/leases": {
        "spec": {"holderIdentity": "a", "renewTime": "2026-01-01T00:00:00.000000Z"}
    },
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
        "metadata": {"name": "x.fuzz.test"},
        "spec": {
            "group": "fuzz.test",
            "scope": "Namespaced",
            "names": {"plural": "x", "kind": "X"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"spec": {"type": "integer", "minimum": 1, "default": 2}},
                        }
                    },
                    "additionalPrinterColumns": [{"name": "N", "type": "integer", "jsonPath": ".spec"}],
                }
            ],
        },
    },
}
PATCH_TYPES = ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["", "a", "0", "-1", "80", "10.0.0.1", "1Gi", "²", "9" * 5000, "2026-01-01T00:00:00Z", "*", "a/b"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "key", "$patch", "metadata", "spec", "", "a"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all parts of a JSON value but the whole."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*at, key)
        yield from places(item, (*at, key))


@st.composite
def damaged(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    result = deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(sorted(places(result), key=repr)))
        parent: Any = result
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = draw(values)
        if not result:
            break
    return result


# Strategic merge patches that kube-apiserver answers with 500, too.
_OWNED_UP = (b"list element types are not identical", b"does not contain declared merge key")


class Server:
    """A new one for each example, so that each can be repeated."""

    def __init__(self, server: ApiServer) -> None:
        self._transport = LocalTransport(server, ADMIN, user_agent="fuzz/1")

    async def send(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        media = query.pop("media", "json")
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"content-type": f"application/{media}"}
        if "watch" in query or query.get("timeoutSeconds"):
            query["timeoutSeconds"] = "1"
        return await self._transport.request(method, path, query=query, headers=headers, body=data)

    async def never_fails(self, method: str, path: str, body: Any = None, **query: str) -> None:
        reply = await self.send(method, path, body, **query)
        owned_up = reply.status == 500 and any(words in reply.body for words in _OWNED_UP)
        assert reply.status < 500 or owned_up, (method, path, query, body, reply.body)
        if reply.status >= 400 and reply.body != b"404 page not found\n":
            assert msgspec.json.decode(reply.body)["kind"] == "Status"


def against_a_server(body: Callable[[Server], Awaitable[None]]) -> None:
    async def main() -> None:
        async with in_memory(rng=Random(1)) as server:
            await body(Server(server))

    asyncio.run(main())


def named(path: str) -> dict[str, Any]:
    good = deepcopy(OBJECTS[path])
    good.setdefault("metadata", {}).setdefault("name", "a")
    return good


often = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@often
@given(data=st.data(), path=st.sampled_from(sorted(OBJECTS)), media=st.sampled_from(PATCH_TYPES))
def test_a_damaged_object_is_taken_or_refused(data: st.DataObject, path: str, media: str) -> None:
    good = named(path)
    at = f"{path}/{good['metadata']['name']}"
    new, newer, patch = (data.draw(damaged(good)) for _ in range(3))

    async def body(server: Server) -> None:
        await server.never_fails("POST", path, new)
        await server.send("POST", path, good)
        await server.never_fails("PUT", at, newer)
        await server.never_fails("PATCH", at, patch, media=media, fieldManager="f")
        await server.never_fails("PATCH", f"{at}/status", patch, media=media, fieldManager="f")
        await server.never_fails("GET", path)
        await server.never_fails("DELETE", at, patch)

    against_a_server(body)


POINTERS = ("", "/", "/metadata", "/metadata/labels/x", "/spec", "/spec/ports/0", "/spec/ports/-", "/spec/ports/²",
            "/spec/ports/" + "9" * 5000, "/spec/ports/-1", "/kind", "/metadata/name", "/metadata/finalizers", "/data/a",
            "/rules/0/verbs/0")  # fmt: skip
steps = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        "path": st.sampled_from(POINTERS),
    },
    optional={"value": values, "from": st.sampled_from(POINTERS)},
)


@often
@given(path=st.sampled_from(sorted(OBJECTS)), operations=st.lists(steps, max_size=4))
def test_a_json_patch_applies_or_is_refused(path: str, operations: list[Any]) -> None:
    good = named(path)

    async def body(server: Server) -> None:
        await server.send("POST", path, good)
        at = f"{path}/{good['metadata']['name']}"
        await server.never_fails("PATCH", at, operations, media="json-patch+json")

    against_a_server(body)


QUERIES = ("labelSelector", "fieldSelector", "resourceVersionMatch", "limit", "continue", "timeoutSeconds",
           "sendInitialEvents", "dryRun", "fieldValidation", "fieldManager", "force", "pretty", "gracePeriodSeconds",
           "propagationPolicy", "orphanDependents", "allowWatchBookmarks", "includeObject")  # fmt: skip
PATHS = (*OBJECTS, *(f"{path}/a" for path in OBJECTS), "/api", "/apis/apps/v1", "/openapi/v3/api/v1", "/metrics",
         "/api/v1/namespaces/default/pods/a/status", "/api/v1/namespaces/default/pods/a/log",
         "/api/v1/nodes/a/proxy/", "/apis/apps/v1/namespaces/default/deployments/a/scale",
         "/api/v1/namespaces/default/pods/a/eviction", "/api/v1/namespaces/default/pods/a/binding",
         "/api/v1/namespaces/default/serviceaccounts/a/token",
         "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
         "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews",
         "/apis/authentication.k8s.io/v1/tokenreviews")  # fmt: skip
texts = st.text(max_size=6) | st.sampled_from(["1", "true", "All", "9" * 5000, "²", "-1", "a=b", "0"])
bodies = st.one_of(
    values,
    st.dictionaries(
        st.sampled_from(["spec", "metadata", "target", "deleteOptions", "preconditions", "gracePeriodSeconds",
                         "dryRun", "propagationPolicy"]), values, max_size=2),
    st.binary(max_size=20),
)  # fmt: skip


@often
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "X"]),
    path=st.sampled_from(PATHS),
    query=st.dictionaries(st.sampled_from(QUERIES), texts, max_size=3),
    version=st.sampled_from(["", "0", "1", "-1", "x", "²", "9" * 5000]),
    content=bodies,
    media=st.sampled_from(["json", "yaml", "vnd.kubernetes.protobuf", *PATCH_TYPES, "nonsense"]),
)
def test_any_request_is_answered(
    method: str, path: str, query: dict[str, str], version: str, content: Any, media: str
) -> None:
    asked = {**query, "resourceVersion": version} if version else query

    async def body(server: Server) -> None:
        await server.send("POST", "/api/v1/namespaces/default/pods", named("/api/v1/namespaces/default/pods"))
        await server.never_fails(method, path, content, media=media, **asked)

    against_a_server(body)


@pytest.mark.parametrize("media", ["json", "yaml", *PATCH_TYPES])
@pytest.mark.parametrize("opening", ['{"a":', "["])
@pytest.mark.parametrize("depth", [50, 400, 900, 3000, 100_000])
def test_deep_nesting_is_refused_or_taken(depth: int, opening: str, media: str) -> None:
    closing = "}" if opening[0] == "{" else "]"
    nested = opening * depth + "1" + closing * depth
    path = "/api/v1/namespaces/default/configmaps"
    method, at = ("PATCH", f"{path}/deep") if "patch" in media else ("POST", path)

    async def body(server: Server) -> None:
        await server.send("POST", path, {"metadata": {"name": "deep"}})
        for text in (nested, f'{{"metadata":{{"name":"deep","annotations":{nested}}}}}', f'{{"x":{nested}}}'):
            await server.never_fails(method, at, text.encode(), media=media, fieldManager="m")

    against_a_server(body)


def test_copies_cannot_double_without_end() -> None:
    path = "/api/v1/namespaces/default/configmaps"
    steps = [{"op": "add", "path": "/data", "value": {"a": "x" * 1000}}]
    steps += [{"op": "copy", "from": "/data", "path": f"/data/{number}"} for number in range(40)]

    async def body(server: Server) -> None:
        await server.send("POST", path, {"metadata": {"name": "a"}})
        reply = await server.send("PATCH", f"{path}/a", steps, media="json-patch+json")
        assert reply.status == 422
        assert b"accumulated size" in reply.body

    against_a_server(body)
