"""Each row: what is changed in a good object, and the one sentence that follows."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from kube.apiserver.kinds import Kind, defaults, kind_at, validation
from kube.apiserver.kinds.validation.jobs import schedule_error

Object = dict[str, Any]
Change = Callable[[Object], None]


def kind(group: str, plural: str, version: str = "v1") -> Kind:
    found = kind_at(group, version, plural)
    assert found is not None
    return found


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
WORKLOAD = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
GOOD: dict[tuple[str, str], Object] = {
    ("", "pods"): {"spec": deepcopy(TEMPLATE["spec"])},
    ("", "services"): {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}},
    ("", "endpoints"): {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
    ("discovery.k8s.io", "endpointslices"): {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"port": 80}],
    },
    ("", "configmaps"): {"data": {"a": "b"}},
    ("", "secrets"): {"data": {"a": "YQ=="}},
    ("", "namespaces"): {},
    ("", "nodes"): {"spec": {}},
    ("apps", "deployments"): {"spec": WORKLOAD},
    ("apps", "replicasets"): {"spec": WORKLOAD},
    ("apps", "statefulsets"): {"spec": {**WORKLOAD, "serviceName": "s"}},
    ("apps", "daemonsets"): {"spec": WORKLOAD},
    ("batch", "jobs"): {
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}},
        }
    },
    ("batch", "cronjobs"): {
        "spec": {
            "schedule": "*/5 * * * *",
            "jobTemplate": {"spec": {"template": {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}}},
        }
    },
    ("networking.k8s.io", "ingresses"): {
        "spec": {
            "rules": [
                {
                    "host": "a.com",
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
    ("networking.k8s.io", "ingressclasses"): {"spec": {"controller": "podnet.internal/ingress"}},
    ("networking.k8s.io", "networkpolicies"): {
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    },
    ("networking.k8s.io", "servicecidrs"): {"spec": {"cidrs": ["10.96.0.0/16"]}},
    ("networking.k8s.io", "ipaddresses"): {
        "metadata": {"name": "10.96.0.5"},
        "spec": {"parentRef": {"group": "", "resource": "services", "namespace": "d", "name": "s"}},
    },
    ("coordination.k8s.io", "leases"): {"spec": {"leaseDurationSeconds": 40}},
    ("scheduling.k8s.io", "priorityclasses"): {"value": 10},
    ("policy", "poddisruptionbudgets"): {"spec": {"minAvailable": 1}},
    ("rbac.authorization.k8s.io", "roles"): {
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
    },
    ("rbac.authorization.k8s.io", "rolebindings"): {"roleRef": {"kind": "Role", "name": "r"}},
    ("", "persistentvolumeclaims"): {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
}


def good(group: str, plural: str) -> tuple[Kind, Object]:
    of = kind(group, plural)
    obj = deepcopy(GOOD[group, plural])
    obj = {"apiVersion": of.api_version, "kind": of.kind, **obj}
    metadata = obj.setdefault("metadata", {})
    metadata.setdefault("name", "x")
    if of.namespaced:
        metadata["namespace"] = "d"
    defaults.apply(of, obj)
    return of, obj


def place(obj: Any, path: str, value: Any) -> None:
    """Sets `a.0.b`; None removes."""
    *parents, last = path.split(".")
    for name in parents:
        obj = obj[int(name)] if isinstance(obj, list) else obj.setdefault(name, {})
    if isinstance(obj, list):
        obj[int(last)] = value
    elif value is None:
        obj.pop(last, None)
    else:
        obj[last] = value


def messages(of: Kind, obj: Object) -> list[str]:
    return [error.message for error in validation.validate_create(of, obj)]


@pytest.mark.parametrize(("group", "plural"), list(GOOD))
def test_good_objects(group: str, plural: str) -> None:
    of, obj = good(group, plural)
    assert messages(of, obj) == []
    stored = deepcopy(obj)
    assert validation.validate_update(of, obj, stored, "") == []


POD, SERVICE, DEPLOYMENT = ("", "pods"), ("", "services"), ("apps", "deployments")
SLICE, INGRESS = ("discovery.k8s.io", "endpointslices"), ("networking.k8s.io", "ingresses")
CONTAINER = "spec.containers.0"
OVER = {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}


@pytest.mark.parametrize(
    ("of", "path", "value", "sentence"),
    [
        # metadata
        (POD, "metadata.name", None, "metadata.name: Required value: name or generateName is required"),
        (POD, "metadata.labels", {"a": "b c"}, 'metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of'),
        (POD, "metadata.labels", {"a b": ""}, 'metadata.labels: Invalid value: "a b": name part must consist of'),
        (POD, "metadata.annotations", {"a b": ""}, 'metadata.annotations: Invalid value: "a b": name part must consist of'),
        (POD, "metadata.annotations", {"a": "x" * 300_000}, "metadata.annotations: Too long: may not be more than 262144 bytes"),
        (POD, "metadata.finalizers", ["x"], 'metadata.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'),
        (POD, "metadata.ownerReferences", [{"apiVersion": "v1", "kind": "K", "name": "n"}], 'metadata.ownerReferences.uid: Invalid value: "": must not be empty'),
        (SERVICE, "metadata.name", "a.b", 'metadata.name: Invalid value: "a.b": must not contain dots'),
        # pods
        (POD, "spec.containers", [], "spec.containers: Required value"),
        (POD, f"{CONTAINER}.name", None, "spec.containers[0].name: Required value"),
        (POD, f"{CONTAINER}.name", "A", 'spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must'),
        (POD, f"{CONTAINER}.image", None, "spec.containers[0].image: Required value"),
        (POD, f"{CONTAINER}.image", " i", 'spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace'),
        (POD, f"{CONTAINER}.imagePullPolicy", "Now", 'spec.containers[0].imagePullPolicy: Unsupported value: "Now": supported values: "Always", "IfNotPresent", "Never"'),
        (POD, f"{CONTAINER}.ports", [{"containerPort": 70000, "protocol": "TCP"}], "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"),
        (POD, f"{CONTAINER}.ports", [{"protocol": "TCP"}], "spec.containers[0].ports[0].containerPort: Required value"),
        (POD, f"{CONTAINER}.ports", [{"containerPort": 1, "protocol": "tcp"}], 'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'),
        (POD, f"{CONTAINER}.ports", [{"containerPort": 1, "protocol": "TCP", "name": "9"}], 'spec.containers[0].ports[0].name: Invalid value: "9": must contain at least one letter (a-z)'),
        (POD, f"{CONTAINER}.env", [{"value": "x"}], "spec.containers[0].env[0].name: Required value"),
        (POD, f"{CONTAINER}.env", [{"name": "A", "valueFrom": {}}], 'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'),
        (POD, f"{CONTAINER}.env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x.y"}}}], 'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "x.y": error converting fieldPath: field label not supported: x.y'),
        (POD, f"{CONTAINER}.volumeMounts", [{"name": "v", "mountPath": "/v"}], 'spec.containers[0].volumeMounts[0].name: Not found: "v"'),
        (POD, f"{CONTAINER}.resources", OVER, 'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'),
        (POD, f"{CONTAINER}.resources", {"limits": {"cpu": "-1"}}, 'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'),
        (POD, f"{CONTAINER}.readinessProbe", {}, "spec.containers[0].readinessProbe: Required value: must specify a handler type"),
        (POD, f"{CONTAINER}.livenessProbe", {"exec": {"command": ["a"]}, "successThreshold": 2}, "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"),
        (POD, f"{CONTAINER}.readinessProbe", {"tcpSocket": {"port": 0}}, "spec.containers[0].readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        (POD, f"{CONTAINER}.readinessProbe", {"httpGet": {"path": "/", "port": 1, "scheme": "FTP"}}, 'spec.containers[0].readinessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"'),
        (POD, "spec.initContainers", [{"name": "c", "image": "i"}], 'spec.containers[0].name: Duplicate value: "c"'),
        (POD, "spec.volumes", [{"name": "v"}], "spec.volumes[0]: Required value: must specify a volume type"),
        (POD, "spec.volumes", [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}], "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"),
        (POD, "spec.volumes", [{"name": "v", "secret": {"secretName": "s", "defaultMode": 512}}], "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"),
        (POD, "spec.volumes", [{"name": "v", "configMap": {}}], "spec.volumes[0].configMap.name: Required value"),
        (POD, "spec.restartPolicy", "Sometimes", 'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'),
        (POD, "spec.dnsPolicy", "None", "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"),
        (POD, "spec.terminationGracePeriodSeconds", -1, "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"),
        (POD, "spec.activeDeadlineSeconds", 0, "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"),
        (POD, "spec.hostname", "a.b", 'spec.hostname: Invalid value: "a.b": must not contain dots'),
        (POD, "spec.hostnameOverride", "A", 'spec.hostnameOverride: Invalid value: "A": a lowercase RFC 1123'),
        (POD, "spec.hostnameOverride", "a" * 65, f'spec.hostnameOverride: Invalid value: "{"a" * 65}": must be no more than 64 characters'),
        (POD, "spec.securityContext", {"sysctls": [{"name": "foo-", "value": "1"}]}, 'spec.securityContext.sysctls[0].name: Invalid value: "foo-": must have at most 253 characters and match regex'),
        (POD, "spec.securityContext", {"sysctls": [{"name": "a.b", "value": "1"}] * 2}, 'spec.securityContext.sysctls[1].name: Duplicate value: "a.b"'),
        (POD, "spec.tolerations", [{"key": "a", "operator": "Exists", "value": "b"}], 'spec.tolerations[0].operator: Invalid value: {"key":"a","operator":"Exists","value":"b"}: value must be empty when `operator` is \'Exists\''),
        (POD, "spec.tolerations", [{"effect": "NoExecute"}], 'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty'),
        (POD, "spec.tolerations", [{"key": "a", "tolerationSeconds": 5}], "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"),
        (POD, "spec.affinity", {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term"),
        (POD, "spec.affinity", {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}, "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty"),
        (POD, "spec.topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule"}], "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"),
        # services
        (SERVICE, "spec.ports", [], "spec.ports: Required value"),
        (SERVICE, "spec.ports.0.port", 0, "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        (SERVICE, "spec.ports.0.targetPort", "Web", 'spec.ports[0].targetPort: Invalid value: "Web": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'),
        (SERVICE, "spec.ports.0.nodePort", 30000, "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"),
        (SERVICE, "spec.type", "Magic", 'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'),
        (SERVICE, "spec.sessionAffinity", "Cookie", 'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"'),
        (SERVICE, "spec.externalTrafficPolicy", "Local", 'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'),
        (SERVICE, "spec.internalTrafficPolicy", "Near", 'spec.internalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"'),
        (SERVICE, "spec.loadBalancerSourceRanges", ["10.0.0.0/8"], "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"),
        (SERVICE, "spec.selector", {"a": "b c"}, 'spec.selector: Invalid value: "b c": a valid label must be'),
        (SERVICE, "spec.trafficDistribution", "x", 'spec.trafficDistribution: Unsupported value: "x": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"'),
        # endpoints
        (("", "endpoints"), "subsets.0", {"ports": []}, "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"),
        (("", "endpoints"), "subsets.0.addresses.0.ip", "127.0.0.1", 'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'),
        (SLICE, "addressType", "IPX", 'addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"'),
        (SLICE, "endpoints.0.addresses", [], "endpoints[0].addresses: Required value: must contain at least 1 address"),
        (SLICE, "endpoints.0.addresses", ["fd00::1"], 'endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address'),
        (SLICE, "endpoints", [{"addresses": ["10.0.0.1"]}] * 1001, "endpoints: Too many: 1001: must have at most 1000 items"),
        (SLICE, "ports", [{"name": "", "protocol": "TCP"}] * 2, 'ports[1].name: Duplicate value: ""'),
        # workloads
        (DEPLOYMENT, "spec.replicas", -1, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (DEPLOYMENT, "spec.selector", None, "spec.selector: Required value"),
        (DEPLOYMENT, "spec.selector", {}, "spec.selector: Invalid value: {}: empty selector is invalid for deployment"),
        (DEPLOYMENT, "spec.template.metadata.labels", {"a": "c"}, 'spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`'),
        (DEPLOYMENT, "spec.template.spec.restartPolicy", "Never", 'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
        (DEPLOYMENT, "spec.strategy.type", "Recreate", "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"),
        (DEPLOYMENT, "spec.strategy.rollingUpdate", {"maxSurge": 0, "maxUnavailable": 0}, "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"),
        (DEPLOYMENT, "spec.strategy.rollingUpdate.maxSurge", "x", "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%'"),
        (DEPLOYMENT, "spec.progressDeadlineSeconds", 0, "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"),
        (("apps", "daemonsets"), "spec.updateStrategy.rollingUpdate.maxSurge", 1, "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"),
        (("batch", "jobs"), "spec.template.spec.restartPolicy", "Always", 'spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "Never", "OnFailure"'),
        (("batch", "cronjobs"), "spec.schedule", "* * *", 'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'),
        (("batch", "cronjobs"), "spec.timeZone", "Mars/Base", 'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'),
        # configuration
        (("", "configmaps"), "data", {"a/b": ""}, 'data[a/b]: Invalid value: "a/b": a valid config key must consist of'),
        (("", "configmaps"), "data", {"a": "x" * 1_048_577}, "[]: Too long: may not be more than 1048576 bytes"),
        (("", "configmaps"), "binaryData", {"a": "YQ=="}, 'data[a]: Invalid value: "a": duplicate of key present in binaryData'),
        (("", "secrets"), "type", "kubernetes.io/ssh-auth", "data[ssh-privatekey]: Required value"),
        (("", "nodes"), "spec.taints", [{"key": "a"}], "spec.taints[0].effect: Required value"),
        # networking
        (INGRESS, "spec.rules", [], "spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"),
        (INGRESS, "spec.rules.0.host", "1.2.3.4", 'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'),
        (INGRESS, "spec.rules.0.http.paths.0.pathType", None, "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"),
        (INGRESS, "spec.rules.0.http.paths.0.path", "x", 'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'),
        (INGRESS, "spec.rules.0.http.paths.0.backend", {}, "spec.rules[0].http.paths[0].backend: Required value: resource or service backend is required"),
        (INGRESS, "spec.rules.0.http.paths.0.backend.service.port", {}, "spec.rules[0].http.paths[0].backend: Required value: port name or number is required"),
        (("networking.k8s.io", "ingressclasses"), "spec.controller", "x", 'spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")'),
        (("networking.k8s.io", "networkpolicies"), "spec.ingress.0.from", [{}], "spec.ingress[0].from[0]: Required value: must specify a peer"),
        (("networking.k8s.io", "networkpolicies"), "spec.ingress.0.from", [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}], 'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`: 10.0.0.0/8'),
        (("networking.k8s.io", "servicecidrs"), "spec.cidrs", [], "spec.cidrs: Required value: at least one CIDR required"),
        (("networking.k8s.io", "servicecidrs"), "spec.cidrs", ["10.96.0.1/16"], 'spec.cidrs[0]: Invalid value: "10.96.0.1/16": must be in canonical form ("10.96.0.0/16")'),
        (("networking.k8s.io", "ipaddresses"), "spec.parentRef", None, "spec.parentRef: Required value"),
        (("networking.k8s.io", "ipaddresses"), "metadata.name", "x", 'metadata.name: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
        # others
        (("coordination.k8s.io", "leases"), "spec.leaseDurationSeconds", 0, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"),
        (("scheduling.k8s.io", "priorityclasses"), "value", 1_000_000_001, "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"),
        (("policy", "poddisruptionbudgets"), "spec.maxUnavailable", 1, 'spec: Invalid value: {"maxUnavailable":1,"minAvailable":1}: minAvailable and maxUnavailable cannot be both set'),
        (("rbac.authorization.k8s.io", "roles"), "rules.0.verbs", [], "rules[0].verbs: Required value: verbs must contain at least one value"),
        (("", "persistentvolumeclaims"), "spec.accessModes", [], "spec.accessModes: Required value: at least 1 access mode is required"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_object(of: tuple[str, str], path: str, value: Any, sentence: str) -> None:
    found, obj = good(*of)
    place(obj, path, value)
    said = messages(found, obj)
    assert len(said) == 1, said
    assert said[0].startswith(sentence)


def errors_of_update(of: tuple[str, str], path: str, value: Any, *, old: Change | None = None) -> list[str]:
    found, stored = good(*of)
    if old is not None:
        old(stored)
    new = deepcopy(stored)
    place(new, path, value)
    return [error.message for error in validation.validate_update(found, new, stored, "")]


def sealed(obj: Object) -> None:
    obj["immutable"] = True


def allocated(obj: Object) -> None:
    obj["spec"] |= {"clusterIP": "10.96.0.5", "clusterIPs": ["10.96.0.5"], "ipFamilies": ["IPv4"]}


@pytest.mark.parametrize(
    ("of", "path", "value", "old", "sentence"),
    [
        (POD, "metadata.uid", "other", None, 'metadata.uid: Invalid value: "other": field is immutable'),
        (POD, "spec.dnsPolicy", "Default", None, "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"),
        (POD, "spec.containers", [], None, "spec.containers: Forbidden: pod updates may not add or remove containers"),
        (POD, "spec.activeDeadlineSeconds", 0, None, "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"),
        (POD, "spec.tolerations", None, lambda obj: obj["spec"].update(tolerations=[{"key": "a", "operator": "Exists"}]), "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"),
        (DEPLOYMENT, "spec.selector.matchExpressions", [{"key": "a", "operator": "Exists"}], None, 'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"Exists"}],"matchLabels":{"a":"b"}}: field is immutable'),
        (("apps", "statefulsets"), "spec.serviceName", "t", None, "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template',"),
        (("", "configmaps"), "data", {"a": "c"}, sealed, "data: Forbidden: field is immutable when `immutable` is set"),
        (("", "configmaps"), "immutable", None, sealed, "immutable: Forbidden: field is immutable when `immutable` is set"),
        (("", "secrets"), "data", {"a": "Yg=="}, sealed, "data: Forbidden: field is immutable when `immutable` is set"),
        (("", "secrets"), "type", "x", None, 'type: Invalid value: "x": field is immutable'),
        (SLICE, "addressType", "FQDN", lambda obj: obj.update(endpoints=[]), 'addressType: Invalid value: "FQDN": field is immutable'),
        (("networking.k8s.io", "servicecidrs"), "spec.cidrs", ["10.97.0.0/16"], None, 'spec.cidrs: Invalid value: ["10.97.0.0/16"]: field is immutable'),
        (("networking.k8s.io", "ipaddresses"), "spec.parentRef.name", "t", None, "spec.parentRef: Invalid value: "),
        (("scheduling.k8s.io", "priorityclasses"), "value", 11, None, "value: Forbidden: may not be changed in an update."),
        (("rbac.authorization.k8s.io", "rolebindings"), "roleRef.name", "s", None, "roleRef: Invalid value: "),
        (("batch", "jobs"), "spec.completions", 5, None, "spec.completions: Invalid value: 5: field is immutable"),
        (("", "nodes"), "spec.podCIDRs", ["10.0.0.0/24"], lambda obj: obj["spec"].update(podCIDRs=["10.1.0.0/24"]), 'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'),
        (("", "persistentvolumeclaims"), "spec.accessModes", ["ReadOnlyMany"], None, "spec: Forbidden: spec is immutable after creation except resources.requests"),
    ],
)  # fmt: skip
def test_what_may_not_change(
    of: tuple[str, str], path: str, value: Any, old: Change | None, sentence: str
) -> None:
    said = errors_of_update(of, path, value, old=old)
    assert len(said) == 1, said
    assert said[0].startswith(sentence)


def test_a_services_address_may_not_change() -> None:
    found, stored = good("", "services")
    allocated(stored)
    new = deepcopy(stored)
    new["spec"] |= {"clusterIP": "10.96.0.6", "clusterIPs": ["10.96.0.6"]}
    said = [error.message for error in validation.validate_update(found, new, stored, "")]
    assert said == ['spec.clusterIPs[0]: Invalid value: ["10.96.0.6"]: may not change once set']


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{CONTAINER}.image", "i:2"),
        ("spec.activeDeadlineSeconds", 5),
        ("spec.tolerations", [{"key": "a", "operator": "Exists", "effect": "NoExecute"}]),
        ("metadata.labels", {"a": "b"}),
    ],
)
def test_what_of_a_pod_may_change(path: str, value: Any) -> None:
    assert errors_of_update(POD, path, value) == []


def test_no_finalizer_comes_while_an_object_goes() -> None:
    def going(obj: Object) -> None:
        obj["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}

    said = errors_of_update(("", "configmaps"), "metadata.finalizers", ["a/b", "c/d"], old=going)
    assert said == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
        'found new finalizers []string{"c/d"}'
    ]


def test_several_ports_need_names_of_their_own() -> None:
    of, obj = good("", "services")
    obj["spec"]["ports"] = [
        {"port": 80, "protocol": "TCP", "targetPort": 80},
        {"port": 80, "protocol": "TCP", "targetPort": 81, "name": "b"},
    ]
    assert messages(of, obj) == [
        "spec.ports[0].name: Required value",
        'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP","targetPort":0}',
    ]


def test_external_addresses_name_hosts() -> None:
    of, obj = good("", "services")
    obj["spec"] |= {"externalIPs": ["127.0.0.1"], "externalTrafficPolicy": "Cluster"}
    assert messages(of, obj) == [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'
    ]


def test_an_external_name_needs_a_name_and_no_ports() -> None:
    of, obj = good("", "services")
    obj["spec"] = {"type": "ExternalName", "sessionAffinity": "None"}
    assert messages(of, obj) == ["spec.externalName: Required value"]
    obj["spec"]["externalName"] = "a.example.com."
    assert messages(of, obj) == []


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/5 0-6,12 1 jan mon-fri", "0 0 ? * SUN", "@daily", "@every 1h30m", "5-59/10 * * * *"],
)
def test_schedules(schedule: str) -> None:
    assert schedule_error(schedule) == ""


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "TZ=UTC * * * * *",
        "@never",
    ],
)
def test_what_is_no_schedule(schedule: str) -> None:
    assert schedule_error(schedule)
