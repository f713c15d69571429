"""Which definitions may be stored."""

from typing import Any

import pytest

from kube.apiserver.customresources.definition import rules
from kube.apiserver.kinds import defaults, kind_at
from kube.apiserver.status import FieldError
from tests.unit.kube.apiserver.customresources.conftest import definition

KIND = kind_at("apiextensions.k8s.io", "v1", "customresourcedefinitions")
assert KIND is not None
ROOT = "spec.versions[0].schema.openAPIV3Schema"
SPEC = f"{ROOT}.properties[spec]"


def told(obj: dict[str, Any]) -> list[str]:
    errors: list[FieldError] = []
    assert KIND is not None
    defaults.apply(KIND, obj)
    rules.definition(obj, errors)
    return [error.message for error in errors]


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    "obj",
    [
        definition(),
        definition(schema(a={"type": "string", "default": "x"})),
        definition(schema(a={"x-kubernetes-int-or-string": True})),
        definition(
            schema(a={"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]})
        ),
        definition(schema(a={"type": "object", "x-kubernetes-preserve-unknown-fields": True})),
        definition(schema(a={"type": "string"}, b={"type": "string"}) | {"oneOf": [{"required": ["a"]}]}),
        definition(schema(a={"type": "integer"}) | {"anyOf": [{"properties": {"a": {"minimum": 1}}}]}),
        definition(version={"subresources": {"status": {}}}),
        definition(version={"deprecated": True, "deprecationWarning": "use v2"}),
        definition(scope="Cluster", names={"shortNames": ["th"], "categories": ["all"]}),
    ],
)
def test_good_definitions_are_taken(obj: dict[str, Any]) -> None:
    assert told(obj) == []


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        (
            {"group": "example"},
            ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
        ),
        (
            {"scope": "World"},
            ['spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"'],
        ),
        (
            {"names": {"kind": "Thing", "listKind": "Thing"}},
            ['spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same'],
        ),
        ({"names": {"singular": "Thing"}}, ["spec.names.singular: Invalid value: "]),
        ({"names": {"shortNames": ["t_"]}}, ["spec.names.shortNames[0]: Invalid value: "]),
        (
            {"version": {"storage": False}},
            ["spec.versions: Invalid value: "],
        ),
        ({"version": {"name": "V1"}}, ['spec.versions[0].name: Invalid value: "V1": a DNS-1035 label']),
        ({"version": {"schema": None}}, [f"{ROOT}: Required value: schemas are required"]),
        (
            {"version": {"deprecationWarning": "x"}},
            [
                'spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions'
            ],
        ),
        (
            {
                "version": {
                    "subresources": {"scale": {"specReplicasPath": ".size", "statusReplicasPath": "status.n"}}
                }
            },
            [
                'spec.versions[0].subresources.scale.specReplicasPath: Invalid value: ".size": should be a json path under .spec',
                'spec.versions[0].subresources.scale.statusReplicasPath: Invalid value: "status.n": must be a simple json path starting with .',
            ],
        ),
        (
            {"version": {"additionalPrinterColumns": [{"name": "", "type": "text", "jsonPath": ".spec["}]}},
            [
                "spec.versions[0].additionalPrinterColumns[0].name: Required value",
                'spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string',
                'spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: ".spec[": unterminated array',
            ],
        ),
        (
            {"version": {"selectableFields": [{"jsonPath": ".spec.none"}, {"jsonPath": ".metadata.name"}]}},
            [
                'spec.versions[0].selectableFields[0].jsonPath: Invalid value: ".spec.none": is an invalid path',
                'spec.versions[0].selectableFields[1].jsonPath: Invalid value: ".metadata.name": must not point to fields in metadata',
            ],
        ),
        (
            {"conversion": {"strategy": "Webhook"}},
            [
                "spec.conversion.webhook.clientConfig: Required value: required when strategy is set to Webhook",
                "spec.conversion.webhook.conversionReviewVersions: Required value",
            ],
        ),
        (
            {"preserveUnknownFields": True},
            [
                "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve"
            ],
        ),
        (
            {"group": "x.k8s.io"},
            [
                "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval"
            ],
        ),
    ],
)
def test_bad_definitions_are_told_why(change: dict[str, Any], sentences: list[str]) -> None:
    found = told(definition(**change))
    assert len(found) == len(sentences), found
    for sentence, begins in zip(found, sentences, strict=True):
        assert sentence.startswith(begins)


