"""Rights in a running cluster, with the real kubectl: roles, nodes, ServiceAccounts, quotas."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linux import process
from linux.process import Completed
from netns_fixtures.cluster_run import Cluster
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not shutil.which("kubectl"), reason="the real kubectl is not installed on this machine"
    ),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.up(f"access-{os.getpid()}", node_count=2) as up:
        yield up


def refused(cluster: Cluster, *arguments: str, input: bytes = b"") -> str:  # noqa: A002 - as run has it
    """The error of a command that must fail."""
    done = cluster.kubectl(*arguments, input=input, check=False)
    assert done.code != 0, done.stdout
    return done.stderr


def with_kubeconfig(cluster: Cluster, identity: str, *arguments: str) -> Completed:
    path = cluster.folder.kubeconfig_of(identity)
    environment = {**os.environ, "KUBECONFIG": str(path), "HOME": str(cluster.folder.root)}
    return process.run(["kubectl", *arguments], env=environment, check=False, timeout_s=120)


# --- roles


def test_daemons_run_without_a_refusal(cluster: Cluster) -> None:
    """knode, kproxy, kdns, the fabric, scheduler and controllers have all the rights they need."""
    cluster.kubectl("create", "deployment", "any", "--image=podnet/toolbox", "--replicas=2")
    cluster.kubectl("expose", "deployment", "any", "--port=80")
    cluster.kubectl("rollout", "status", "deployment/any", "--timeout=150s")
    cluster.kubectl("delete", "deployment,service", "any", "--timeout=150s")
    found = {
        str(log.relative_to(cluster.folder.logs)): line
        for log in Path(cluster.folder.logs).rglob("*.log")
        for line in log.read_text(errors="replace").splitlines()
        if "forbidden" in line.lower()
    }
    assert found == {}


def test_can_i_and_whoami(cluster: Cluster) -> None:
    assert cluster.kubectl("auth", "can-i", "*", "*").stdout.strip() == "yes"
    assert cluster.kubectl("auth", "can-i", "list", "pods", "--as", "jane", check=False).stdout == "no\n"
    cluster.kubectl("create", "rolebinding", "jane", "--clusterrole=view", "--user=jane")
    assert cluster.kubectl("auth", "can-i", "list", "pods", "--as", "jane").stdout.strip() == "yes"
    for question in (("delete", "pods"), ("list", "secrets"), ("list", "pods", "-n", "kube-system")):
        done = cluster.kubectl("auth", "can-i", *question, "--as", "jane", check=False)
        assert (done.code, done.stdout.strip()) == (1, "no")
    listed = cluster.kubectl("auth", "can-i", "--list", "--as", "jane").stdout
    assert re.search(r"^pods/log +\[\] +\[\] +\[get list watch\]", listed, re.MULTILINE)
    assert re.search(r"^ +\[/api/\*\] +\[\] +\[get\]", listed, re.MULTILINE)
    whoami = cluster.kubectl("auth", "whoami", "--as", "jane", "--as-group", "ops").stdout
    assert re.search(r"Username +jane", whoami)
    assert re.search(r"Groups +\[ops system:authenticated\]", whoami)
    assert refused(cluster, "get", "pods", "-n", "kube-system", "--as", "jane") == (
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" '
        'in the namespace "kube-system"\n'
    )
    cluster.kubectl("delete", "rolebinding", "jane")


def test_nobody_gives_more_than_they_have(cluster: Cluster) -> None:
    verbs = "--verb=create,get,update,patch"
    cluster.kubectl(
        "create",
        "role",
        "keeper",
        verbs,
        "--resource=roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io",
    )
    cluster.kubectl("create", "rolebinding", "keeper", "--role=keeper", "--user=kim")
    message = refused(cluster, "create", "role", "all", "--verb=get,list", "--resource=pods", "--as", "kim")
    assert 'user "kim" (groups=["system:authenticated"]) is attempting to grant RBAC permissions' in message
    assert '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}' in message
    message = refused(
        cluster, "create", "rolebinding", "me", "--clusterrole=edit", "--user=kim", "--as", "kim"
    )
    assert "attempting to grant RBAC permissions not currently held" in message


def test_reconcile_and_aggregation(cluster: Cluster, tmp_path: Path) -> None:
    """A role labelled aggregate-to-view is part of view, edit and admin a moment later."""
    manifest = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {
                    "name": "driver-reader",
                    "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"},
                },
                "rules": [{"apiGroups": ["storage.k8s.io"], "resources": ["csidrivers"], "verbs": ["get"]}],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "admins-of-all"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "admin",
                },
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "chiefs"}],
            },
        ],
    }
    path = tmp_path / "roles.json"
    path.write_text(json.dumps(manifest))
    first, second = (cluster.kubectl("auth", "reconcile", "-f", str(path)) for _ in range(2))
    assert "clusterrole.rbac.authorization.k8s.io/driver-reader reconciled" in first.stdout
    assert "missing rules added" in first.stdout + first.stderr
    assert "missing rules added" not in second.stdout + second.stderr
    question = ("get", "csidrivers.storage.k8s.io", "--as", "x", "--as-group", "chiefs")

    def allowed() -> bool:
        return cluster.kubectl("auth", "can-i", *question, check=False).stdout.strip() == "yes"

    until(allowed, "the rule did not reach the role admin")
    cluster.kubectl("delete", "clusterrole", "driver-reader")
    until(lambda: not allowed(), "the rule stayed in the role admin")


# --- nodes


def test_a_node_sees_what_is_its_own(cluster: Cluster) -> None:
    one, two = (node.name for node in cluster.lab.nodes)
    assert with_kubeconfig(cluster, f"node-{one}", "get", "node", one).code == 0
    for arguments, message in (
        (("get", "node", two), f"node '{one}' cannot read '{two}', only its own Node object"),
        (("get", "secrets", "-A"), "can only read namespaced object of this type"),
        (("get", "pods", "-A"), "can only list/watch pods with spec.nodeName field selector"),
        (("label", "node", one, "node-role.kubernetes.io/master="), "is not allowed to modify labels"),
        (("delete", "node", one), 'cannot delete resource "nodes"'),
    ):
        done = with_kubeconfig(cluster, f"node-{one}", *arguments)
        assert done.code == 1
        assert message in done.stderr, done.stderr


def test_the_proxy_s_identity_may_not_write(cluster: Cluster) -> None:
    assert with_kubeconfig(cluster, "kube-proxy", "get", "services", "-A").code == 0
    assert with_kubeconfig(cluster, "kube-proxy", "get", "secrets", "-A").code == 1
    assert with_kubeconfig(cluster, "kdns", "get", "endpointslices", "-A").code == 0
    assert with_kubeconfig(cluster, "kdns", "delete", "service", "kubernetes").code == 1


# --- ServiceAccounts

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ASK = (
    f"import json, ssl, sys, urllib.request; t = open('{ACCOUNT}/token').read(); "
    "r = urllib.request.Request('https://kubernetes.default.svc' + sys.argv[1], headers={'Authorization': 'Bearer ' + t}); "
    f"c = ssl.create_default_context(cafile='{ACCOUNT}/ca.crt'); "
    "print(urllib.request.urlopen(r, context=c, timeout=60).read().decode())"
)


def test_a_pod_reaches_the_api_with_its_token(cluster: Cluster) -> None:
    """By the Service's name, trusting the CA it was given, as its ServiceAccount."""
    cluster.kubectl("create", "serviceaccount", "reader")
    cluster.kubectl(
        "create", "rolebinding", "reader", "--clusterrole=view", "--serviceaccount=default:reader"
    )
    overrides = json.dumps({"spec": {"serviceAccountName": "reader"}})
    cluster.kubectl(
        *("run", "asker", "--image=podnet/host", "--restart=Never", f"--overrides={overrides}"),
        *("--", "sleep", "1d"),
    )
    cluster.kubectl("wait", "pod/asker", "--for=condition=Ready", "--timeout=150s")

    def ask(path: str) -> Completed:
        return cluster.kubectl("exec", "asker", "--", "python3", "-c", ASK, path, check=False)

    assert cluster.kubectl("exec", "asker", "--", "cat", f"{ACCOUNT}/namespace").stdout == "default"
    answer = ask("/api/v1/namespaces/default/pods")
    assert answer.code == 0, answer.stderr
    names = [pod["metadata"]["name"] for pod in json.loads(answer.stdout)["items"]]
    assert "asker" in names
    assert "HTTP Error 403" in ask("/api/v1/namespaces/kube-system/pods").stderr
    review = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    token = cluster.kubectl("exec", "asker", "--", "cat", f"{ACCOUNT}/token").stdout
    environment = {**os.environ, "KUBECONFIG": "/dev/null", "HOME": str(cluster.folder.root)}
    pki = (
        "--server",
        cluster.lab.api_url,
        "--certificate-authority",
        str(cluster.folder.core / "pki" / "ca.crt"),
    )
    who = ["kubectl", *pki, "--token", token, "create", "-o", "json", "-f", "-"]
    info = json.loads(process.run(who, input=review.encode(), env=environment).stdout)["status"]["userInfo"]
    assert info["username"] == "system:serviceaccount:default:reader"
    assert "system:serviceaccounts:default" in info["groups"]
    assert info["extra"]["authentication.kubernetes.io/pod-name"] == ["asker"]
    cluster.kubectl("delete", "pod", "asker", "--now", "--timeout=150s")
    done = process.run(who, input=review.encode(), env=environment, check=False)
    assert "the server has asked for the client to provide credentials" in done.stderr


