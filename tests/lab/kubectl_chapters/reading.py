"""Get in all output forms, describe, explain, discovery, raw paths, chunks."""

from tests.lab.kubectl_chapters.step import Chapter, Step

STEPS = (
    Step(
        "create -f {dir}/things.yaml",
        "configmap/zeta created\nconfigmap/alpha created\nconfigmap/mid created\n"
        "pod/one created\npod/two created\nservice/svc created",
    ),
    Step("get cm alpha -o name", "configmap/alpha"),
    Step(
        "get configmaps,services -o name -l set=yes",
        "configmap/alpha\nconfigmap/mid\nconfigmap/zeta\nservice/svc",
    ),
    Step("get cm -l set=yes --no-headers", like=r"^alpha +1 +\d+s\nmid +1 +\d+s\nzeta +1 +\d+s$"),
    Step("get cm -l set=yes --show-labels", like=r"^alpha .* order=1,set=yes$"),
    Step("get cm -l set=yes -L order", like=r"^NAME +DATA +AGE +ORDER\nalpha +1 +\d+s +1$"),
    Step("get cm -l set=yes --sort-by=.data.rank -o name", "configmap/zeta\nconfigmap/mid\nconfigmap/alpha"),
    Step("get cm -l set=yes --sort-by={.metadata.labels.order}", like=r"alpha[^\0]*zeta[^\0]*mid"),
    Step(
        "get cm -l set=yes -o custom-columns=N:.metadata.name,R:.data.rank",
        "N       R\nalpha   3\nmid     2\nzeta    1",
    ),
    Step("get cm -l set=yes -o custom-columns-file={dir}/columns", like=r"^RANK\n3\n2\n1$"),
    Step(
        "get cm -l set=yes -o jsonpath='{range .items[*]}{.metadata.name}={.data.rank};{end}'",
        "alpha=3;mid=2;zeta=1;",
    ),
    Step("get cm alpha -o jsonpath-as-json={.data}", '[\n    {\n        "rank": "3"\n    }\n]'),
    Step("get cm alpha -o go-template='{{.data.rank}}'", "3"),
    Step("get cm alpha -o json", like=r'"kind": "ConfigMap"'),
    Step("get cm alpha -o yaml", like=r"^  rank: \"3\"$"),
    Step("get cm alpha -o yaml --show-managed-fields", like=r"apiVersion: v1"),
    Step(
        "get pods one -o wide",
        like=r"^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\n"
        r"one +0/2 +Pending +0 +\d+s +<none> +<none> +<none> +<none>",
    ),
    Step(
        "get svc svc -o wide", like=r"^svc +ClusterIP +10\.96\.\d+\.\d+ +<none> +80/TCP,53/UDP +\d+s +app=one"
    ),
    Step("get pods -l 'app in (one,two),tier!=back' -o name", "pod/one"),
    Step("get pods -l '!tier' -o name", "pod/one"),
    Step("get pods -l 'tier' -o name", "pod/two"),
    Step("get pods -l 'app notin (one)' -o name", "pod/two"),
    Step("get pods --field-selector=metadata.name=two -o name", "pod/two"),
    Step("get pods --field-selector=status.phase=Pending,metadata.name!=one -o name", "pod/two"),
    Step("get pods --field-selector=spec.bad=1", code=1, err=r"field label not supported: spec.bad"),
    Step("get pods -l 'a in b'", code=1, err=r"unable to parse requirement"),
    Step("get pods nothing", code=1, err=r'Error from server \(NotFound\): pods "nothing" not found'),
    Step("get pods nothing --ignore-not-found", out=""),
    Step("get pods -l app=none", err="No resources found in reading namespace"),
    Step("get nonsense", code=1, err='the server doesn\'t have a resource type "nonsense"'),
    Step("get cm -A --field-selector=metadata.name=alpha", like=r"^reading +alpha +1"),
    Step("get cm -l set=yes --chunk-size=1 -o name", "configmap/alpha\nconfigmap/mid\nconfigmap/zeta"),
    Step(
        "get --raw '/api/v1/namespaces/reading/configmaps?limit=1&labelSelector=set%3Dyes'",
        like=r'"continue":"\w+',
    ),
    Step(
        "get --raw /api/v1/namespaces/reading/configmaps?continue=rubbish",
        code=1,
        err="continue key is not valid",
    ),
    Step("get --raw /api/v1/namespaces/reading/configmaps/alpha", like=r'"rank":"3"'),
    Step("get --raw /nowhere", code=1, err=r"the server could not find the requested resource"),
    Step("get --raw /readyz", "ok"),
    Step("get --raw /livez?verbose", like=r"^livez check passed"),
    Step("get --raw /version", like=r'"gitVersion":\s*"v1\.\d+'),
    Step("get --raw /metrics", like=r"^apiserver_request_total"),
    Step("version -o json", like=r'"serverVersion"'),
    Step("cluster-info", like="control plane"),
    Step("get componentstatuses", like=r"^etcd-0 +Healthy +ok"),
    Step("describe pod one", like=r"^Labels: +app=one\n[^\0]*^Containers:\n  c:\n[^\0]*^    Port: +8080/TCP"),
    Step("describe svc svc", like=r"^Selector: +app=one\nType: +ClusterIP"),
    Step("describe cm alpha", like=r"^rank:\n----\n3\n"),
    Step("describe namespace reading", like=r"^Status: +Active"),
    Step("describe node nothing", code=1, err='nodes "nothing" not found'),
    Step(
        "explain deployment.spec.replicas",
        like=r"^FIELD: replicas <integer>\n[^\0]*How many pods; 1 by default",
    ),
    Step(
        "explain pod.spec.containers.livenessProbe",
        like=r"^  failureThreshold\s+<integer>\n +How many failures",
    ),
    Step("explain svc.spec", like=r"Which pods a Service stands for"),
    Step("explain pods --recursive", like=r"^    terminationGracePeriodSeconds\s*<integer>"),
    Step("explain service.spec.nothing", code=1, err='field "nothing" does not exist'),
    Step("explain cronjob --api-version=batch/v1", like=r"^KIND: +CronJob"),
    Step("api-versions", like=r"^apps/v1\n[^\0]*^v1$"),
    Step(
        "api-resources --namespaced=false --api-group= -o name",
        like=r"^namespaces\nnodes\npersistentvolumes$",
    ),
    Step("api-resources --verbs=list,create --categories=all -o name", like=r"^deployments.apps$"),
    Step(
        "api-resources --sort-by=kind -o wide",
        like=r"^pods +po +v1 +true +Pod +create,delete,deletecollection,get,list,patch,update,watch +all",
    ),
    Step("get all", like=r"^pod/one [^\0]*^service/svc "),
    Step("get deploy.v1.apps,statefulsets.apps,rs", err="No resources found"),
    Step("get events", err="|No resources"),
    Step("get -f {dir}/things.yaml -o name", like=r"^configmap/zeta\nconfigmap/alpha\n"),
    Step("top pods", code=1, err="Metrics API not available|not found|No resources|metrics"),
    Step("logs one -c c", ""),
    Step("logs one -c nothing", code=1, err=r"container nothing is not valid for pod one"),
    Step("exec one -c c -- true", code=1, err="does not have a host assigned"),
)
FILES = {
    "columns": "RANK\n.data.rank\n",
    "things.yaml": """
{apiVersion: v1, kind: ConfigMap, metadata: {name: zeta, labels: {set: "yes", order: "2"}}, data: {rank: "1"}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: alpha, labels: {set: "yes", order: "1"}}, data: {rank: "3"}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: mid, labels: {set: "yes", order: "3"}}, data: {rank: "2"}}
---
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 8080}]}, {name: d, image: j}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two, tier: back}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: svc, labels: {set: "yes"}}
spec: {selector: {app: one}, ports: [{port: 80, name: http}, {port: 53, protocol: UDP, name: dns}]}
""",
}
CHAPTER = Chapter("reading", STEPS, FILES)