def test_a_definition_is_named_by_what_it_defines() -> None:
    obj = definition()
    obj["metadata"]["name"] = "thing.example.com"
    assert told(obj) == [
        'metadata.name: Invalid value: "thing.example.com": must be spec.names.plural+"."+spec.group'
    ]


LIST = {
    "type": "array",
    "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
}


@pytest.mark.parametrize(
    ("spec", "sentences"),
    [
        (
            schema(a={}),
            [f"{SPEC}.properties[a].type: Required value: must not be empty for specified object fields"],
        ),
        (
            schema(a={"type": "text"}),
            [f'{SPEC}.properties[a].type: Unsupported value: "text": supported values: "array"'],
        ),
        (schema(a={"type": "array"}), [f"{SPEC}.properties[a].items: Required value: must be specified"]),
        (
            schema(a={"type": "array", "items": {}}),
            [f"{SPEC}.properties[a].items.type: Required value: must not be empty for specified array items"],
        ),
        (
            schema(a={"type": "string", "x-kubernetes-int-or-string": True}),
            [
                f'{SPEC}.properties[a].type: Invalid value: "string": must be empty if x-kubernetes-int-or-string is true'
            ],
        ),
        (
            schema(a={"type": "string", "pattern": "("}),
            [
                f'{SPEC}.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: '
            ],
        ),
        (
            schema(a={"$ref": "#/definitions/x", "type": "string"}),
            [f"{SPEC}.properties[a].$ref: Forbidden: $ref is not supported"],
        ),
        (
            schema(a={**LIST, "uniqueItems": True}),
            [f"{SPEC}.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since"],
        ),
        (
            schema() | {"additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}},
            [
                f"{SPEC}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"
            ],
        ),
        (
            schema() | {"additionalProperties": False},
            [f"{SPEC}.additionalProperties: Forbidden: additionalProperties cannot be set to false"],
        ),
        (
            schema() | {"x-kubernetes-preserve-unknown-fields": False},
            [f"{SPEC}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"],
        ),
        (
            schema(a={"type": "object", "x-kubernetes-embedded-resource": True}),
            [
                f"{SPEC}.properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource"
            ],
        ),
        (
            schema(a={**LIST, "x-kubernetes-list-type": "map"}),
            [f"{SPEC}.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if"],
        ),
        (
            schema(a={**LIST, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]}),
            [
                f'{SPEC}.properties[a].x-kubernetes-list-map-keys: Invalid value: ["id"]: entries must all be names of item properties'
            ],
        ),
        (
            schema(
                a={
                    **LIST,
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                }
            ),
            [f"{SPEC}.properties[a].items.properties[name].default: Required value: this property is in"],
        ),
        (
            schema(a={**LIST, "x-kubernetes-list-type": "set"}),
            [
                f'{SPEC}.properties[a].items.x-kubernetes-map-type: Invalid value: "null": must be atomic as item of'
            ],
        ),
        (
            schema(a={"type": "string", "x-kubernetes-list-type": "set"}),
            [
                f'{SPEC}.properties[a].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified',
            ],
        ),
        (
            schema(a={"type": "integer", "default": "x"}),
            [
                f'{SPEC}.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"'
            ],
        ),
        (
            schema(a=schema(b={"type": "string"}) | {"default": {"c": 1}}),
            [f'{SPEC}.properties[a].default: Invalid value: {{"c":1}}: must not have unknown fields: c'],
        ),
        (
            schema(a={"type": "string"}) | {"anyOf": [{"properties": {"b": {"minLength": 1}}}]},
            [f"{SPEC}.properties[b]: Required value: because it is defined in {SPEC}.anyOf[0].properties[b]"],
        ),
        (
            schema(a={"type": "string"}) | {"allOf": [{"type": "object"}]},
            [f"{SPEC}.allOf[0].type: Forbidden: must be empty to be structural"],
        ),
    ],
)
def test_schemas_are_structural(spec: dict[str, Any], sentences: list[str]) -> None:
    found = told(definition(spec))
    assert len(found) == len(sentences), found
    for sentence, begins in zip(found, sentences, strict=True):
        assert sentence.startswith(begins)


