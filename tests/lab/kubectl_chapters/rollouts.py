"""Rollout verbs on Deployments, DaemonSets and StatefulSets; conditions; a node's status writes done by hand."""

from tests.lab.kubectl_chapters.step import Chapter, Step

READY = (
    '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2020-01-01T00:00:00Z"}],'
    '"containerStatuses":[{"name":"web","image":"a","imageID":"","ready":true,"restartCount":0,"state":{"running":{}}}]}}'
)
STEPS = (
    Step("create deployment web --image=a --replicas=0", "deployment.apps/web created"),
    Step("rollout status deployment/web --timeout=50s", 'deployment "web" successfully rolled out'),
    Step("annotate deployment web kubernetes.io/change-cause=first", "deployment.apps/web annotated"),
    Step("set image deployment/web a=b", "deployment.apps/web image updated"),
    Step("rollout status deployment/web --timeout=50s", like="successfully rolled out"),
    Step(
        "annotate deployment web kubernetes.io/change-cause=second --overwrite",
        "deployment.apps/web annotated",
    ),
    Step(
        "get deployment web -o jsonpath={.metadata.annotations.deployment\\\\.kubernetes\\\\.io/revision}",
        "2",
        eventually=True,
    ),
    Step(
        "rollout history deployment/web", like=r"^REVISION +CHANGE-CAUSE\n1 +\S+\n2 +second", eventually=True
    ),
    Step("rollout history deployment/web --revision=1", like=r"Image:\s+a$"),
    Step("rollout history deployment/web --revision=9", code=1, err="unable to find the specified revision"),
    Step("rollout undo deployment/web", "deployment.apps/web rolled back"),
    Step("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}", "a"),
    Step(
        "get deployment web -o jsonpath={.metadata.annotations.deployment\\\\.kubernetes\\\\.io/revision}",
        "3",
        eventually=True,
    ),
    Step("rollout undo deployment/web --to-revision=2", "deployment.apps/web rolled back"),
    Step("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}", "b"),
    Step("rollout pause deployment/web", "deployment.apps/web paused"),
    Step("rollout pause deployment/web", code=1, err="is already paused"),
    Step("set env deployment/web A=b", "deployment.apps/web env updated"),
    Step("rollout undo deployment/web", code=1, err="you cannot rollback a paused deployment"),
    Step("rollout resume deployment/web", "deployment.apps/web resumed"),
    Step("rollout restart deployment/web", "deployment.apps/web restarted"),
    Step(
        "get deployment web -o jsonpath={.spec.template.metadata.annotations}",
        like="kubectl.kubernetes.io/restartedAt",
    ),
    Step("rollout status deployment/web --timeout=50s", like="successfully rolled out"),
    Step("get rs -l app=web --no-headers", like=r"(web-.*\n){3,}", eventually=True),
    Step("scale deployment/web --replicas=1", "deployment.apps/web scaled"),
    Step(
        "rollout status deployment/web --timeout=500ms",
        code=1,
        err="timed out waiting|exceeded|deadline",
        eventually=True,
    ),
    Step(
        "wait deployment/web --for=condition=Available=False --timeout=50s",
        "deployment.apps/web condition met",
    ),
    Step("wait pod -l app=web --for=create --timeout=50s", like="condition met"),
    Step("wait pod -l app=web --for=jsonpath={.status.phase}=Pending --timeout=50s", like="condition met"),
    Step("wait pod -l app=web --for=condition=PodScheduled=False --timeout=50s", like="condition met"),
    Step(
        "get events --field-selector=reason=FailedScheduling",
        like=r"0/\d+ nodes are available|no nodes available",
        eventually=True,
    ),
    Step("events --types=Warning", like="FailedScheduling"),
    Step(
        'patch deployment web -p \'{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"c"}]}}}}\'',
        "deployment.apps/web patched",
    ),
    Step("create statefulset web", code=1, err="unknown|Error|error"),
    Step(
        "apply -f {dir}/sets.yaml",
        "statefulset.apps/sts created\ndaemonset.apps/ds created\nreplicaset.apps/solo created",
    ),
    Step(
        "rollout status statefulset/sts --timeout=50s",
        like="partitioned roll out complete|statefulset rolling update complete 0 pods",
    ),
    Step("rollout status daemonset/ds --timeout=50s", 'daemon set "ds" successfully rolled out'),
    Step("set image statefulset/sts c=j", "statefulset.apps/sts image updated"),
    Step("rollout history statefulset/sts", like=r"^2 ", eventually=True),
    Step("rollout undo statefulset/sts", "statefulset.apps/sts rolled back"),
    Step("set image daemonset/ds c=j", "daemonset.apps/ds image updated"),
    Step("rollout history daemonset/ds", like=r"^2 ", eventually=True),
    Step("rollout undo daemonset/ds", "daemonset.apps/ds rolled back"),
    Step("get daemonset ds -o jsonpath={.spec.template.spec.containers[0].image}", "i"),
    Step("rollout restart daemonset/ds", "daemonset.apps/ds restarted"),
    Step("get pods -l app=solo --no-headers", like="^solo-", eventually=True),
    Step("label pods -l app=solo found=yes", like="labeled"),
    Step(
        'patch rs solo --subresource=status --type=merge -p \'{"status":{"replicas":1}}\'',
        like="replicaset.apps/solo patched",
    ),
    Step("run ready --image=a", "pod/ready created"),
    Step(f"patch pod ready --subresource=status -p '{READY.replace('web', 'ready')}'", "pod/ready patched"),
    Step("wait pod/ready --for=condition=Ready --timeout=50s", "pod/ready condition met"),
    Step("get pod ready", like=r"^ready +1/1 +Running +0 "),
    Step("expose pod ready --port=80", "service/ready exposed"),
    Step("get pods -l run=ready -o jsonpath={.items[*].status.phase}", "Running"),
    Step("scale rs/solo --replicas=0", "replicaset.apps/solo scaled"),
    Step("get rs solo -o jsonpath={.status.replicas}", "0", eventually=True),
)
FILES = {
    "sets.yaml": """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: sts}
spec:
  replicas: 0
  serviceName: sts
  selector: {matchLabels: {app: sts}}
  template: {metadata: {labels: {app: sts}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds}
spec:
  selector: {matchLabels: {app: ds}}
  template:
    metadata: {labels: {app: ds}}
    spec: {nodeSelector: {no: such}, containers: [{name: c, image: i}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: solo}
spec:
  replicas: 1
  selector: {matchLabels: {app: solo}}
  template: {metadata: {labels: {app: solo}}, spec: {containers: [{name: c, image: i}]}}
"""
}
CHAPTER = Chapter("rollouts", STEPS, FILES)
