"""Webhooks: who is asked about what, what their answers do, and what their silence does."""

from typing import Any

import msgspec
import pytest

from tests.unit.kube.apiserver.conftest import Caller, config_map, pod, run
from tests.unit.kube.apiserver.far_servers import FarServers, Object, allowing, answered, patching, refusing

__all__ = ["run"]

GROUP = "/apis/admissionregistration.k8s.io/v1"
MAPS, PODS = "/api/v1/namespaces/default/configmaps", "/api/v1/namespaces/default/pods"
ADD = {"op": "add", "path": "/data", "value": {"added": "yes"}}
ANY = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}


def hook(path: str = "/a", **more: Any) -> Object:
    return {
        "name": f"{path.strip('/')}.example.com",
        "clientConfig": {"url": f"https://hook{path}"},
        "rules": [
            {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **more,
    }


async def register(call: Caller, kind: str, *hooks: Object) -> None:
    body = {"kind": kind, "apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": kind.lower()}}
    await call.create(f"{GROUP}/{kind.lower()}s", {**body, "webhooks": list(hooks)})


MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"


def test_a_mutating_webhook_changes_what_is_stored(run: Any) -> None:
    far = FarServers({"/a": patching(ADD, {"op": "add", "path": "/unknown", "value": 1})})

    async def body(call: Caller) -> None:
        await register(call, MUTATING, hook())
        made = await call.create(MAPS, config_map("m"))
        assert made["data"] == {"added": "yes"}
        assert "unknown" not in made
        assert (await call.get(f"{MAPS}/m"))["data"] == {"added": "yes"}

    run(body, calls=far)


def test_what_a_webhook_is_told(run: Any) -> None:
    far = FarServers({"/a": allowing})

    async def body(call: Caller) -> None:
        await register(call, VALIDATING, hook(timeoutSeconds=7))
        await call.create(MAPS, config_map("m", data={"a": "1"}), fieldManager="me")
        await call.patch(f"{MAPS}/m", {"data": {"a": "2"}}, dryRun="All")
        await call.do("DELETE", f"{MAPS}/m")
        created, patched, deleted = far.requests("/a")
        assert created["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
        assert created["resource"] == created["requestResource"]
        assert (created["operation"], created["name"], created["namespace"]) == ("CREATE", "m", "default")
        assert created["userInfo"]["username"] == "admin"
        assert created["options"]["kind"] == "CreateOptions"
        assert created["options"]["fieldManager"] == "me"
        assert (created["object"]["data"], created["oldObject"], created["dryRun"]) == (
            {"a": "1"},
            None,
            False,
        )
        assert (patched["operation"], patched["dryRun"]) == ("UPDATE", True)
        assert (patched["object"]["data"], patched["oldObject"]["data"]) == ({"a": "2"}, {"a": "1"})
        assert (deleted["operation"], deleted["object"]) == ("DELETE", None)
        assert deleted["oldObject"]["data"] == {"a": "1"}
        assert far.asked[0].timeout_s == 7
        assert far.asked[0].query == {"timeout": "7s"}

    run(body, calls=far)


@pytest.mark.parametrize(
    ("answer", "code", "reason", "message"),
    [
        (refusing("not today", code=418, reason="Teapot"), 418, "Teapot", "denied the request: not today"),
        (refusing(""), 400, "", "denied the request without explanation"),
        (lambda _: "connection refused", 500, "InternalError", "failed to call webhook: connection refused"),
        (lambda _: 503, 500, "InternalError", "the server is currently unable to handle the request"),
        (lambda _: {}, 500, "InternalError", "webhook response was absent"),
        (lambda review: answered(review, uid="other"), 500, "InternalError", 'got "other"'),
        (
            lambda review: answered(review, patch="e30="),
            500,
            "InternalError",
            "may not return response.patch",
        ),
    ],
)
def test_a_validating_webhook_refuses(run: Any, answer: Any, code: int, reason: str, message: str) -> None:
    async def body(call: Caller) -> None:
        await register(call, VALIDATING, hook())
        reply = await call.send("POST", MAPS, config_map("m"))
        status = msgspec.json.decode(reply.body)
        assert (reply.status, status.get("reason", "")) == (code, reason)
        assert '"a.example.com"' in status["message"]
        assert message in status["message"]
        await call.get(f"{MAPS}/m", expect=404)

    run(body, calls=FarServers({"/a": answer}))


def test_a_webhook_that_fails_open_is_passed_over_but_not_its_refusal(run: Any) -> None:
    far = FarServers({"/dead": lambda _: "gone", "/no": refusing()})

    async def body(call: Caller) -> None:
        await register(call, VALIDATING, hook("/dead", failurePolicy="Ignore"))
        await call.create(MAPS, config_map("m"))
        await register(call, MUTATING, hook("/no", failurePolicy="Ignore"))
        await call.create(MAPS, config_map("n"), expect=400)

    run(body, calls=far)


def test_deletions_can_be_refused_one_by_one_and_together(run: Any) -> None:
    far = FarServers({"/a": refusing("stays")})

    async def body(call: Caller) -> None:
        await call.create(MAPS, config_map("m"))
        rules = [{**hook()["rules"][0], "operations": ["DELETE"]}]
        await register(call, VALIDATING, hook(rules=rules))
        await call.do("DELETE", f"{MAPS}/m", expect=400)
        await call.do("DELETE", MAPS, expect=400)
        assert (await call.get(f"{MAPS}/m"))["metadata"].get("deletionTimestamp") is None

    run(body, calls=far)


def test_connections_can_be_refused(run: Any) -> None:
    far = FarServers({"/a": refusing("no attaching")})

    async def body(call: Caller) -> None:
        await call.create("/api/v1/namespaces/default/pods", pod("p"))
        rules = [
            {"operations": ["CONNECT"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods/exec"]}
        ]
        await register(call, VALIDATING, hook(rules=rules))
        await call.get(f"{PODS}/p/exec", expect=400, command="ls", stdin="true")
        (asked,) = far.requests("/a")
        assert asked["object"] == {
            "kind": "PodExecOptions",
            "apiVersion": "v1",
            "stdin": True,
            "command": ["ls"],
        }
        assert (asked["subResource"], asked["kind"]["kind"]) == ("exec", "PodExecOptions")

    run(body, calls=far)


def test_their_own_configurations_are_not_shown_to_webhooks(run: Any) -> None:
    far = FarServers({"/a": refusing()})

    async def body(call: Caller) -> None:
        await register(call, VALIDATING, hook(rules=[ANY]))
        await call.do("DELETE", f"{GROUP}/validatingwebhookconfigurations/validatingwebhookconfiguration")
        await call.create(MAPS, config_map("m"))

    run(body, calls=far)


@pytest.mark.parametrize(
    ("more", "name", "asked"),
    [
        ({"objectSelector": {"matchLabels": {"a": "b"}}}, "x", 0),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, "x", 1),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, "x", 0),
        ({"matchConditions": [{"name": "n", "expression": "object.metadata.name != 'x'"}]}, "x", 0),
        ({"matchConditions": [{"name": "n", "expression": "request.userInfo.username == 'admin'"}]}, "x", 1),
        (
            {
                "matchConditions": [
                    {"name": "n", "expression": "authorizer.requestResource.check('get').allowed()"}
                ]
            },
            "x",
            1,
        ),
        ({"rules": [{**ANY, "resources": ["configmaps/status"]}]}, "x", 0),
        ({"rules": [{**ANY, "scope": "Cluster"}]}, "x", 0),
        ({"rules": [{**ANY, "apiGroups": ["apps"]}]}, "x", 0),
    ],
)
def test_who_is_asked(run: Any, more: Object, name: str, asked: int) -> None:
    far = FarServers({"/a": allowing})

    async def body(call: Caller) -> None:
        await register(call, VALIDATING, hook(**more))
        await call.create(MAPS, config_map(name))
        assert len(far.requests("/a")) == asked

    run(body, calls=far)


@pytest.mark.parametrize(("policy", "code"), [("Fail", 403), ("Ignore", 201)])
def test_a_condition_that_fails(run: Any, policy: str, code: int) -> None:
    async def body(call: Caller) -> None:
        conditions = [{"name": "n", "expression": "object.data.none == 'x'"}]
        await register(call, VALIDATING, hook(matchConditions=conditions, failurePolicy=policy))
        reply = await call.send("POST", MAPS, config_map("m"))
        assert reply.status == code

    run(body, calls=FarServers({"/a": allowing}))


def test_conditions_that_do_not_compile_are_refused(run: Any) -> None:
    async def body(call: Caller) -> None:
        kind = {
            "kind": VALIDATING,
            "apiVersion": "admissionregistration.k8s.io/v1",
            "metadata": {"name": "v"},
        }
        conditions = [{"name": "n", "expression": "object.x =="}]
        reply = await call.send(
            "POST",
            f"{GROUP}/validatingwebhookconfigurations",
            {**kind, "webhooks": [hook(matchConditions=conditions)]},
        )
        assert reply.status == 422
        assert b"webhooks[0].matchConditions[0].expression" in reply.body
        assert b"compilation failed" in reply.body

    run(body)


def test_a_webhook_with_side_effects_forbids_dry_runs(run: Any) -> None:
    """Configurations of old could say so; the API of today refuses them."""
    from kube.apiserver.dynamic_admission import hooks

    (found,) = hooks.read({"metadata": {"name": "c"}, "webhooks": [hook(sideEffects="Some")]})
    assert not found.quiet
    assert hooks.no_dry_run(found).code == 400


def test_a_webhook_is_called_again_when_a_later_one_changes_the_object(run: Any) -> None:
    far = FarServers(
        {
            "/first": patching({"op": "add", "path": "/metadata/labels", "value": {"n": "1"}}),
            "/second": patching({"op": "add", "path": "/data", "value": {"b": "2"}}),
            "/once": allowing,
        }
    )

    async def body(call: Caller) -> None:
        first = hook("/first", reinvocationPolicy="IfNeeded")
        await register(call, MUTATING, first, hook("/once"), hook("/second"))
        await call.create(MAPS, config_map("m"))
        assert len(far.requests("/first")) == 2
        assert far.requests("/first")[1]["object"]["data"] == {"b": "2"}
        assert (len(far.requests("/once")), len(far.requests("/second"))) == (1, 1)

    run(body, calls=far)


def test_defaults_are_filled_into_what_a_webhook_adds(run: Any) -> None:
    added = {"op": "add", "path": "/spec/initContainers", "value": [{"name": "i", "image": "x"}]}
    rules = [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]

    async def body(call: Caller) -> None:
        await register(call, MUTATING, hook(rules=rules))
        made = await call.create(PODS, pod("p"))
        assert made["spec"]["initContainers"][0]["imagePullPolicy"] == "Always"

    run(body, calls=FarServers({"/a": patching(added)}))


def test_what_a_webhook_makes_of_an_object_is_validated(run: Any) -> None:
    bad = {"op": "add", "path": "/data", "value": {"a b": "c"}}

    async def body(call: Caller) -> None:
        await register(call, MUTATING, hook())
        await call.create(MAPS, config_map("m"), expect=422)

    run(body, calls=FarServers({"/a": patching(bad)}))


def test_warnings_reach_the_client(run: Any) -> None:
    async def body(call: Caller) -> None:
        await register(call, VALIDATING, hook())
        reply = await call.send("POST", MAPS, config_map("m"))
        assert reply.headers["warning"] == '299 - "take care"'

    run(body, calls=FarServers({"/a": lambda review: answered(review, warnings=["take care"])}))


def test_equivalent_versions_are_matched_and_converted(run: Any) -> None:
    far = FarServers({"/v1": allowing, "/exact": allowing})
    rules = [
        {"operations": ["CREATE"], "apiGroups": ["autoscaling"], "apiVersions": ["v1"], "resources": ["*"]}
    ]

    async def body(call: Caller) -> None:
        await register(
            call, VALIDATING, hook("/v1", rules=rules), hook("/exact", rules=rules, matchPolicy="Exact")
        )
        spec = {
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "apps/v1"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        }
        obj = {"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "metadata": {"name": "h"}}
        await call.create(
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", {**obj, "spec": spec}
        )
        (asked,) = far.requests("/v1")
        assert asked["object"]["apiVersion"] == "autoscaling/v1"
        assert asked["object"]["spec"]["targetCPUUtilizationPercentage"] == 70
        assert (asked["resource"]["version"], asked["requestResource"]["version"]) == ("v1", "v2")
        assert far.requests("/exact") == []

    run(body, calls=far)