@pytest.mark.parametrize(
    ("root", "has_status", "sentence"),
    [
        ({"type": "string"}, False, f'{ROOT}.type: Invalid value: "string": must be object at the root'),
        ({}, False, f"{ROOT}.type: Required value: must not be empty at the root"),
        (
            {"type": "object", "nullable": True},
            False,
            f"{ROOT}.nullable: Forbidden: nullable cannot be true at the root",
        ),
        ({"type": "object", "oneOf": [{"required": ["a"]}]}, True, f"{ROOT}: Invalid value: "),
        (
            {
                "type": "object",
                "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}},
            },
            False,
            f"{ROOT}.properties[metadata]: Forbidden: must not specify anything other than name and generateName",
        ),
        (
            {"type": "object", "properties": {"kind": {"type": "integer"}}},
            False,
            f'{ROOT}.properties[kind].type: Invalid value: "integer": must be string',
        ),
    ],
)
def test_the_root_of_a_schema_is_an_object(root: dict[str, Any], has_status: bool, sentence: str) -> None:
    subresources = {"status": {}} if has_status else {}
    found = told(definition(version={"schema": {"openAPIV3Schema": root}, "subresources": subresources}))
    assert found
    assert found[0].startswith(sentence)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"rule": "has(self.x)"}, ""),
        ({"rule": "self.unknown > 1"}, "rule"),
        ({"rule": " "}, "rule"),
        ({"rule": "true", "message": " "}, "message"),
        ({"rule": "true", "message": "a\nb"}, "message"),
        ({"rule": "true ||\nfalse"}, "message"),
        ({"rule": "true ||\nfalse", "message": "is true"}, ""),
    ],
)
def test_an_expression_and_its_message_are_judged_with_the_definition(
    rule: dict[str, Any], field: str
) -> None:
    errors: list[FieldError] = []
    rules.definition(
        definition(
            schema(x={"type": "integer"}) | {"x-kubernetes-validations": [rule]},
            conversion={"strategy": "None"},
        ),
        errors,
    )
    assert [error.field for error in errors] == (
        [f"{SPEC}.x-kubernetes-validations[0].{field}"] if field else []
    )


@pytest.mark.parametrize(
    ("part", "count"),
    [
        ({"type": "array", "items": {"type": "string"}}, 0),
        ({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}, 1),
        ({"type": "object", "x-kubernetes-map-type": "atomic"}, 0),
        ({"type": "object"}, 1),
    ],
)
def test_items_of_a_set_are_compared_as_a_whole(part: dict[str, Any], count: int) -> None:
    made = definition(schema(a={"type": "array", "x-kubernetes-list-type": "set", "items": part}))
    assert len(told(made)) == count


def test_what_every_object_has_gets_no_defaults() -> None:
    root = {
        "type": "object",
        "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "default": "x"}}}
        },
    }
    assert told(definition(version={"schema": {"openAPIV3Schema": root}})) == [
        f"{ROOT}.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata"
    ]


def established(**more: Any) -> dict[str, Any]:
    obj = definition(**more)
    return {**obj, "status": {"conditions": [{"type": "Established", "status": "True"}]}}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, []),
        ({"scope": "Cluster"}, ["spec.scope"]),
        ({"names": {"kind": "Other"}}, ["spec.names.kind"]),
        ({"group": "example.org"}, ["spec.group"]),
        ({"names": {"shortNames": ["x"]}}, []),
    ],
)
def test_what_an_established_definition_may_not_change(change: dict[str, Any], fields: list[str]) -> None:
    errors: list[FieldError] = []
    rules.definition_update(definition(**change), established(), errors)
    assert [error.field for error in errors] == fields


def test_a_stored_version_cannot_be_taken_away() -> None:
    obj = definition()
    obj["status"] = {"storedVersions": ["v1beta1", "v1"]}
    assert told(obj)[0].startswith(
        'status.storedVersions[0]: Invalid value: "v1beta1": missing from spec.versions; v1beta1'
    )
