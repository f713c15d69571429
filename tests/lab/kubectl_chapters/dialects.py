"""Kinds in older words, custom resources, subresources over raw paths."""

from tests.lab.kubectl_chapters.step import Chapter, Step

BINDING = (
    '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"nowhere"}}'
)
EVICTION = '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p","namespace":"dialects"}}'
RUNNING = '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'
STEPS = (
    Step(
        "create -f {dir}/crd.yaml", "customresourcedefinition.apiextensions.k8s.io/apps.dialects.test created"
    ),
    Step("wait crd/apps.dialects.test --for=condition=Established --timeout=50s", like="condition met"),
    Step("create -f {dir}/app.yaml", "app.dialects.test/one created", eventually=True),
    Step("get app", like=r"^NAME +IMAGE +AGE\none +img "),
    Step("get apps one -o jsonpath={.spec.size}", "3"),
    Step(
        "apply -f {dir}/app.yaml",
        "app.dialects.test/one configured",
        err="Warning: resource apps/one is missing the",
    ),
    Step(
        "apply -f {dir}/bad-app.yaml",
        code=1,
        err=r'spec.size: Invalid value: "string"|spec.size in body must be of type integer',
    ),
    Step("""patch app one --type=merge -p '{"spec":{"image":"other"}}'""", "app.dialects.test/one patched"),
    Step("""patch app one -p '{"spec":{}}'""", code=1, err="strategic merge|415|not supported|unsupported"),
    Step("explain app.spec", like=r"image\s+<string>"),
    Step("delete app one", 'app.dialects.test "one" deleted'),
    Step(
        "delete crd apps.dialects.test",
        'customresourcedefinition.apiextensions.k8s.io "apps.dialects.test" deleted',
    ),
    Step("get horizontalpodautoscalers.v1.autoscaling", err="No resources found"),
    Step("get events.v1.events.k8s.io", err="|No resources found"),
    Step("get leases -A", err="No resources found"),
    Step("create -f {dir}/node.yaml", "node/nowhere created"),
    Step("run p --image=i", "pod/p created"),
    Step(
        "create --raw /api/v1/namespaces/dialects/pods/p/binding -f -",
        like='"status":"Success"',
        stdin=BINDING,
    ),
    Step(
        "create --raw /api/v1/namespaces/dialects/pods/p/binding -f -",
        code=1,
        err="already assigned to node|already bound",
        stdin=BINDING,
    ),
    Step("get pod p -o jsonpath={.spec.nodeName}", "nowhere"),
    Step(
        "create poddisruptionbudget b --selector=run=p --max-unavailable=0",
        "poddisruptionbudget.policy/b created",
    ),
    Step(f"patch pod p --subresource=status -p '{RUNNING}'", "pod/p patched"),
    Step(
        "create --raw /api/v1/namespaces/dialects/pods/p/eviction -f -",
        code=1,
        err="Cannot evict pod as it would violate the pod's disruption budget",
        stdin=EVICTION,
        eventually=True,
    ),
    Step("get pdb b", like=r"^b +N/A +0 +0 "),
    Step(
        "debug p --image=busybox --target=p",
        like="Targeting container",
    ),
    Step("get pod p -o jsonpath={.spec.ephemeralContainers[0].image}", "busybox"),
    Step("cluster-info dump --namespaces=dialects", like='"kind": "NodeList"'),
    Step("port-forward pod/p 0:80", code=1, err="error dialing|unable to|not found|error upgrading|nowhere"),
    Step("attach p", code=1, err="nowhere|not found|Pending|does not have a host|cannot attach"),
)
FILES = {
    "node.yaml": "{apiVersion: v1, kind: Node, metadata: {name: nowhere}, spec: {unschedulable: true}}",
    "crd.yaml": """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: apps.dialects.test}
spec:
  group: dialects.test
  scope: Namespaced
  names: {plural: apps, singular: app, kind: App, listKind: AppList}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Image, type: string, jsonPath: .spec.image}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [image]
            properties:
              image: {type: string, description: What to run.}
              size: {type: integer, default: 3, minimum: 1}
""",
    "app.yaml": "{apiVersion: dialects.test/v1, kind: App, metadata: {name: one}, spec: {image: img}}",
    "bad-app.yaml": "{apiVersion: dialects.test/v1, kind: App, metadata: {name: two}, spec: {image: img, size: big}}",
}
CHAPTER = Chapter("dialects", STEPS, FILES)
