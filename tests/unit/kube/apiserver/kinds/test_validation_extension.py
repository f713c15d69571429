"""Rules of webhooks, policies, aggregated APIs, priority levels, storage drivers and devices: one change, one sentence."""

from copy import deepcopy
from typing import Any

import pytest

from kube.apiserver.kinds import Kind, defaults, kind_at, validation

Object = dict[str, Any]

RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
WEBHOOKS = {
    "webhooks": [
        {
            "name": "a.example.com",
            "clientConfig": {"service": {"name": "s", "namespace": "n"}},
            "rules": [RULE],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
    ]
}
POLICY = {"matchConstraints": {"resourceRules": [RULE]}}
ADMISSION, FLOW = "admissionregistration.k8s.io", "flowcontrol.apiserver.k8s.io"
STORAGE, DEVICES = "storage.k8s.io", "resource.k8s.io"
GOOD: dict[tuple[str, str], Object] = {
    (ADMISSION, "validatingwebhookconfigurations"): WEBHOOKS,
    (ADMISSION, "mutatingwebhookconfigurations"): WEBHOOKS,
    (ADMISSION, "validatingadmissionpolicies"): {
        "spec": {
            **POLICY,
            "validations": [{"expression": "true"}],
            "variables": [{"name": "v", "expression": "1"}],
        }
    },
    (ADMISSION, "mutatingadmissionpolicies"): {
        "spec": {
            **POLICY,
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}],
        }
    },
    (ADMISSION, "validatingadmissionpolicybindings"): {
        "spec": {
            "policyName": "p",
            "validationActions": ["Deny"],
            "paramRef": {"name": "p", "parameterNotFoundAction": "Deny"},
        }
    },
    (ADMISSION, "mutatingadmissionpolicybindings"): {"spec": {"policyName": "p"}},
    ("apiregistration.k8s.io", "apiservices"): {
        "metadata": {"name": "v1.x.example.com"},
        "spec": {
            "group": "x.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 10,
        },
    },
    (FLOW, "flowschemas"): {
        "spec": {
            "priorityLevelConfiguration": {"name": "exempt"},
            "rules": [
                {
                    "subjects": [{"kind": "Group", "group": {"name": "g"}}],
                    "resourceRules": [
                        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
                    ],
                }
            ],
        }
    },
    (FLOW, "prioritylevelconfigurations"): {
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}
    },
    (STORAGE, "csidrivers"): {"metadata": {"name": "d.example.com"}, "spec": {}},
    (STORAGE, "csinodes"): {
        "spec": {"drivers": [{"name": "d.example.com", "nodeID": "n", "topologyKeys": ["zone"]}]}
    },
    (STORAGE, "csistoragecapacities"): {"storageClassName": "c", "capacity": "1Gi"},
    (STORAGE, "volumeattachments"): {
        "spec": {"attacher": "d.example.com", "nodeName": "n", "source": {"persistentVolumeName": "v"}}
    },
    (STORAGE, "volumeattributesclasses"): {"driverName": "d.example.com", "parameters": {"iops": "1"}},
    ("apps", "controllerrevisions"): {"revision": 1, "data": {"a": 1}},
    (DEVICES, "resourceclaims"): {
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}
    },
    (DEVICES, "resourceclaimtemplates"): {
        "spec": {
            "spec": {
                "devices": {
                    "requests": [{"name": "r", "firstAvailable": [{"name": "s", "deviceClassName": "c"}]}]
                }
            }
        }
    },
    (DEVICES, "deviceclasses"): {"spec": {"selectors": [{"cel": {"expression": "true"}}]}},
    (DEVICES, "resourceslices"): {
        "spec": {
            "driver": "d.example.com",
            "nodeName": "n",
            "pool": {"name": "n", "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": "gpu-0"}],
        }
    },
}


def good(of: tuple[str, str]) -> tuple[Kind, Object]:
    kind = kind_at(of[0], "v1", of[1])
    assert kind is not None
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, **deepcopy(GOOD[of])}
    metadata = obj.setdefault("metadata", {})
    metadata.setdefault("name", "x")
    if kind.namespaced:
        metadata["namespace"] = "d"
    defaults.apply(kind, obj)
    return kind, obj


def place(obj: Any, path: str, value: Any) -> None:
    """Sets `a.0.b`; None removes."""
    *parents, last = path.split(".")
    for name in parents:
        obj = obj[int(name)] if isinstance(obj, list) else obj.setdefault(name, {})
    if value is None and isinstance(obj, dict):
        obj.pop(last, None)
    elif isinstance(obj, list):
        obj[int(last)] = value
    else:
        obj[last] = value


@pytest.mark.parametrize("of", GOOD, ids=lambda of: of[1])
def test_good_objects_are_taken_and_stay(of: tuple[str, str]) -> None:
    kind, obj = good(of)
    assert [error.message for error in validation.validate_create(kind, obj)] == []
    assert validation.validate_update(kind, obj, deepcopy(obj)) == []
    again = deepcopy(obj)
    defaults.apply(kind, again)
    assert again == obj, "defaults are filled in once"