def test_an_account_or_a_pod_may_do_without_a_token(cluster: Cluster) -> None:
    cluster.kubectl("create", "serviceaccount", "quiet")
    cluster.kubectl("patch", "serviceaccount", "quiet", "-p", '{"automountServiceAccountToken": false}')
    overrides = json.dumps({"spec": {"serviceAccountName": "quiet"}})
    cluster.kubectl("run", "silent", "--image=podnet/toolbox", f"--overrides={overrides}")
    spec = json.loads(cluster.kubectl("get", "pod", "silent", "-o", "json").stdout)["spec"]
    assert "volumes" not in spec
    cluster.kubectl("delete", "pod", "silent", "--now")


def test_create_token(cluster: Cluster) -> None:
    token = cluster.kubectl("create", "token", "default", "--duration", "10m").stdout.strip()
    assert token.count(".") == 2
    message = refused(cluster, "create", "token", "default", "--duration", "1s")
    assert "may not specify a duration less than 10 minutes" in message


# --- limits


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"limited-{time.monotonic_ns() % 10**9}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--timeout=150s")


def used(cluster: Cluster, namespace: str, name: str = "q") -> dict[str, str]:
    quota = json.loads(cluster.kubectl("get", "quota", name, "-n", namespace, "-o", "json").stdout)
    found: dict[str, str] = quota.get("status", {}).get("used", {})
    return found


