"""Policies written as expressions: what they refuse, warn of and change."""

from typing import Any

import msgspec
import pytest

from tests.unit.kube.apiserver.conftest import Caller, config_map, run

__all__ = ["run"]

Object = dict[str, Any]
GROUP = "/apis/admissionregistration.k8s.io/v1"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
ON_MAPS = {
    "operations": ["CREATE", "UPDATE"],
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "resources": ["configmaps"],
}
ON_DEPLOYMENTS = {**ON_MAPS, "apiGroups": ["apps"], "resources": ["deployments"]}


def obj(kind: str, name: str, spec: Object) -> Object:
    return {
        "kind": kind,
        "apiVersion": "admissionregistration.k8s.io/v1",
        "metadata": {"name": name},
        "spec": spec,
    }


async def register(
    call: Caller, kind: str, spec: Object, *, rule: Object = ON_MAPS, name: str = "p", **binding: Any
) -> None:
    plural = kind.removesuffix("y").lower() + "ies"
    match = {"matchConstraints": {"resourceRules": [rule]}}
    await call.create(f"{GROUP}/{plural}", obj(kind, name, {**match, **spec}))
    bound = {"policyName": name, **binding}
    if kind.startswith("Validating"):
        bound.setdefault("validationActions", ["Deny"])
    await call.create(f"{GROUP}/{kind.lower()}bindings", obj(f"{kind}Binding", f"{name}-bound", bound))


VALIDATING, MUTATING = "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"


def deployment(name: str, replicas: int) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("validation", "code", "reason", "sentence"),
    [
        ({"expression": "has(object.data)"}, 422, "Invalid", "failed expression: has(object.data)"),
        ({"expression": "false", "message": "never"}, 422, "Invalid", "denied request: never"),
        ({"expression": "false", "reason": "Forbidden"}, 403, "Forbidden", "failed expression: false"),
        (
            {"expression": "false", "messageExpression": "'not ' + object.metadata.name"},
            422,
            "Invalid",
            "request: not m",
        ),
        ({"expression": "object.none.x == 1"}, 422, "Invalid", "no such key: none"),
        ({"expression": "namespaceObject.metadata.name != 'default'"}, 422, "Invalid", "failed expression"),
        ({"expression": "variables.size > 1"}, 422, "Invalid", "failed expression: variables.size > 1"),
    ],
)
def test_a_policy_refuses(run: Any, validation: Object, code: int, reason: str, sentence: str) -> None:
    async def body(call: Caller) -> None:
        variables = [{"name": "data", "expression": "has(object.data) ? object.data : {}"}]
        variables.append({"name": "size", "expression": "variables.data.size()"})
        await register(call, VALIDATING, {"validations": [validation], "variables": variables})
        reply = await call.send("POST", MAPS, config_map("m"))
        status = msgspec.json.decode(reply.body)
        assert (reply.status, status["reason"]) == (code, reason)
        assert "ValidatingAdmissionPolicy 'p' with binding 'p-bound' denied request" in status["message"]
        assert sentence in status["message"]

    run(body)


def test_a_policy_that_only_warns(run: Any) -> None:
    async def body(call: Caller) -> None:
        await register(
            call, VALIDATING, {"validations": [{"expression": "false"}]}, validationActions=["Warn", "Audit"]
        )
        reply = await call.send("POST", MAPS, config_map("m"))
        assert reply.status == 201
        assert "Validation failed for ValidatingAdmissionPolicy 'p'" in reply.headers["warning"]

    run(body)


def test_a_policy_without_binding_and_one_that_fails_open_refuse_nothing(run: Any) -> None:
    async def body(call: Caller) -> None:
        spec = {"matchConstraints": {"resourceRules": [ON_MAPS]}, "validations": [{"expression": "false"}]}
        await call.create(f"{GROUP}/validatingadmissionpolicies", obj(VALIDATING, "unbound", spec))
        failing = {"validations": [{"expression": "object.none.x == 1"}], "failurePolicy": "Ignore"}
        await register(call, VALIDATING, failing)
        await call.create(MAPS, config_map("m"))

    run(body)


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"name": "limits", "parameterNotFoundAction": "Deny"}, 422),
        ({"name": "none", "parameterNotFoundAction": "Deny"}, 422),
        ({"name": "none", "parameterNotFoundAction": "Allow"}, 201),
        ({"selector": {"matchLabels": {"a": "b"}}, "parameterNotFoundAction": "Deny"}, 422),
    ],
)
def test_parameters(run: Any, reference: Object, code: int) -> None:
    async def body(call: Caller) -> None:
        await call.create(MAPS, config_map("limits", data={"most": "2"}, metadata={"labels": {"a": "b"}}))
        spec = {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "validations": [{"expression": "object.spec.replicas <= int(params.data.most)"}],
        }
        await register(call, VALIDATING, spec, rule=ON_DEPLOYMENTS, paramRef=reference)
        reply = await call.send("POST", DEPLOYMENTS, deployment("d", 3))
        assert reply.status == code

    run(body)