HOOK, VAP, BINDING = [
    (ADMISSION, f"validating{name}")
    for name in ("webhookconfigurations", "admissionpolicies", "admissionpolicybindings")
]
MAP, SCHEMA, LEVEL = (
    (ADMISSION, "mutatingadmissionpolicies"),
    (FLOW, "flowschemas"),
    (FLOW, "prioritylevelconfigurations"),
)
API, CLAIM, SLICE = (
    ("apiregistration.k8s.io", "apiservices"),
    (DEVICES, "resourceclaims"),
    (DEVICES, "resourceslices"),
)
REQUEST = "spec.devices.requests"


@pytest.mark.parametrize(
    ("of", "path", "value", "sentence"),
    [
        (
            HOOK,
            "webhooks.0.name",
            "a.b",
            'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three',
        ),
        (
            HOOK,
            "webhooks.0.clientConfig",
            {},
            "webhooks[0].clientConfig: Required value: exactly one of url or service",
        ),
        (
            HOOK,
            "webhooks.0.clientConfig",
            {"url": "http://x/"},
            "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme",
        ),
        (
            HOOK,
            "webhooks.0.clientConfig",
            {"url": "https:///x"},
            'webhooks[0].clientConfig.url: Invalid value: "": host must',
        ),
        (
            HOOK,
            "webhooks.0.clientConfig.service.path",
            "x",
            "webhooks[0].clientConfig.service.path: Invalid value: \"x\": must start with a '/'",
        ),
        (
            HOOK,
            "webhooks.0.sideEffects",
            None,
            "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun",
        ),
        (HOOK, "webhooks.0.sideEffects", "Some", 'webhooks[0].sideEffects: Unsupported value: "Some"'),
        (
            HOOK,
            "webhooks.0.timeoutSeconds",
            31,
            "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be",
        ),
        (
            HOOK,
            "webhooks.0.admissionReviewVersions",
            ["v9"],
            "webhooks[0].admissionReviewVersions: Invalid value: ",
        ),
        (HOOK, "webhooks.0.rules.0.operations", [], "webhooks[0].rules[0].operations: Required value"),
        (
            HOOK,
            "webhooks.0.rules.0.operations",
            ["*", "CREATE"],
            "webhooks[0].rules[0].operations: Invalid value: ",
        ),
        (HOOK, "webhooks.0.rules.0.scope", "World", 'webhooks[0].rules[0].scope: Unsupported value: "World"'),
        (
            HOOK,
            "webhooks.0.matchConditions",
            [{"name": "c"}],
            "webhooks[0].matchConditions[0].expression: Required value",
        ),
        (VAP, "spec.matchConstraints", None, "spec.matchConstraints: Required value"),
        (
            VAP,
            "spec.validations",
            None,
            "spec.validations: Required value: validations or auditAnnotations must be specified",
        ),
        (
            VAP,
            "spec.validations.0.expression",
            " ",
            "spec.validations[0].expression: Required value: expression is not",
        ),
        (
            VAP,
            "spec.variables.0.name",
            "a-b",
            'spec.variables[0].name: Invalid value: "a-b": name is not a valid CEL identifier',
        ),
        (VAP, "spec.failurePolicy", "Maybe", 'spec.failurePolicy: Unsupported value: "Maybe"'),
        (MAP, "spec.mutations.0.jsonPatch", None, "spec.mutations[0].jsonPatch.expression: Required value"),
        (BINDING, "spec.policyName", None, "spec.policyName: Required value"),
        (BINDING, "spec.validationActions", [], "spec.validationActions: Required value"),
        (BINDING, "spec.validationActions", ["Deny", "Warn"], "spec.validationActions: Invalid value: "),
        (
            BINDING,
            "spec.validationActions",
            ["Deny", "Deny"],
            'spec.validationActions[1]: Duplicate value: "Deny"',
        ),
        (
            BINDING,
            "spec.paramRef.name",
            None,
            "spec.paramRef: Required value: one of name or selector must be specified",
        ),
        (
            API,
            "metadata.name",
            "v1.x",
            'metadata.name: Invalid value: "v1.x": must be `spec.version+"."+spec.group`',
        ),
        (
            API,
            "spec.versionPriority",
            0,
            "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
        ),
        (
            API,
            "spec.insecureSkipTLSVerify",
            True,
            "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may",
        ),
        (
            SCHEMA,
            "spec.matchingPrecedence",
            10001,
            "spec.matchingPrecedence: Invalid value: 10001: must not be greater than",
        ),
        (
            SCHEMA,
            "spec.priorityLevelConfiguration",
            None,
            "spec.priorityLevelConfiguration.name: Required value: must",
        ),
        (
            SCHEMA,
            "spec.rules.0.subjects",
            [],
            "spec.rules[0].subjects: Required value: subjects must contain at least one",
        ),
        (
            SCHEMA,
            "spec.rules.0.subjects.0.kind",
            "Robot",
            'spec.rules[0].subjects[0].kind: Unsupported value: "Robot"',
        ),
        (
            SCHEMA,
            "spec.rules.0.resourceRules",
            None,
            "spec.rules[0]: Required value: at least one of resourceRules and",
        ),
        (
            LEVEL,
            "spec.type",
            "Other",
            'spec.type: Unsupported value: "Other": supported values: "Exempt", "Limited"',
        ),
        (LEVEL, "spec.limited", None, "spec.limited: Required value: must not be empty when type is Limited"),
        (
            LEVEL,
            "spec.limited.lendablePercent",
            101,
            "spec.limited.lendablePercent: Invalid value: 101: must be between 0",
        ),
        (
            LEVEL,
            "spec.limited.limitResponse.queuing.handSize",
            65,
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 65",
        ),
        (
            (STORAGE, "csidrivers"),
            "spec.volumeLifecycleModes",
            ["Often"],
            'spec.volumeLifecycleModes: Unsupported value: "Often"',
        ),
        (
            (STORAGE, "csidrivers"),
            "spec.tokenRequests",
            [{"audience": "a", "expirationSeconds": 1}],
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
        ),
        ((STORAGE, "csinodes"), "spec.drivers.0.nodeID", "", "spec.drivers[0].nodeID: Required value"),
        ((STORAGE, "csistoragecapacities"), "storageClassName", None, "storageClassName: Required value"),
        (
            (STORAGE, "volumeattachments"),
            "spec.source",
            {},
            "spec.source: Required value: must specify exactly one of",
        ),
        (
            (STORAGE, "volumeattributesclasses"),
            "parameters",
            None,
            "parameters: Required value: must contain at least one",
        ),
        (
            ("apps", "controllerrevisions"),
            "revision",
            -1,
            "revision: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            CLAIM,
            f"{REQUEST}.0.name",
            "A",
            'spec.devices.requests[0].name: Invalid value: "A": a lowercase RFC 1123 label',
        ),
        (
            CLAIM,
            f"{REQUEST}.0.exactly",
            None,
            "spec.devices.requests[0]: Required value: exactly one of `exactly` or",
        ),
        (
            CLAIM,
            f"{REQUEST}.0.exactly.count",
            0,
            "spec.devices.requests[0].exactly.count: Invalid value: 0: must be greater",
        ),
        (
            CLAIM,
            f"{REQUEST}.0.exactly.deviceClassName",
            "",
            "spec.devices.requests[0].exactly.deviceClassName: Required value",
        ),
        ((DEVICES, "deviceclasses"), "spec.selectors.0.cel", None, "spec.selectors[0].cel: Required value"),
        (
            SLICE,
            "spec.nodeName",
            None,
            "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`",
        ),
        (
            SLICE,
            "spec.pool.resourceSliceCount",
            0,
            "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
        ),
        (SLICE, "spec.devices", [{"name": "a"}, {"name": "a"}], 'spec.devices[1].name: Duplicate value: "a"'),
    ],
)
def test_what_is_wrong_is_told(of: tuple[str, str], path: str, value: Any, sentence: str) -> None:
    kind, obj = good(of)
    place(obj, path, value)
    found = [error.message for error in validation.validate_create(kind, obj)]
    assert len(found) == 1, found
    assert found[0].startswith(sentence)


