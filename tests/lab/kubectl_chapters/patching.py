"""The patch types, and the commands that patch: label, annotate, taint, set, scale, edit, replace."""

from tests.lab.kubectl_chapters.step import Chapter, Step

CONTAINERS = "jsonpath={range .spec.template.spec.containers[*]}{.name}={.image},{end}"
STEPS = (
    Step("create deployment d --image=a/one --replicas=0", "deployment.apps/d created"),
    Step(
        """patch deployment d -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s"}]}}}}'""",
        "deployment.apps/d patched",
    ),
    Step(f"get deployment d -o '{CONTAINERS}'", "side=s,one=a/one,"),
    Step(
        """patch deployment d -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}}'""",
        "deployment.apps/d patched",
    ),
    Step(f"get deployment d -o '{CONTAINERS}'", "one=a/one,"),
    Step(
        """patch deployment d --type=merge -p '{"metadata":{"labels":{"app":null,"x":"y"}}}'""",
        "deployment.apps/d patched",
    ),
    Step("get deployment d -o jsonpath={.metadata.labels}", '{"x":"y"}'),
    Step(
        """patch deployment d --type=json -p '[{"op":"replace","path":"/spec/replicas","value":2},{"op":"test","path":"/spec/replicas","value":2}]'""",
        "deployment.apps/d patched",
    ),
    Step(
        """patch deployment d --type=json -p '[{"op":"test","path":"/spec/replicas","value":9}]'""",
        code=1,
        err="the server rejected our request due to an error in our request|testing value",
    ),
    Step(
        """patch deployment d --type=json -p '[{"op":"remove","path":"/spec/nothing"}]'""",
        code=1,
        err="Unable to remove|nonexistent|the server rejected",
    ),
    Step(
        """patch deployment d -p '{"metadata":{"labels":{"x":"y"}}}'""",
        "deployment.apps/d patched (no change)",
    ),
    Step(
        """patch deployment d -p '{"spec":{"selector":{"matchLabels":{"a":"b"}}}}'""",
        code=1,
        err=r"spec.selector: Invalid value: .*field is immutable",
    ),
    Step(
        """patch deployment d -p '{"spec":{"replicas":3}}' --dry-run=server -o jsonpath={.spec.replicas}""",
        "3",
    ),
    Step("get deployment d -o jsonpath={.spec.replicas}", "2"),
    Step(
        """patch deployment d --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'""",
        "scale.autoscaling/d patched",
    ),
    Step("get deployment d --subresource=scale -o jsonpath={.kind}/{.spec.replicas}", "Scale/1"),
    Step("get deployment d -o jsonpath={.metadata.generation}", like=r"^\d+$"),
    Step("""patch deployment nothing -p '{}'""", code=1, err=r'deployments.apps "nothing" not found'),
    Step("scale deployment d --replicas=0 --current-replicas=1", "deployment.apps/d scaled"),
    Step(
        "scale deployment d --replicas=4 --current-replicas=7", code=1, err="Expected replicas to be 7, was 0"
    ),
    Step("label deployment d env=dev", "deployment.apps/d labeled"),
    Step(
        "label deployment d env=prod",
        code=1,
        err="'env' already has a value \\(dev\\), and --overwrite is false",
    ),
    Step("label deployment d env=prod --overwrite", "deployment.apps/d labeled"),
    Step("label deployment d env=prod --overwrite", "deployment.apps/d not labeled"),
    Step("label deployment d env-", "deployment.apps/d unlabeled"),
    Step("label deployment d 'bad key=v'", code=1, err="name part must consist of|invalid label"),
    Step("label deployment d k=bad/value", code=1, err="a valid label must be an empty string or consist of"),
    Step("label --all deployments all=yes", "deployment.apps/d labeled"),
    Step("label deployments -l all=yes --list", like="all=yes"),
    Step("annotate deployment d note='some text'", "deployment.apps/d annotated"),
    Step("get deployment d -o jsonpath={.metadata.annotations.note}", "some text"),
    Step("annotate deployment d note-", "deployment.apps/d annotated"),
    Step("create -f {dir}/node.yaml", "node/patching-node created"),
    Step("taint node patching-node key=value:NoSchedule", "node/patching-node tainted"),
    Step("get node patching-node -o jsonpath='{.spec.taints[?(@.key==\"key\")].effect}'", "NoSchedule"),
    Step("taint node patching-node key=other:NoSchedule", code=1, err="already has key taint"),
    Step("taint node patching-node key:NoSchedule-", "node/patching-node untainted"),
    Step("taint node patching-node key=v:Bad", code=1, err="invalid taint effect: Bad"),
    Step("cordon patching-node", "node/patching-node cordoned"),
    Step("cordon patching-node", "node/patching-node already cordoned"),
    Step("get node patching-node", like=r"SchedulingDisabled"),
    Step("drain patching-node", like="node/patching-node drained"),
    Step("uncordon patching-node", "node/patching-node uncordoned"),
    Step("delete node patching-node", 'node "patching-node" deleted'),
    Step("set image deployment/d one=b/two", "deployment.apps/d image updated"),
    Step(f"get deployment d -o '{CONTAINERS}'", "one=b/two,"),
    Step("set image deployment/d nothing=x", code=1, err='unable to find container named "nothing"'),
    Step("set env deployment/d A=1 B=2", "deployment.apps/d env updated"),
    Step("set env deployment/d --list", like=r"^A=1\nB=2$"),
    Step("set env deployment/d B-", "deployment.apps/d env updated"),
    Step(
        "get deployment d -o jsonpath={.spec.template.spec.containers[0].env}", '[{"name":"A","value":"1"}]'
    ),
    Step("create configmap vars --from-literal=COLOUR=blue", "configmap/vars created"),
    Step("set env deployment/d --from=configmap/vars", "deployment.apps/d env updated"),
    Step(
        "set resources deployment d --limits=cpu=200m,memory=64Mi --requests=cpu=0.1",
        "deployment.apps/d resource requirements updated",
    ),
    Step(
        "get deployment d -o jsonpath={.spec.template.spec.containers[0].resources}",
        '{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"100m"}}',
    ),
    Step(
        "set resources deployment d --requests=cpu=1",
        code=1,
        err=r"must be less than or equal to cpu limit of 200m",
    ),
    Step("set serviceaccount deployment d robot", "deployment.apps/d serviceaccount updated"),
    Step("create service clusterip s --tcp=80", "service/s created"),
    Step("set selector service s app=other", "service/s selector updated"),
    Step("get service s -o jsonpath={.spec.selector}", '{"app":"other"}'),
    Step(
        "create rolebinding rb --clusterrole=view --user=a",
        "rolebinding.rbac.authorization.k8s.io/rb created",
    ),
    Step("set subject rolebinding rb --user=b", "rolebinding.rbac.authorization.k8s.io/rb subjects updated"),
    Step("edit configmap vars", "configmap/vars edited", editor="sed -i s/blue/green/"),
    Step("get configmap vars -o jsonpath={.data.COLOUR}", "green"),
    Step("edit configmap vars", err="Edit cancelled, no changes made"),
    Step(
        "edit deployment d",
        code=1,
        err='deployments.apps "d" is invalid',
        editor="sed -i 's/^      app: d$/      app: e/;s/^        app: d$/        app: e/'",
    ),
    Step("get configmap vars -o yaml", like="COLOUR: green"),
    Step("replace -f {dir}/vars.yaml", "configmap/vars replaced"),
    Step("get configmap vars -o jsonpath={.data}", '{"COLOUR":"red"}'),
    Step(
        "replace -f {dir}/stale.yaml",
        code=1,
        err="the object has been modified; please apply your changes to the latest version and try again",
    ),
    Step("replace -f {dir}/absent.yaml", code=1, err=r'configmaps "absent" not found'),
    Step("replace --force -f {dir}/vars.yaml", 'configmap "vars" deleted\nconfigmap/vars replaced'),
    Step(
        "replace --raw /api/v1/namespaces/patching/configmaps/vars -f {dir}/raw.json", like='"COLOUR":"black"'
    ),
    Step("""patch configmap vars --type=merge -p '{"immutable":true}'""", "configmap/vars patched"),
    Step(
        """patch configmap vars --type=merge -p '{"data":{"a":"b"}}'""",
        code=1,
        err=r"data: Forbidden: field is immutable when `immutable` is set",
    ),
)
FILES = {
    "node.yaml": "{apiVersion: v1, kind: Node, metadata: {name: patching-node}}",
    "vars.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: vars}, data: {COLOUR: red}}",
    "stale.yaml": '{apiVersion: v1, kind: ConfigMap, metadata: {name: vars, resourceVersion: "1"}, data: {COLOUR: blue}}',
    "absent.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: absent}}",
    "raw.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"vars"},"data":{"COLOUR":"black"}}',
}
CHAPTER = Chapter("patching", STEPS, FILES)
