"""The flow and the commands that the introductory texts walk through, as they are written there, with the real kubectl."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from netns_fixtures.demo.steps_run import EXAMPLES
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not shutil.which("kubectl"), reason="the real kubectl is not installed on this machine"
    ),
]
NS = "texts"


def sh(cluster: Cluster, line: str, *, check: bool = True) -> str:
    """A command line as a person types it."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(cluster.folder.kubeconfig),
        "HOME": str(cluster.folder.root),
    }
    done = subprocess.run(
        ["sh", "-c", line], cwd=EXAMPLES, env=environment, capture_output=True, text=True, timeout=200
    )
    assert not check or done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def site(lab: Cluster) -> Iterator[Cluster]:
    """One line of the texts: namespace, back end, front end, Ingress."""
    files = " ".join(
        f"-f {name}.yaml" for name in ("backend-dp", "backend-svc", "frontend-dp", "frontend-svc", "ingress")
    )
    said = sh(lab, f"kubectl create namespace {NS} && kubectl apply {files} -n {NS}")
    for name in ("deployment.apps/backend", "service/frontend", "ingress.networking.k8s.io/k8sdemo"):
        assert f"{name} created" in said
    for name in ("backend", "frontend"):
        sh(lab, f"kubectl rollout status deployment/{name} -n {NS} --timeout=150s")
    yield lab
    sh(lab, f"kubectl delete namespace {NS} --timeout=150s")


@pytest.fixture(scope="module")
def pod(site: Cluster) -> str:
    return sh(site, f"kubectl get pods -n {NS} -l app=backend -o name").split()[0].removeprefix("pod/")


def test_get_pods(site: Cluster, pod: str) -> None:
    assert re.search(rf"{pod} +1/1 +Running +0 ", sh(site, f"kubectl get pods -n {NS}"))


def test_logs(site: Cluster, pod: str) -> None:
    assert "8080" in sh(site, f"kubectl logs {pod} -n {NS}")


def test_describe_pod(site: Cluster, pod: str) -> None:
    for part in (
        "Controlled By:  ReplicaSet/backend-",
        "Successfully assigned",
        "Started container",
        "Ready ",
    ):
        until(lambda part=part: part in sh(site, f"kubectl describe pod {pod} -n {NS}"), part)


def test_exec_bash_on_a_terminal(site: Cluster) -> None:
    """An image with bash in it: what is typed is run, on a terminal of the container's."""
    sh(site, f"kubectl run shell -n {NS} --image=podnet/host --command -- sleep 1000")
    sh(site, f"kubectl wait pod/shell -n {NS} --for=condition=Ready --timeout=150s")
    environment = {**os.environ, "KUBECONFIG": str(site.folder.kubeconfig)}
    done = subprocess.run(
        ["script", "-qec", f"kubectl exec -it shell -n {NS} -- bash", "/dev/null"],
        input=b"tty; echo bash is $BASH_VERSION; hostname; exit 3\n",
        env=environment,
        capture_output=True,
        timeout=120,
    )
    said = done.stdout.decode()
    assert re.search(r"/dev/pts/\d+", said), said
    assert re.search(r"bash is \d+\.\d+", said), said
    assert re.search(r"^shell\r?$", said, re.MULTILINE), said
    sh(site, f"kubectl delete pod shell -n {NS} --now")


def test_get_app_and_delete_app(site: Cluster) -> None:
    """A kind of the user's own."""
    sh(
        site,
        "kubectl apply -f ../app/crd.yaml && kubectl wait crd/apps.podnet.internal --for=condition=Established",
    )
    sh(site, f"kubectl apply -f ../app/app.yaml -n {NS}")
    table = sh(site, f"kubectl get app -n {NS}")
    assert re.search(r"^NAME +IMAGE +REPLICAS", table)
    assert re.search(r"^web +podnet/toolbox +2 ", table, re.MULTILINE)
    assert 'app.podnet.internal "web" deleted' in sh(site, f"kubectl delete app web -n {NS}")
    assert "web" not in sh(site, f"kubectl get app -n {NS}")