def test_a_quota_holds_for_a_deployment_and_gives_back(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "quota", "q", "--hard=pods=3,requests.cpu=300m", "-n", namespace)
    run = ("create", "deployment", "web", "--image=podnet/toolbox", "-n", namespace)
    cluster.kubectl(*run)
    message = "must specify requests.cpu for: toolbox"
    until(lambda: message in cluster.kubectl("get", "events", "-n", namespace).stdout, "no event tells why")
    cluster.kubectl("set", "resources", "deployment/web", "--requests=cpu=100m", "-n", namespace)
    cluster.kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    until(
        lambda: used(cluster, namespace) == {"pods": "3", "requests.cpu": "300m"}, "the quota is not used up"
    )
    names = cluster.kubectl("get", "pods", "-n", namespace, "-o", "name").stdout.split()
    assert len(names) == 3
    described = cluster.kubectl("describe", "quota", "q", "-n", namespace).stdout
    assert re.search(r"requests.cpu +300m +300m", described)
    cluster.kubectl("scale", "deployment/web", "--replicas=1", "-n", namespace)
    until(lambda: used(cluster, namespace) == {"pods": "1", "requests.cpu": "100m"}, "nothing is given back")


def test_a_limit_range_fills_in_and_refuses(cluster: Cluster, namespace: str) -> None:
    item = {"type": "Container", "default": {"cpu": "200m"}, "max": {"cpu": "500m"}, "min": {"cpu": "50m"}}
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "l"},
        "spec": {"limits": [item]},
    }
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(limits).encode())
    cluster.kubectl("run", "plain", "--image=podnet/toolbox", "-n", namespace)
    pod = json.loads(cluster.kubectl("get", "pod", "plain", "-n", namespace, "-o", "json").stdout)
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "200m"},
        "requests": {"cpu": "200m"},
    }
    limit = {
        "spec": {
            "containers": [{"name": "big", "image": "podnet/toolbox", "resources": {"limits": {"cpu": "2"}}}]
        }
    }
    message = refused(
        cluster,
        *("run", "big", "--image=podnet/toolbox", "-n", namespace, f"--overrides={json.dumps(limit)}"),
    )
    assert message == (
        'Error from server (Forbidden): pods "big" is forbidden: '
        "maximum cpu usage per Container is 500m, but limit is 2\n"
    )


