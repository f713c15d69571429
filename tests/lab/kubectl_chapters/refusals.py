"""What is refused, and in which words."""

from tests.lab.kubectl_chapters.step import Chapter, Step


def _refused(text: str, err: str) -> Step:
    return Step("create --validate=false -f -", code=1, err=err, stdin=text)


def _pod(spec: str, metadata: str = "name: p") -> str:
    return f"{{apiVersion: v1, kind: Pod, metadata: {{{metadata}}}, spec: {{{spec}}}}}"


def _service(spec: str) -> str:
    return f"{{apiVersion: v1, kind: Service, metadata: {{name: s}}, spec: {{{spec}}}}}"


STEPS = (
    _refused(_pod("containers: []"), r'The Pod "p" is invalid: spec.containers: Required value'),
    _refused(_pod("containers: [{image: i}]"), r"spec.containers\[0\].name: Required value"),
    _refused(
        _pod("containers: [{name: A, image: i}]"),
        r'spec.containers\[0\].name: Invalid value: "A": a lowercase RFC 1123 label',
    ),
    _refused(
        _pod("containers: [{name: a, image: i}, {name: a, image: i}]"),
        r'spec.containers\[1\].name: Duplicate value: "a"',
    ),
    _refused(
        _pod("containers: [{name: a, image: i}]", "name: UPPER"),
        r'metadata.name: Invalid value: "UPPER": a lowercase RFC 1123 subdomain',
    ),
    _refused(
        _pod("containers: [{name: a, image: i}]", "labels: {}"),
        r"name or generateName is required|resource name may not be empty",
    ),
    _refused(
        _pod("containers: [{name: a, image: i}]", "name: p, labels: {a: 'b c'}"),
        r'metadata.labels: Invalid value: "b c"',
    ),
    _refused(
        _pod("containers: [{name: a, image: i, ports: [{containerPort: 70000}]}]"),
        r"containerPort: Invalid value: 70000: must be between 1 and 65535",
    ),
    _refused(
        _pod("containers: [{name: a, image: i, imagePullPolicy: Never2}]"),
        r'imagePullPolicy: Unsupported value: "Never2": supported values: "Always", "IfNotPresent", "Never"',
    ),
    _refused(
        _pod("restartPolicy: Sometimes, containers: [{name: a, image: i}]"),
        r'spec.restartPolicy: Unsupported value: "Sometimes"',
    ),
    _refused(
        _pod("containers: [{name: a, image: i, volumeMounts: [{name: v, mountPath: /v}]}]"),
        r'volumeMounts\[0\].name: Not found: "v"',
    ),
    _refused(
        _pod("containers: [{name: a, image: i, resources: {requests: {cpu: -1}}}]"),
        r"must be greater than or equal to 0",
    ),
    _refused(
        _pod("containers: [{name: a, image: i, resources: {requests: {cpu: lots}}}]"),
        r"quantities must match the regular expression",
    ),
    _refused(
        _pod("priorityClassName: none, containers: [{name: a, image: i}]"),
        r"no PriorityClass with name none was found",
    ),
    _refused(
        _pod("containers: [{name: a, image: i}]", "name: p, namespace: elsewhere"),
        r"the namespace from the provided object \"elsewhere\" does not match",
    ),
    _refused(_service("ports: []"), r"spec.ports: Required value"),
    _refused(
        _service("clusterIP: 1.2.3.4, ports: [{port: 80}]"),
        r'spec.clusterIPs: Invalid value: \["1.2.3.4"\]: failed to allocate IP|not in the valid range',
    ),
    _refused(
        _service("type: NodePort, ports: [{port: 80, nodePort: 80}]"),
        r"Invalid value: 80: provided port is not in the valid range",
    ),
    _refused(_service("ports: [{port: 80}, {port: 81}]"), r"spec.ports\[0\].name: Required value"),
    _refused(_service("type: Odd, ports: [{port: 80}]"), r'spec.type: Unsupported value: "Odd"'),
    _refused(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {selector: {matchLabels: {a: b}}, template: "
        "{metadata: {labels: {c: d}}, spec: {containers: [{name: a, image: i}]}}}}",
        r"spec.template.metadata.labels: Invalid value: .*`selector` does not match template `labels`",
    ),
    _refused(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {template: "
        "{metadata: {labels: {c: d}}, spec: {containers: [{name: a, image: i}]}}}}",
        r"spec.selector: Required value",
    ),
    _refused(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {'bad key!': a}}",
        r"a valid config key must consist of",
    ),
    _refused(
        "{apiVersion: v1, kind: Secret, metadata: {name: c}, type: kubernetes.io/tls}",
        r"data\[tls.crt\]: Required value",
    ),
    _refused(
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: c}, spec: {}}",
        r"must be specified|Required value",
    ),
    _refused(
        "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 0, "
        "scaleTargetRef: {kind: Deployment, name: d, apiVersion: apps/v1}}}",
        r"spec.maxReplicas: Invalid value: 0: must be greater than 0",
    ),
    _refused("{apiVersion: v1, kind: Pod, metadata: [], spec: {}}", r"metadata|cannot"),
    _refused(
        "{apiVersion: v1, kind: Namespace, metadata: {name: no.dots}}",
        r'metadata.name: Invalid value: "no.dots"',
    ),
    Step("create cm c -n nowhere", code=1, err=r'namespaces "nowhere" not found'),
    Step(
        "create --raw /api/v1/namespaces/refusals/configmaps -f -",
        code=1,
        err="is not valid|json parse error|invalid|rejected",
        stdin="{nonsense",
    ),
    Step(
        "create --raw /api/v1/namespaces/refusals/configmaps -f -",
        code=1,
        err="does not match the expected",
        stdin='{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}',
    ),
    Step(
        "replace --raw /api/v1/namespaces/refusals/configmaps/other -f -",
        code=1,
        err=r"does not match",
        stdin='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}',
    ),
    Step("delete --raw /api/v1", code=1, err="not allowed|NotFound|could not find|does not allow"),
)
CHAPTER = Chapter("refusals", STEPS)