def test_config_maps_as_yaml_in_both_orders(site: Cluster) -> None:
    sh(site, f"kubectl create configmap settings -n {NS} --from-literal=colour=blue")
    text = sh(site, f"kubectl get -o yaml configmap settings -n {NS}")
    assert "data:\n  colour: blue\n" in text
    assert "kind: ConfigMap" in text
    assert sh(site, f"kubectl get cm settings -o yaml -n {NS}") == text


def test_secrets_as_yaml_are_in_base64(site: Cluster) -> None:
    sh(site, f"kubectl create secret generic key -n {NS} --from-literal=password=geheim")
    text = sh(site, f"kubectl get secret key -o yaml -n {NS}")
    assert f"password: {base64.b64encode(b'geheim').decode()}" in text
    assert "geheim" not in text


def test_top_pod(site: Cluster, pod: str) -> None:
    def measured() -> str:
        return sh(site, f"kubectl top pod {pod} -n {NS}", check=False)

    table = until(measured, "use of the pod is measured")
    assert re.search(rf"^{pod} +\d+m +\d+Mi", table, re.MULTILINE), table


def test_namespaces(site: Cluster) -> None:
    assert sh(site, "kubectl create namespace another") == "namespace/another created\n"
    table = sh(site, "kubectl get namespaces")
    for name in ("default", "kube-system", "kube-public", "kube-node-lease", NS, "another"):
        assert re.search(rf"^{name} +Active ", table, re.MULTILINE), name
    sh(site, "kubectl delete namespace another --timeout=150s")


def test_the_services_endpoints_are_the_pods(site: Cluster) -> None:
    """Steps 1 and 5 of the texts: an Endpoints object of the Service's name, and requests reach a real pod."""

    def addresses() -> set[str]:
        found = json.loads(sh(site, f"kubectl get endpoints backend -n {NS} -o json"))
        return {one["ip"] for subset in found.get("subsets", []) for one in subset.get("addresses", [])}

    pods = json.loads(sh(site, f"kubectl get pods -n {NS} -l app=backend -o json"))["items"]
    until(lambda: addresses() == {one["status"]["podIP"] for one in pods}, "endpoints are the pods")
    names = {one["metadata"]["name"] for one in pods}
    ask = f"kubectl exec -n {NS} deploy/frontend -- wget -q -O - http://backend:8080/"
    until(
        lambda: sh(site, ask, check=False).strip() in names, "a request reaches a pod"
    )  # once the proxies know


def test_the_number_of_replicas_follows_cpu_use(site: Cluster) -> None:
    """`kubectl autoscale`; a container that only burns."""
    burn = ["sh", "-c", "while :; do :; done"]
    container = {
        "name": "c",
        "image": "podnet/toolbox",
        "command": burn,
        "resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "100m"}},
    }
    labels = {"app": "burner"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "burner"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }
    site.kubectl("apply", "-n", NS, "-f", "-", input=json.dumps(deployment).encode())
    sh(site, f"kubectl autoscale deployment burner -n {NS} --cpu-percent=50 --min=1 --max=3")

    def replicas() -> int:
        return int(sh(site, f"kubectl get deployment burner -n {NS} -o jsonpath={{.spec.replicas}}"))

    until(lambda: replicas() == 3, "three replicas", timeout_s=180)
    row = re.compile(r"burner +Deployment/burner +cpu: \d+%/50% +1 +3 ")
    until(lambda: row.search(sh(site, f"kubectl get hpa -n {NS}")), row.pattern)
    until(lambda: "SuccessfulRescale" in sh(site, f"kubectl describe hpa burner -n {NS}"), "an event")
    sh(site, f"kubectl delete hpa/burner deployment/burner -n {NS}")
