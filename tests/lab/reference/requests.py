"""Requests that are put to two servers: what they answer must say the same."""

from typing import Any, NamedTuple

Object = dict[str, Any]


class Asked(NamedTuple):
    """`body` is sent as JSON, or as it is where it is text; everything that makes something is a dry run."""

    title: str
    method: str
    path: str
    body: Any = None
    media: str = "application/json"
    accept: str = "application/json"


DRY = "dryRun=All"
CORE, DEFAULT = "/api/v1", "/api/v1/namespaces/default"
APPS, BATCH = "/apis/apps/v1/namespaces/default", "/apis/batch/v1/namespaces/default"
NETWORKING = "/apis/networking.k8s.io/v1"


def obj(api_version: str, kind: str, spec: Any = None, *, name: str = "a", **more: Any) -> Object:
    metadata = {"name": name, **more.pop("metadata", {})}
    made = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}
    return made if spec is None else {**made, "spec": spec}


POD: Object = {"containers": [{"name": "c", "image": "registry.example/a:1"}]}


def pod(**more: Any) -> Object:
    return obj("v1", "Pod", {**POD, **more})


def container(**more: Any) -> Object:
    return pod(containers=[{"name": "c", "image": "a", **more}])


def workload(kind: str, template: Object | None = None, **more: Any) -> Object:
    labels = {"app": "a"}
    made = template or {"metadata": {"labels": labels}, "spec": POD}
    return obj("apps/v1", kind, {"selector": {"matchLabels": labels}, "template": made, **more})


def create(title: str, path: str, body: Any) -> Asked:
    return Asked(title, "POST", f"{path}?{DRY}", body)


def service(**spec: Any) -> Asked:
    body = obj("v1", "Service", {"ports": [{"port": 80}], **spec})
    return create(f"Service {spec}", f"{DEFAULT}/services", body)


PODS, SERVICES = f"{DEFAULT}/pods", f"{DEFAULT}/services"
_RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]

