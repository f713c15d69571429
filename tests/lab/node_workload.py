"""Pods for tests of the node agent: made in a namespace of their own, pinned to one node, looked at from outside."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from netns_fixtures.cluster_run import Cluster
from tests.patience import until


class Workload:
    """One namespace of the lab, all of whose pods run on `node`."""

    def __init__(self, cluster: Cluster, namespace: str, node: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.node = node

    @classmethod
    @contextmanager
    def on(cls, cluster: Cluster, namespace: str) -> Iterator["Workload"]:
        cluster.kubectl("create", "namespace", namespace)
        try:
            yield cls(cluster, namespace, cluster.lab.nodes[0].name)
        finally:
            cluster.kubectl("delete", "namespace", namespace, "--timeout=180s", timeout_s=200)

    def kubectl(self, *arguments: str, check: bool = True, stdin: bytes = b"") -> Any:
        return self.cluster.kubectl("-n", self.namespace, *arguments, check=check, input=stdin)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin="\n".join(map(json.dumps, objects)).encode())

    def pod(self, name: str, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
        """A pod of podnet/toolbox that ends quickly when told to."""
        main = {"name": "main", "image": "podnet/toolbox", **(container or {})}
        given = {"nodeName": self.node, "containers": [main], "terminationGracePeriodSeconds": 2, **spec}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": given}

    def run(self, name: str, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
        """Apply a pod and wait until it is ready; its object."""
        self.apply(self.pod(name, container, **spec))
        return self.ready(name)

    def ready(self, name: str) -> dict[str, Any]:
        def check() -> dict[str, Any] | None:
            pod = self.get(name)
            conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
            return pod if conditions.get("Ready") == "True" else None

        try:
            return until(check, f"{name} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.kubectl('describe', 'pod', name).stdout}") from None

    def get(self, name: str, kind: str = "pod") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json").stdout)
        return found

    def status(self, name: str, container: str = "main") -> dict[str, Any]:
        pod = self.get(name)["status"]
        statuses = [*pod.get("containerStatuses", []), *pod.get("initContainerStatuses", [])]
        return next((each for each in statuses if each["name"] == container), {})

    def sh(self, name: str, script: str, *, container: str = "main", check: bool = True) -> str:
        done = self.kubectl("exec", name, "-c", container, "--", "sh", "-c", script, check=check)
        return str(done.stdout)

    def logs(self, name: str, *options: str) -> str:
        return str(self.kubectl("logs", name, *options).stdout)

    def events(self, name: str) -> list[tuple[str, str]]:
        listed = json.loads(self.kubectl("get", "events", "-o", "json").stdout)["items"]
        return [(e["reason"], e["message"]) for e in listed if e["involvedObject"]["name"] == name]

    def on_node(self, *argv: str, check: bool = True) -> str:
        """A command in the node's own namespaces."""
        return self.cluster.exec(self.node, list(argv), check=check).stdout

    def on_node_sh(self, script: str, check: bool = True) -> str:
        return self.on_node("sh", "-c", script, check=check)

    def delete(self, name: str, *options: str) -> None:
        self.kubectl("delete", "pod", name, "--timeout=50s", *options)