def test_a_drain_waits_for_the_budget(cluster: Cluster, namespace: str) -> None:
    """One pod may go at a time: the other is refused with 429 until a new one is ready."""
    cluster.kubectl(
        *("create", "deployment", "web", "--image=podnet/toolbox", "--replicas=2", "-n", namespace),
    )
    cluster.kubectl(
        "create", "poddisruptionbudget", "b", "--selector=app=web", "--min-available=2", "-n", namespace
    )
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=150s")
    pods = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]
    node = pods[0]["spec"]["nodeName"]
    drain = (
        "drain",
        node,
        "--ignore-daemonsets",
        "--force",
        "--delete-emptydir-data",
        "--pod-selector=app=web",
    )
    try:

        def held_up() -> bool:
            done = cluster.kubectl(*drain, "--timeout=3s", check=False)
            assert done.code != 0
            return "Cannot evict pod as it would violate the pod's disruption budget." in done.stderr

        until(held_up, "the budget does not hold the drain up")
        cluster.kubectl(
            "patch", "poddisruptionbudget", "b", "-n", namespace, "-p", '{"spec":{"minAvailable":1}}'
        )
        cluster.kubectl(*drain, "--timeout=150s")
        cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=150s")
        pods = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        assert {pod["spec"]["nodeName"] for pod in alive} == {
            other.name for other in cluster.lab.nodes if other.name != node
        }
    finally:
        cluster.kubectl("uncordon", node)


def test_priority_classes(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "priorityclass", f"{namespace}-high", "--value=1000", "--description=x")
    spec = {"spec": {"priorityClassName": f"{namespace}-high"}}
    run = ("run", "urgent", "--image=podnet/toolbox", "-n", namespace)
    cluster.kubectl(*run, f"--overrides={json.dumps(spec)}")
    shown = "jsonpath={.spec.priority}"
    assert cluster.kubectl("get", "pod", "urgent", "-n", namespace, "-o", shown).stdout == "1000"
    spec = {"spec": {"priorityClassName": "absent"}}
    run = ("run", "lost", "--image=podnet/toolbox", "-n", namespace)
    message = refused(cluster, *run, f"--overrides={json.dumps(spec)}")
    assert 'pods "lost" is forbidden: no PriorityClass with name absent was found' in message
    cluster.kubectl("delete", "priorityclass", f"{namespace}-high")


# --- metrics


def test_top(cluster: Cluster, namespace: str) -> None:
    burn = ("--", "sh", "-c", "while :; do :; done")
    cluster.kubectl("run", "burner", "--image=podnet/toolbox", "-n", namespace, *burn)
    cluster.kubectl("wait", "pod/burner", "--for=condition=Ready", "-n", namespace, "--timeout=150s")

    def burning() -> bool:
        shown = cluster.kubectl("top", "pod", "-n", namespace, "--no-headers", check=False).stdout
        found = re.match(r"burner +(\d+)m +(\d+)Mi", shown)
        return found is not None and int(found[1]) > 100

    until(burning, "top pod does not show the burner's CPU")
    shown = cluster.kubectl("top", "pod", "-n", namespace, "--containers").stdout
    assert re.search(r"burner +burner +\d+m", shown)
    for node in cluster.lab.nodes:
        row = re.compile(rf"{node.name} +\d+m +\d+% +\d+Mi +\d+%")
        until(
            lambda row=row: row.search(cluster.kubectl("top", "node", check=False).stdout) is not None,
            row.pattern,
        )
    assert "NodeMetrics" in cluster.kubectl("api-resources", "--api-group=metrics.k8s.io").stdout
    cluster.kubectl("create", "rolebinding", "top", "--clusterrole=view", "--user=tom", "-n", namespace)
    assert "burner" in cluster.kubectl("top", "pod", "-n", namespace, "--as", "tom").stdout
    assert "Forbidden" in refused(cluster, "top", "node", "--as", "tom")
    cluster.kubectl("delete", "pod", "burner", "-n", namespace, "--now")


def test_a_node_agent_serves_who_has_the_right(cluster: Cluster) -> None:
    """Port 10250 takes every certificate of the cluster, and asks the API what its owner may do."""
    pki, address = cluster.folder.core / "pki", cluster.lab.nodes[0].addresses[0]

    def code(identity: str, path: str) -> str:
        pair = ["--cert", str(pki / f"{identity}.crt"), "--key", str(pki / f"{identity}.key")]
        shown = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(pki / "ca.crt")]
        return cluster.exec("hub", ["curl", *shown, *pair, f"https://{address}:10250{path}"]).stdout

    assert code("kubelet-client", "/pods") == "200"
    assert code("kube-proxy", "/pods") == "403"
    assert code("kube-proxy", "/exec/default/any/c?command=id") == "403"
    assert code(f"node-{cluster.lab.nodes[1].name}", "/metrics") == "403"
    cluster.kubectl("create", "clusterrole", "scrape", "--verb=get", "--resource=nodes/metrics")
    cluster.kubectl(
        "create", "clusterrolebinding", "scrape", "--clusterrole=scrape", "--user=system:kube-scheduler"
    )
    assert code("kube-scheduler", "/metrics") == "200"
    assert code("kube-scheduler", "/pods") == "403"
    cluster.kubectl("delete", "clusterrolebinding,clusterrole", "scrape")