ASKED: tuple[Asked, ...] = (
    # --- defaults
    create("a Pod", PODS, pod()),
    create(
        "a Pod with probes",
        PODS,
        container(readinessProbe={"httpGet": {"port": 80}}, livenessProbe={"exec": {"command": ["a"]}}),
    ),
    create("a Pod with resources", PODS, container(resources={"limits": {"cpu": "1500m", "memory": "1Gi"}})),
    create(
        "a Pod with volumes",
        PODS,
        pod(
            volumes=[
                {"name": "a"},
                {"name": "b", "configMap": {"name": "x"}},
                {"name": "d", "hostPath": {"path": "/x"}},
            ]
        ),
    ),
    create(
        "a Pod of the host's network",
        PODS,
        pod(hostNetwork=True, containers=[{"name": "c", "image": "a", "ports": [{"containerPort": 80}]}]),
    ),
    create(
        "a Pod with an environment",
        PODS,
        container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
    ),
    create("a Deployment", f"{APPS}/deployments", workload("Deployment")),
    create("a StatefulSet", f"{APPS}/statefulsets", workload("StatefulSet", serviceName="a")),
    create("a DaemonSet", f"{APPS}/daemonsets", workload("DaemonSet")),
    create("a ReplicaSet", f"{APPS}/replicasets", workload("ReplicaSet")),
    create(
        "a CronJob",
        f"{BATCH}/cronjobs",
        obj(
            "batch/v1",
            "CronJob",
            {
                "schedule": "* * * * *",
                "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
            },
        ),
    ),
    create(
        "a HorizontalPodAutoscaler",
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {
                "maxReplicas": 3,
                "scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "apps/v1"},
            },
        ),
    ),
    create(
        "a PodDisruptionBudget",
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        obj("policy/v1", "PodDisruptionBudget", {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}),
    ),
    create(
        "an Ingress",
        f"{NETWORKING}/namespaces/default/ingresses",
        obj(
            "networking.k8s.io/v1",
            "Ingress",
            {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}},
        ),
    ),
    create(
        "a NetworkPolicy",
        f"{NETWORKING}/namespaces/default/networkpolicies",
        obj(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
        ),
    ),
    create(
        "a PersistentVolume",
        f"{CORE}/persistentvolumes",
        obj(
            "v1",
            "PersistentVolume",
            {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}},
        ),
    ),
    create(
        "a PersistentVolumeClaim",
        f"{DEFAULT}/persistentvolumeclaims",
        obj(
            "v1",
            "PersistentVolumeClaim",
            {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        ),
    ),
    create("a Node", f"{CORE}/nodes", obj("v1", "Node")),
    create("a Namespace", f"{CORE}/namespaces", obj("v1", "Namespace", name="new")),
    create("a Secret", f"{DEFAULT}/secrets", obj("v1", "Secret", stringData={"a": "b"})),
    create(
        "an EndpointSlice",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
        obj(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.1.1.1"]}],
            ports=[{"port": 80}],
        ),
    ),
    create(
        "a StorageClass",
        "/apis/storage.k8s.io/v1/storageclasses",
        obj("storage.k8s.io/v1", "StorageClass", provisioner="a"),
    ),
    create("a CSIDriver", "/apis/storage.k8s.io/v1/csidrivers", obj("storage.k8s.io/v1", "CSIDriver", {})),
    create(
        "a PriorityClass",
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        obj("scheduling.k8s.io/v1", "PriorityClass", value=7),
    ),
    create(
        "a ClusterRoleBinding",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        obj(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            roleRef={"kind": "ClusterRole", "name": "view"},
            subjects=[{"kind": "User", "name": "jane"}],
        ),
    ),
    create(
        "a LimitRange",
        f"{DEFAULT}/limitranges",
        obj("v1", "LimitRange", {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}),
    ),
    create(
        "a ResourceQuota", f"{DEFAULT}/resourcequotas", obj("v1", "ResourceQuota", {"hard": {"pods": "3"}})
    ),
    create(
        "a Lease",
        "/apis/coordination.k8s.io/v1/namespaces/default/leases",
        obj(
            "coordination.k8s.io/v1",
            "Lease",
            {"holderIdentity": "a", "renewTime": "2020-01-01T00:00:00.000000Z"},
        ),
    ),
    create(
        "an APIService",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        obj(
            "apiregistration.k8s.io/v1",
            "APIService",
            {
                "group": "x.y",
                "version": "v1",
                "groupPriorityMinimum": 10,
                "versionPriority": 10,
                "service": {"name": "a", "namespace": "b"},
                "insecureSkipTLSVerify": True,
            },
            name="v1.x.y",
        ),
    ),
    create(
        "a webhook",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        obj(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            webhooks=[
                {
                    "name": "a.b.c",
                    "clientConfig": {"service": {"name": "a", "namespace": "b"}},
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                    "rules": [
                        {
                            "operations": ["CREATE"],
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "resources": ["pods"],
                        }
                    ],
                }
            ],
        ),
    ),
    # --- what is refused
    create("no name", PODS, obj("v1", "Pod", POD, name="")),
    create("a bad name", PODS, {**pod(), "metadata": {"name": "A_b"}}),
    # One at a time: kube-apiserver looks at them in any order.
    create("a bad label", PODS, {**pod(), "metadata": {"name": "a", "labels": {"a b": "c"}}}),
    create("a bad value of a label", PODS, {**pod(), "metadata": {"name": "a", "labels": {"d": "-"}}}),
    create("bad annotations", PODS, {**pod(), "metadata": {"name": "a", "annotations": {"/": "c"}}}),
    create("no containers", PODS, obj("v1", "Pod", {"containers": []})),
    create("no spec", PODS, obj("v1", "Pod")),
    create(
        "two containers of one name",
        PODS,
        pod(containers=[{"name": "c", "image": "a"}, {"name": "c", "image": "b"}]),
    ),
    create("no image", PODS, pod(containers=[{"name": "c"}])),
    create(
        "a bad port",
        PODS,
        container(ports=[{"containerPort": 70000}, {"containerPort": 80, "protocol": "X", "name": "WRONG"}]),
    ),
    create("a bad pull policy", PODS, container(imagePullPolicy="Sometimes")),
    create("a bad restart policy", PODS, pod(restartPolicy="Sometimes")),
    create(
        "a request above its limit",
        PODS,
        container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
    ),
    create("a bad quantity", PODS, container(resources={"limits": {"cpu": "many"}})),
    create("a mount without volume", PODS, container(volumeMounts=[{"name": "v", "mountPath": "/x"}])),
    create(
        "two probes in one",
        PODS,
        container(livenessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
    ),
    create(
        "a bad environment",
        PODS,
        container(
            env=[{"name": ""}, {"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]
        ),
    ),
    create(
        "a bad toleration",
        PODS,
        pod(tolerations=[{"operator": "Equal"}, {"key": "a", "operator": "Exists", "value": "b"}]),
    ),
    create(
        "a bad affinity",
        PODS,
        pod(
            affinity={
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
            }
        ),
    ),
    create("a wrong type", PODS, pod(hostNetwork="yes")),
    create("another kind", PODS, obj("v1", "Service", {})),
    create("another version", PODS, obj("v2", "Pod", POD)),
    create("another namespace", PODS, {**pod(), "metadata": {"name": "a", "namespace": "b"}}),
    create("no JSON", PODS, "{"),
    create("an unknown priority class", PODS, pod(priorityClassName="none")),
    create("an absent namespace", f"{CORE}/namespaces/none/pods", pod()),
    create("an absent namespace for a map", f"{CORE}/namespaces/none/configmaps", obj("v1", "ConfigMap")),
    create(
        "a Deployment without selector",
        f"{APPS}/deployments",
        obj("apps/v1", "Deployment", {"template": {"spec": POD}}),
    ),
    create(
        "a selector that misses",
        f"{APPS}/deployments",
        workload("Deployment", {"metadata": {"labels": {"app": "b"}}, "spec": POD}),
    ),
    create("negative replicas", f"{APPS}/deployments", workload("Deployment", replicas=-1)),
    create(
        "a bad strategy",
        f"{APPS}/deployments",
        workload("Deployment", strategy={"type": "Recreate", "rollingUpdate": {}}),
    ),
    create(
        "both unavailable and surge 0",
        f"{APPS}/deployments",
        workload("Deployment", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
    ),
    create(
        "a Job that restarts always", f"{BATCH}/jobs", obj("batch/v1", "Job", {"template": {"spec": POD}})
    ),
    create(
        "a bad schedule",
        f"{BATCH}/cronjobs",
        obj(
            "batch/v1",
            "CronJob",
            {
                "schedule": "* * *",
                "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
            },
        ),
    ),
    service(ports=[]),
    service(ports=[{"port": 0}]),
    service(ports=[{"port": 80}, {"port": 81}]),
    service(ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]),
    service(type="Other"),
    service(clusterIP="10.96.0.1"),
    service(clusterIP="1.2.3.4"),
    service(clusterIP="x"),
    service(type="ExternalName"),
    service(type="ExternalName", externalName="a.b", clusterIP="10.96.0.9"),
    service(type="NodePort", ports=[{"port": 80, "nodePort": 80}]),
    service(sessionAffinity="Other"),
    service(externalTrafficPolicy="Local"),
    service(ipFamilies=["IPv5"]),
    service(externalIPs=["127.0.0.1", "x"]),
    service(type="LoadBalancer", loadBalancerSourceRanges=["x"]),
    service(trafficDistribution="Other"),
    create(
        "a bad Ingress",
        f"{NETWORKING}/namespaces/default/ingresses",
        obj(
            "networking.k8s.io/v1",
            "Ingress",
            {
                "rules": [
                    {"host": "A", "http": {"paths": [{"path": "x", "pathType": "Prefix", "backend": {}}]}}
                ]
            },
        ),
    ),
    create(
        "an empty Ingress",
        f"{NETWORKING}/namespaces/default/ingresses",
        obj("networking.k8s.io/v1", "Ingress", {}),
    ),
    create(
        "a bad NetworkPolicy",
        f"{NETWORKING}/namespaces/default/networkpolicies",
        obj(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}, "podSelector": {}}]}]},
        ),
    ),
    create(
        "a bad ServiceCIDR",
        f"{NETWORKING}/servicecidrs",
        obj("networking.k8s.io/v1", "ServiceCIDR", {"cidrs": ["10.0.0.1/24", "x"]}),
    ),
    create(
        "a bad IPAddress",
        f"{NETWORKING}/ipaddresses",
        obj("networking.k8s.io/v1", "IPAddress", {}, name="10.96.0.300"),
    ),
    create(
        "a bad EndpointSlice",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
        obj(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            addressType="IPv4",
            endpoints=[{"addresses": ["127.0.0.1", "x"]}],
            ports=[{"port": 0}],
        ),
    ),
    create("a bad ConfigMap", f"{DEFAULT}/configmaps", obj("v1", "ConfigMap", data={"a b": "c"})),
    create("a bad Secret", f"{DEFAULT}/secrets", obj("v1", "Secret", data={"a": "***"})),
    create(
        "a Secret for a registry",
        f"{DEFAULT}/secrets",
        obj("v1", "Secret", type="kubernetes.io/dockerconfigjson"),
    ),
    create(
        "a bad LimitRange",
        f"{DEFAULT}/limitranges",
        obj(
            "v1",
            "LimitRange",
            {"limits": [{"type": "Pod", "default": {"cpu": "1"}, "max": {"cpu": "1"}, "min": {"cpu": "2"}}]},
        ),
    ),
    create(
        "a bad quota",
        f"{DEFAULT}/resourcequotas",
        obj("v1", "ResourceQuota", {"hard": {"many": "3", "pods": "-1"}}),
    ),
    create(
        "a bad role",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        obj(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": []}],
        ),
    ),
    create(
        "a bad binding",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
        obj(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            roleRef={"kind": "X", "name": "a"},
            subjects=[{"kind": "Y", "name": ""}],
        ),
    ),
    create("a bad claim", f"{DEFAULT}/persistentvolumeclaims", obj("v1", "PersistentVolumeClaim", {})),
    create("a bad volume", f"{CORE}/persistentvolumes", obj("v1", "PersistentVolume", {})),
    create(
        "a bad HorizontalPodAutoscaler",
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        obj("autoscaling/v2", "HorizontalPodAutoscaler", {"maxReplicas": 0, "scaleTargetRef": {}}),
    ),
    create(
        "a bad budget",
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
        obj("policy/v1", "PodDisruptionBudget", {"minAvailable": 1, "maxUnavailable": "101%"}),
    ),
    create(
        "a bad CSR",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        obj("certificates.k8s.io/v1", "CertificateSigningRequest", {"request": "eA==", "signerName": "x"}),
    ),
    create(
        "a bad PriorityClass",
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        obj("scheduling.k8s.io/v1", "PriorityClass", value=2000000000, name="system-a"),
    ),
    create(
        "a bad Lease",
        "/apis/coordination.k8s.io/v1/namespaces/default/leases",
        obj("coordination.k8s.io/v1", "Lease", {"leaseDurationSeconds": 0}),
    ),
    create(
        "a bad webhook",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        obj(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            webhooks=[
                {"name": "a", "clientConfig": {}, "sideEffects": "Some", "admissionReviewVersions": []}
            ],
        ),
    ),
    create(
        "a bad policy",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        obj(
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            {
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "operations": ["CREATE"],
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "resources": ["pods"],
                        }
                    ]
                },
                "validations": [{"expression": "object.x > 'a' && nope"}, {"expression": "1"}],
            },
        ),
    ),
    create(
        "a bad APIService",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        obj("apiregistration.k8s.io/v1", "APIService", {"group": "x.y", "version": "v1"}, name="v1.x"),
    ),
    create(
        "a bad definition",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        obj(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            {
                "group": "x",
                "scope": "Some",
                "names": {"plural": "As", "kind": "A"},
                "versions": [{"name": "v1", "served": True, "storage": True}],
            },
            name="as.x",
        ),
    ),
    # --- what is not there, and how it is asked for
    Asked("no pod", "GET", f"{PODS}/none"),
    Asked("no deployment", "GET", f"{APPS}/deployments/none"),
    Asked("no resource", "GET", f"{DEFAULT}/nothings"),
    Asked("no group", "GET", "/apis/none.example/v1/things"),
    Asked("no version", "GET", "/apis/apps/v9/deployments"),
    Asked("no path", "GET", "/none"),
    Asked("deleting nothing", "DELETE", f"{PODS}/none"),
    Asked("updating nothing", "PUT", f"{PODS}/a", pod()),
    Asked("patching nothing", "PATCH", f"{PODS}/none", {}, "application/merge-patch+json"),
    Asked("a patch of no type", "PATCH", f"{PODS}/none", {}, "text/plain"),
    Asked("a body of no type", "POST", PODS, "x", "text/plain"),
    Asked("an answer of no type", "GET", f"{CORE}/namespaces/default", accept="text/html"),
    Asked("creating with a name in the path", "POST", f"{PODS}/a", pod()),
    Asked("patching a list", "PATCH", PODS, {}, "application/merge-patch+json"),
    Asked("a bad label selector", "GET", f"{PODS}?labelSelector=a%20b"),
    Asked("an operator that is none", "GET", f"{PODS}?labelSelector=a%20within%20(b)"),
    Asked("a bad field selector", "GET", f"{PODS}?fieldSelector=spec.none%3Dx"),
    Asked("a bad continue", "GET", f"{PODS}?limit=1&continue=x"),
    Asked("a bad limit", "GET", f"{PODS}?limit=x"),
    Asked("a bad version", "GET", f"{PODS}?resourceVersion=x"),
    Asked("a match without version", "GET", f"{PODS}?resourceVersionMatch=Exact"),
    Asked("a match that is none", "GET", f"{PODS}?resourceVersion=1&resourceVersionMatch=Some"),
    Asked("a dry run that is none", "POST", f"{PODS}?dryRun=Some", pod()),
    Asked("a propagation that is none", "DELETE", f"{CORE}/namespaces/none?propagationPolicy=Some"),
    Asked("a field manager that is too long", "POST", f"{PODS}?{DRY}&fieldManager={'a' * 200}", pod()),
    Asked("unknown fields, strictly", "POST", f"{PODS}?{DRY}&fieldValidation=Strict", pod(nothing=1)),
    Asked("a field validation that is none", "POST", f"{PODS}?{DRY}&fieldValidation=Some", pod()),
    Asked("applying without a manager", "PATCH", f"{PODS}/a", pod(), "application/apply-patch+yaml"),
    Asked("deleting a namespace that stays", "DELETE", f"{CORE}/namespaces/default"),
    Asked(
        "a namespace's metadata",
        "PATCH",
        f"{CORE}/namespaces/default?{DRY}",
        {"metadata": {"uid": "x"}},
        "application/merge-patch+json",
    ),
    Asked(
        "another resource version",
        "PATCH",
        f"{CORE}/namespaces/default?{DRY}",
        {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}},
        "application/merge-patch+json",
    ),
    Asked(
        "a JSON patch that does not fit",
        "PATCH",
        f"{CORE}/namespaces/default?{DRY}",
        [{"op": "remove", "path": "/none"}],
        "application/json-patch+json",
    ),
    Asked(
        "a JSON patch whose test fails",
        "PATCH",
        f"{CORE}/namespaces/default?{DRY}",
        [{"op": "test", "path": "/kind", "value": "x"}],
        "application/json-patch+json",
    ),
    Asked(
        "a patch that is none",
        "PATCH",
        f"{CORE}/namespaces/default?{DRY}",
        "{",
        "application/merge-patch+json",
    ),
    Asked(
        "a review of nobody",
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        obj("authorization.k8s.io/v1", "SubjectAccessReview", {}),
    ),
    Asked(
        "who I am",
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
    ),
    Asked(
        "a token for nobody",
        "POST",
        f"{DEFAULT}/serviceaccounts/none/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ),
    Asked("a log of nothing", "GET", f"{PODS}/none/log"),
    Asked("a scale of nothing", "GET", f"{APPS}/deployments/none/scale"),
    Asked("a subresource that is none", "GET", f"{PODS}/none/nothing"),
    Asked("the components", "GET", "/api/v1/componentstatuses/none"),
)