def test_conditions_and_excluded_resources_spare_an_object(run: Any) -> None:
    async def body(call: Caller) -> None:
        conditions = [{"name": "n", "expression": "object.metadata.name != 'spared'"}]
        match = {
            "resourceRules": [{**ON_MAPS, "resources": ["*"]}],
            "excludeResourceRules": [{**ON_MAPS, "resources": ["secrets"]}],
        }
        spec = {
            "validations": [{"expression": "false"}],
            "matchConditions": conditions,
            "matchConstraints": match,
        }
        await register(call, VALIDATING, spec)
        await call.create(MAPS, config_map("spared"))
        await call.create(MAPS, config_map("m"), expect=422)
        secret = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}}
        await call.create("/api/v1/namespaces/default/secrets", secret)

    run(body)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"validations": [{"expression": "object."}]}, "spec.validations[0].expression"),
        ({"validations": [{"expression": "1"}]}, "spec.validations[0].expression"),
        (
            {"validations": [{"expression": "true", "messageExpression": "1"}]},
            "spec.validations[0].messageExpression",
        ),
        ({"validations": [{"expression": "params.x == 1"}]}, "spec.validations[0].expression"),
        ({"validations": [{"expression": "variables.none"}]}, "spec.validations[0].expression"),
        (
            {"validations": [{"expression": "true"}], "variables": [{"name": "v", "expression": "nope"}]},
            "spec.variables[0].expression",
        ),
    ],
)
def test_expressions_are_judged_when_the_policy_is_stored(run: Any, spec: Object, field: str) -> None:
    async def body(call: Caller) -> None:
        match = {"matchConstraints": {"resourceRules": [ON_MAPS]}}
        reply = await call.send(
            "POST", f"{GROUP}/validatingadmissionpolicies", obj(VALIDATING, "p", {**match, **spec})
        )
        assert reply.status == 422
        causes = msgspec.json.decode(reply.body)["details"]["causes"]
        assert field in [cause["field"] for cause in causes]

    run(body)


def applying(expression: str) -> Object:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patching(expression: str) -> Object:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


@pytest.mark.parametrize(
    ("mutations", "replicas", "labels"),
    [
        ([applying("Object{spec: Object.spec{replicas: object.spec.replicas * 2}}")], 6, {}),
        ([applying("Object{metadata: Object.metadata{labels: {'a': 'b'}}}")], 3, {"a": "b"}),
        ([patching("[JSONPatch{op: 'replace', path: '/spec/replicas', value: 9}]")], 9, {}),
        (
            [
                patching(
                    "[JSONPatch{op: 'test', path: '/spec/replicas', value: 1}, JSONPatch{op: 'remove', path: '/spec'}]"
                )
            ],
            3,
            {},
        ),
        (
            [
                applying("Object{spec: Object.spec{replicas: 4}}"),
                patching(
                    "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'n': string(object.spec.replicas)}}]"
                ),
            ],
            4,
            {"n": "4"},
        ),
    ],
)
def test_a_mutating_policy_changes_what_is_stored(
    run: Any, mutations: list[Object], replicas: int, labels: Object
) -> None:
    async def body(call: Caller) -> None:
        await register(
            call, MUTATING, {"mutations": mutations, "reinvocationPolicy": "Never"}, rule=ON_DEPLOYMENTS
        )
        made = await call.create(DEPLOYMENTS, deployment("d", 3))
        assert made["spec"]["replicas"] == replicas
        assert made["metadata"].get("labels", {}) == labels

    run(body)


@pytest.mark.parametrize(
    ("mutation", "sentence"),
    [
        (
            applying("Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'a': 'b'}}}}"),
            "may not mutate atomic",
        ),
        (applying("Object{spec: Object.wrong{replicas: 1}}"), "type mismatch"),
        (patching("[JSONPatch{op: 'remove', path: '/none'}]"), "JSON Patch"),
    ],
)
def test_a_mutation_that_cannot_be_made(run: Any, mutation: Object, sentence: str) -> None:
    async def body(call: Caller) -> None:
        await register(
            call, MUTATING, {"mutations": [mutation], "reinvocationPolicy": "Never"}, rule=ON_DEPLOYMENTS
        )
        reply = await call.send("POST", DEPLOYMENTS, deployment("d", 3))
        assert reply.status == 422
        assert sentence in msgspec.json.decode(reply.body)["message"]

    run(body)
