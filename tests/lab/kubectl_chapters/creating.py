"""Every generator of kubectl create, and run, expose, autoscale."""

from tests.lab.kubectl_chapters.step import Chapter, Step

STEPS = (
    Step("create configmap c --from-literal=a=1 --from-literal=b=2", "configmap/c created"),
    Step("create configmap f --from-file={dir}/plain.txt", "configmap/f created"),
    Step("get configmap f -o jsonpath={.data}", '{"plain.txt":"line one\\nline two\\n"}'),
    Step("create configmap b --from-file=bin=/bin/true", "configmap/b created"),
    Step("get configmap b -o jsonpath={.binaryData.bin}", like=r"^f0VMR"),
    Step(
        "create configmap c --from-literal=a=1",
        code=1,
        err=r'failed to create configmap: configmaps "c" already exists',
    ),
    Step("create secret generic s --from-literal=password=hunter2", "secret/s created"),
    Step("get secret s -o jsonpath={.data.password}", "aHVudGVyMg=="),
    Step("get secret s -o jsonpath={.type}", "Opaque"),
    Step(
        "create secret docker-registry reg --docker-username=u --docker-password=p --docker-server=r.test",
        "secret/reg created",
    ),
    Step("get secret reg", like=r"^reg +kubernetes.io/dockerconfigjson +1 "),
    Step("create secret tls t --cert={dir}/tls.crt --key={dir}/tls.key", code=1, err="failed to"),
    Step("create serviceaccount robot", "serviceaccount/robot created"),
    Step("create token robot --duration=10m", like=r"^[\w-]+\.[\w-]+\.[\w-]+$"),
    Step("create token nobody", code=1, err=r'serviceaccounts "nobody" not found'),
    Step("create deployment d --image=podnet/toolbox --replicas=2 --port=8080", "deployment.apps/d created"),
    Step(
        "get deployment d -o jsonpath={.spec.strategy}",
        '{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"}',
    ),
    Step("get deployment d -o jsonpath={.spec.template.spec.containers[0].imagePullPolicy}", "Always"),
    Step("create job j --image=podnet/toolbox -- true", "job.batch/j created"),
    Step("get job j -o jsonpath={.spec.backoffLimit}/{.spec.completions}/{.spec.parallelism}", "6/1/1"),
    Step(
        "create cronjob cj --image=podnet/toolbox --schedule='*/5 * * * *' -- date",
        "cronjob.batch/cj created",
    ),
    Step("create job --from=cronjob/cj by-hand", "job.batch/by-hand created"),
    Step("get job by-hand -o jsonpath={.metadata.ownerReferences[0].kind}", "CronJob"),
    Step(
        "create cronjob bad --image=i --schedule='61 * * * *'",
        code=1,
        err=r'spec.schedule: Invalid value: "61 \* \* \* \*"',
    ),
    Step("create quota q --hard=pods=20,configmaps=50", "resourcequota/q created"),
    Step("get quota q -o jsonpath={.spec.hard}", '{"configmaps":"50","pods":"20"}'),
    Step(
        "create poddisruptionbudget p --selector=app=d --min-available=1",
        "poddisruptionbudget.policy/p created",
    ),
    Step(
        "create priorityclass creating-high --value=1000 --description=high",
        "priorityclass.scheduling.k8s.io/creating-high created",
    ),
    Step(
        "get priorityclass creating-high -o jsonpath={.value}/{.preemptionPolicy}",
        "1000/PreemptLowerPriority",
    ),
    Step(
        "create role r --verb=get,list --resource=pods,deployments.apps",
        "role.rbac.authorization.k8s.io/r created",
    ),
    Step(
        "get role r -o jsonpath={.rules[1]}",
        '{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","list"]}',
    ),
    Step(
        "create rolebinding rb --role=r --user=jane --group=readers",
        "rolebinding.rbac.authorization.k8s.io/rb created",
    ),
    Step(
        "create clusterrole creating-cr --verb=get --resource=nodes",
        "clusterrole.rbac.authorization.k8s.io/creating-cr created",
    ),
    Step(
        "create clusterrolebinding creating-crb --clusterrole=creating-cr --serviceaccount=creating:robot",
        "clusterrolebinding.rbac.authorization.k8s.io/creating-crb created",
    ),
    Step("get clusterrolebinding creating-crb -o jsonpath={.subjects[0].namespace}", "creating"),
    Step("create ingress i --rule='example.test/path*=d:80,tls=cert'", "ingress.networking.k8s.io/i created"),
    Step("get ingress i -o jsonpath={.spec.rules[0].http.paths[0].pathType}", "Prefix"),
    Step("get ingress i", like=r"^i +<none> +example.test +80, 443 "),
    Step("create service clusterip sc --tcp=80:8080", "service/sc created"),
    Step("get service sc -o jsonpath={.spec.ports[0].targetPort}/{.spec.sessionAffinity}", "8080/None"),
    Step("create service clusterip headless --clusterip=None", "service/headless created"),
    Step("create service nodeport sn --tcp=80 --node-port=30080", "service/sn created"),
    Step(
        "create service nodeport sn2 --tcp=80 --node-port=30080",
        code=1,
        err=r"spec.ports\[0\].nodePort: Invalid value: 30080: provided port is already allocated",
    ),
    Step("create service loadbalancer sl --tcp=443:8443", "service/sl created"),
    Step("get service sl", like=r"^sl +LoadBalancer +10\.96\.\d+\.\d+ +<pending> +443:3\d{4}/TCP"),
    Step("create service externalname se --external-name=example.test", "service/se created"),
    Step("get service se", like=r"^se +ExternalName +<none> +example.test +<none>"),
    Step("expose deployment d --port=80 --target-port=8080 --name=web", "service/web exposed"),
    Step("get service web -o jsonpath={.spec.selector}", '{"app":"d"}'),
    Step("expose deployment d --port=53 --protocol=UDP --name=dns --type=NodePort", "service/dns exposed"),
    Step(
        "autoscale deployment d --min=1 --max=4 --cpu-percent=50",
        "horizontalpodautoscaler.autoscaling/d autoscaled",
    ),
    Step("get hpa d -o jsonpath={.spec.metrics[0].resource.target.averageUtilization}", "50"),
    Step(
        "run box --image=podnet/toolbox --labels=app=box,tier=x --env=A=b --port=8080 -- sleep 100",
        "pod/box created",
    ),
    Step(
        "get pod box -o jsonpath={.spec.containers[0].args}{.spec.containers[0].env}",
        '["sleep","100"][{"name":"A","value":"b"}]',
    ),
    Step(
        "get pod box -o jsonpath={.status.qosClass}/{.spec.dnsPolicy}/{.spec.serviceAccountName}",
        "BestEffort/ClusterFirst/default",
    ),
    Step("run shown --image=i --dry-run=client -o jsonpath={.kind}", "Pod"),
    Step("get pod shown", code=1, err=r'pods "shown" not found'),
    Step("run served --image=i --dry-run=server -o jsonpath={.spec.schedulerName}", "default-scheduler"),
    Step("get pod served", code=1, err=r'pods "served" not found'),
    Step("create -f {dir}/many.yaml", "configmap/m1 created\nservice/m2 created\npod/m3 created"),
    Step(
        "create -f -",
        like=r"^configmap/gen-[a-z0-9]{5} created",
        stdin='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"gen-"}}',
    ),
    Step("create --raw /api/v1/namespaces/creating/configmaps -f {dir}/raw.json", like=r'"name":"raw"'),
)
FILES = {
    "plain.txt": "line one\nline two\n",
    "tls.crt": "none",
    "tls.key": "none",
    "raw.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"raw"}}',
    "many.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: m1}
data: {a: "1"}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: m2}
  spec: {ports: [{port: 80}], selector: {app: m}}
- apiVersion: v1
  kind: Pod
  metadata: {name: m3, labels: {app: m}}
  spec: {containers: [{name: c, image: podnet/toolbox}]}
""",
}
CHAPTER = Chapter("creating", STEPS, FILES)