# The same code and reason in other words, or with other causes beside the first.
WORDED_DIFFERENTLY: frozenset[str] = frozenset(
    {
        "Service {'clusterIP': 'x'}",
        "Service {'ports': [{'port': 80, 'name': 'a'}, {'port': 80, 'name': 'b'}]}",
        "Service {'trafficDistribution': 'Other'}",
        "Service {'type': 'ExternalName', 'externalName': 'a.b', 'clusterIP': '10.96.0.9'}",
        "a Deployment without selector",
        "a JSON patch that does not fit",
        "a JSON patch whose test fails",
        "a Job that restarts always",
        "a bad EndpointSlice",
        "a bad HorizontalPodAutoscaler",
        "a bad Ingress",
        "a bad LimitRange",
        "a bad NetworkPolicy",
        "a bad ServiceCIDR",
        "a bad binding",
        "a bad budget",
        "a bad continue",
        "a bad definition",
        "a bad environment",
        "a bad quota",
        "a bad restart policy",
        "a bad toleration",
        "a bad volume",
        "a bad webhook",
        "a body of no type",
        "a patch of no type",
        "a patch that is none",
        "a review of nobody",
        "an answer of no type",
        "an empty Ingress",
        "another kind",
        "another version",
        "no JSON",
        "the components",
    }
)
# By title: why the answers differ.
DIFFERING: dict[str, str] = {
    "a Node": "fields of its status that nobody filled in are absent",
    "Service {'clusterIP': '10.96.0.1'}": "a dry run asks the allocator here",
    "Service {'type': 'NodePort', 'ports': [{'port': 80, 'nodePort': 80}]}": "a dry run asks the allocator here",
    "a namespace's metadata": "another uid in a patch is a conflict here, as it is in an update",
    "who I am": "the credential-id is the hash of the certificate, and each server has a CA of its own",
}