@pytest.mark.parametrize(
    ("of", "path", "value", "field"),
    [
        ((STORAGE, "csidrivers"), "spec.attachRequired", False, "spec.attachRequired"),
        ((STORAGE, "csinodes"), "spec.drivers.0.nodeID", "m", "CSINode"),
        ((STORAGE, "csistoragecapacities"), "storageClassName", "e", "storageClassName"),
        ((STORAGE, "volumeattachments"), "spec.nodeName", "m", "spec"),
        ((STORAGE, "volumeattributesclasses"), "parameters.iops", "2", "parameters"),
        (("apps", "controllerrevisions"), "data.a", 2, "data"),
        (CLAIM, f"{REQUEST}.0.exactly.count", 2, "spec"),
        (SLICE, "spec.pool.name", "m", "spec.pool.name"),
    ],
)
def test_what_may_not_change(of: tuple[str, str], path: str, value: Any, field: str) -> None:
    kind, old = good(of)
    new = deepcopy(old)
    place(new, path, value)
    assert [error.field for error in validation.validate_update(kind, new, old)] == [field]


def test_the_same_webhook_twice() -> None:
    kind, obj = good(HOOK)
    obj["webhooks"].append(obj["webhooks"][0])
    assert [error.message for error in validation.validate_create(kind, obj)] == [
        'webhooks[1].name: Duplicate value: "a.example.com"'
    ]
