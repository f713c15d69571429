"""Apply from both sides, diff, prune, field validation."""

from tests.lab.kubectl_chapters.step import Chapter, Step

OWNERS = "jsonpath={range .metadata.managedFields[*]}{.manager}/{.operation} {end}"
STEPS = (
    Step("diff -f {dir}/app.yaml", code=1, like=r"^\+  name: app$"),
    Step("apply -f {dir}/app.yaml", "configmap/app created"),
    Step("apply -f {dir}/app.yaml", "configmap/app unchanged"),
    Step("diff -f {dir}/app.yaml", "", err="^$"),
    Step("diff -f {dir}/app2.yaml", code=1, like=r"^-  gone: \"2\"$"),
    Step("apply -f {dir}/app2.yaml --dry-run=client", "configmap/app configured (dry run)"),
    Step("apply -f {dir}/app2.yaml --dry-run=server", "configmap/app configured (server dry run)"),
    Step("get cm app -o jsonpath={.data}", '{"gone":"2","keep":"1"}'),
    Step("""patch cm app --type=merge -p '{"data":{"foreign":"x"}}'""", "configmap/app patched"),
    Step("apply -f {dir}/app2.yaml", "configmap/app configured"),
    Step("get cm app -o jsonpath={.data}", '{"foreign":"x","keep":"changed"}'),
    Step("apply view-last-applied cm app", like=r"^  keep: changed$"),
    Step("apply set-last-applied -f {dir}/app2.yaml", like="configmap/app"),
    Step("apply -f {dir}/list.yaml", "configmap/l1 created\ndeployment.apps/l2 created"),
    Step("apply -f {dir}/list.yaml", "configmap/l1 unchanged\ndeployment.apps/l2 unchanged"),
    Step("apply -f {dir}/list2.yaml", "deployment.apps/l2 configured"),
    Step("get deploy l2 -o jsonpath={.spec.template.spec.containers[*].name}", "c"),
    Step(
        "apply -f {dir}/list2.yaml --prune -l part=list --prune-allowlist=core/v1/ConfigMap",
        "deployment.apps/l2 unchanged\nconfigmap/l1 pruned",
    ),
    Step("apply --server-side -f {dir}/ssa.yaml", "deployment.apps/ssa serverside-applied"),
    Step(f"get deploy ssa --show-managed-fields -o '{OWNERS}'", like=r"kubectl/Apply"),
    Step(
        "apply --server-side --field-manager=other -f {dir}/ssa-other.yaml",
        code=1,
        err=r'conflict with "kubectl": .spec.replicas',
    ),
    Step(
        "apply --server-side --field-manager=other --force-conflicts -f {dir}/ssa-other.yaml",
        "deployment.apps/ssa serverside-applied",
    ),
    Step("get deploy ssa -o jsonpath={.spec.replicas}", "0"),
    Step("apply --server-side -f {dir}/ssa-less.yaml", "deployment.apps/ssa serverside-applied"),
    Step("get deploy ssa -o jsonpath={.spec.template.spec.containers[0].env}{.metadata.labels}", ""),
    Step("get deploy ssa -o jsonpath={.spec.replicas}", "0"),
    Step(
        "apply --server-side --dry-run=server -f {dir}/ssa.yaml --force-conflicts",
        "deployment.apps/ssa serverside-applied (server dry run)",
    ),
    Step("diff --server-side -f {dir}/ssa.yaml --force-conflicts", code=1, like=r"^\+.*replicas: 2$"),
    Step(
        "apply --server-side -f {dir}/ssa-bad.yaml",
        code=1,
        err=r"nothing: field not declared in schema|unknown field",
    ),
    Step("apply -f {dir}/typo.yaml", code=1, err=r'strict decoding error: unknown field "spec.replica"'),
    Step(
        "apply -f {dir}/typo.yaml --validate=warn",
        "deployment.apps/typo created",
        err=r'Warning: unknown field "spec.replica"',
    ),
    Step("apply -f {dir}/typo.yaml --validate=ignore", like="deployment.apps/typo"),
    Step(
        "create --raw /api/v1/namespaces/applying/configmaps?fieldValidation=Strict -f {dir}/double.json",
        code=1,
        err=r'strict decoding error: duplicate field "data.a"',
    ),
    Step("apply -f {dir}/kinds.yaml", code=1, err='no matches for kind "Nothing" in version "v1"'),
    Step("apply -f {dir}/wrongtype.yaml", code=1, err=r"unmarshal|cannot|invalid"),
    Step("create --edit -f {dir}/edited.yaml", "configmap/edited created", editor="sed -i s/before/after/"),
    Step("get cm edited -o jsonpath={.data.v}", "after"),
    Step("apply edit-last-applied cm app", like="configmap/app edited", editor="sed -i s/changed/again/"),
    Step("apply -k {dir}", "configmap/k-made created"),
    Step("kustomize {dir}", like="^  name: k-made$"),
)
FILES = {
    "app.yaml": '{apiVersion: v1, kind: ConfigMap, metadata: {name: app}, data: {keep: "1", gone: "2"}}',
    "app2.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: app}, data: {keep: changed}}",
    "list.yaml": """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1, labels: {part: list}}, data: {a: b}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: l2, labels: {part: list}}
  spec:
    replicas: 0
    selector: {matchLabels: {app: l2}}
    template:
      metadata: {labels: {app: l2}}
      spec: {containers: [{name: c, image: i}, {name: side, image: j}]}
""",
    "list2.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: l2, labels: {part: list}}
spec:
  replicas: 0
  selector: {matchLabels: {app: l2}}
  template:
    metadata: {labels: {app: l2}}
    spec: {containers: [{name: c, image: i}]}
""",
    "ssa.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: ssa, labels: {mine: "yes"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ssa}}
  template:
    metadata: {labels: {app: ssa}}
    spec: {containers: [{name: c, image: i, env: [{name: A, value: b}]}]}
""",
    "ssa-other.yaml": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: ssa}, spec: {replicas: 0}}",
    "ssa-less.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: ssa}
spec:
  selector: {matchLabels: {app: ssa}}
  template:
    metadata: {labels: {app: ssa}}
    spec: {containers: [{name: c, image: i}]}
""",
    "ssa-bad.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, nothing: 1}",
    "typo.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: typo}
spec:
  replica: 3
  replicas: 0
  selector: {matchLabels: {app: typo}}
  template:
    metadata: {labels: {app: typo}}
    spec: {containers: [{name: c, image: i}]}
""",
    "double.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"double"},"data":{"a":"b","a":"c"}}',
    "kinds.yaml": "{apiVersion: v1, kind: Nothing, metadata: {name: thing}}",
    "wrongtype.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: n}, spec: {containers: 5}}",
    "edited.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: edited}, data: {v: before}}",
    "kustomization.yaml": "namePrefix: k-\nresources: [made.yaml]\n",
    "made.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: made}, data: {v: k}}",
}
CHAPTER = Chapter("applying", STEPS, FILES)
