"""Whatever is done in whatever order, with late, lost and repeated events, crashes and silent nodes: the end is what
was declared last. All workloads, endpoints, node lifecycle, garbage collection and the scheduler together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from kube.client import NotFound, PatchKind
from kube.controllers.history.kinds import ControllerRevision
from kube.objects import (
    DaemonSet,
    Deployment,
    EndpointSlice,
    Job,
    Namespace,
    Node,
    Pod,
    ReplicaSet,
    Service,
    StatefulSet,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

KINDS = {"web": Deployment, "db": StatefulSet, "agent": DaemonSet}


class Step(NamedTuple):
    what: str  # scale, image, replace, delete-pod, release-pod, silence, revive, crash, wait
    name: str = "web"
    number: int = 0


def steps() -> st.SearchStrategy[list[Step]]:
    numbers = st.integers(0, 4)
    return st.lists(
        st.one_of(
            st.builds(Step, st.just("scale"), st.sampled_from(["web", "db"]), numbers),
            st.builds(Step, st.just("image"), st.sampled_from(list(KINDS)), st.integers(1, 3)),
            st.builds(Step, st.just("replace"), st.sampled_from(["web", "db"]), st.just(0)),
            st.builds(Step, st.just("delete-pod"), st.sampled_from(list(KINDS)), numbers),
            # Not of the StatefulSet: a stray keeps its name, and the set waits until somebody deletes it.
            st.builds(Step, st.just("release-pod"), st.sampled_from(["web", "agent"]), numbers),
            st.builds(Step, st.sampled_from(["silence", "revive"]), st.just(""), st.integers(0, 2)),
            st.builds(Step, st.just("crash"), st.just(""), numbers),
            st.builds(Step, st.just("wait"), st.just(""), st.integers(0, 12)),
        ),
        min_size=3,
        max_size=14,
    )


def template(name: str, image: int) -> dict[str, Any]:
    container = {"name": "c", "image": f"{name}:{image}"}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}


class Declared:
    """What the administrator wants at the moment."""

    def __init__(self, one: Cluster) -> None:
        self.one = one
        self.replicas = {"web": 3, "db": 2}
        self.images = dict.fromkeys(KINDS, 1)

    async def begin(self) -> None:
        async def nodes_are_there() -> bool:
            return len((await self.one.client.list(Node)).items) == len(self.one.nodes)

        await self.one.until(nodes_are_there)
        await send(self.one.client, Namespace, "", {"metadata": {"name": "demo"}})
        service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
        await send(self.one.client, Service, "demo", {"metadata": {"name": "web"}, "spec": service})
        for name in KINDS:
            await self._create(name)
        spec = {"completions": 3, "parallelism": 2, "template": template("work", 1)}
        spec["template"]["spec"]["restartPolicy"] = "Never"  # type: ignore[index]
        await send(self.one.client, Job, "demo", {"metadata": {"name": "work"}, "spec": spec})

    async def _create(self, name: str) -> None:
        spec: dict[str, Any] = {
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, self.images[name]),
        }
        if name in self.replicas:
            spec["replicas"] = self.replicas[name]
        if name == "db":
            spec["serviceName"] = "db"
        await send(self.one.client, KINDS[name], "demo", {"metadata": {"name": name}, "spec": spec})

    async def do(self, step: Step) -> None:
        what, name, number = step
        match what:
            case "scale":
                self.replicas[name] = number
                await self._patch(name, {"spec": {"replicas": number}})
            case "image":
                self.images[name] = number
                await self._patch(name, {"spec": {"template": template(name, number)}})
            case "replace":
                await self.one.client.delete(KINDS[name], name, "demo")
                await self._create(name)
            case "delete-pod" | "release-pod":
                await self._disturb(what, name, number)
            case "silence":
                self.one.nodes[number].alive = False
            case "revive":
                await self.one.nodes[number].revive()
            case "crash":
                await self.one.crash()
                await asyncio.sleep(number / 4)
                self.one.start()
            case _:
                await asyncio.sleep(number / 4)

    async def _patch(self, name: str, body: dict[str, Any]) -> None:
        await self.one.client.patch(KINDS[name], name, "demo", body, kind=PatchKind.STRATEGIC)

    async def _disturb(self, what: str, name: str, number: int) -> None:
        pods = [pod for pod in await self.one.pods() if pod.metadata.labels.get("app") == name]
        if not pods:
            return
        pod = pods[number % len(pods)]
        try:
            if what == "delete-pod":
                await self.one.client.delete(Pod, pod.metadata.name, "demo")
            else:
                body = {"metadata": {"labels": {"app": "stray"}}}
                await self.one.client.patch(Pod, pod.metadata.name, "demo", body)
        except NotFound:
            return

    async def is_reached(self) -> bool:
        """Compared as a whole, so that a failure shows what differs."""
        return (await self.state()) == self.goal()

    def goal(self) -> dict[str, Any]:
        nodes = sorted(node.name for node in self.one.nodes)
        return {
            "web": Counter({f"web:{self.images['web']}": self.replicas["web"]}) + Counter(),
            "db": [(f"db-{n}", f"db:{self.images['db']}") for n in range(self.replicas["db"])],
            "agent": [(node, f"agent:{self.images['agent']}") for node in nodes],
            "work": (3, "Complete"),
            "served": self.replicas["web"],
            "sets": {f"web:{self.images['web']}": self.replicas["web"]} if self.replicas["web"] else {},
            "tainted": [],
            "dangling": [],
        }

    async def state(self) -> dict[str, Any]:
        client = self.one.client
        pods = await self.one.pods()
        own = [pod for pod in pods if pod.metadata.labels.get("app") in KINDS]
        if any(pod.metadata.deletion_timestamp or not _is_ready(pod) for pod in own):
            return {"unfinished": [pod.metadata.name for pod in own]}
        by_app: dict[str, list[Pod]] = {name: [] for name in KINDS}
        for pod in own:
            by_app[pod.metadata.labels["app"]].append(pod)
        job = await client.get(Job, "work", "demo")
        slices = (await client.list(EndpointSlice, "demo")).items
        served = {e.addresses[0] for s in slices for e in s.endpoints if e.conditions.ready}
        addresses = {pod.status.pod_ip for pod in by_app["web"]}
        sets = (await client.list(ReplicaSet, "demo")).items
        revisions = (await client.list(ControllerRevision, "demo")).items
        owners = {
            o.metadata.uid
            for cls in (*KINDS.values(), Job, ReplicaSet)
            for o in (await client.list(cls, "demo")).items
        }
        owned = [*pods, *sets, *revisions]
        nodes = (await client.list(Node)).items
        return {
            "web": Counter(_image(pod) for pod in by_app["web"]),
            "db": sorted((pod.metadata.name, _image(pod)) for pod in by_app["db"]),
            "agent": sorted((pod.spec.node_name, _image(pod)) for pod in by_app["agent"]),
            "work": (
                job.status.succeeded,
                next((c.type for c in job.status.conditions if c.type == "Complete"), ""),
            ),
            "served": len(served) if served == addresses else sorted(served),
            "sets": {
                each.spec.template["spec"]["containers"][0]["image"]: each.spec.replicas
                for each in sets
                if each.spec.replicas
            },
            "tainted": [node.metadata.name for node in nodes if node.spec.taints],
            "dangling": [
                o.metadata.name
                for o in owned
                if any(r.uid not in owners for r in o.metadata.owner_references)
            ],
        }


def _image(pod: Pod) -> str:
    return pod.spec.containers[0].image


def _is_ready(pod: Pod) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)


async def walk(todo: list[Step], seed: int, late_s: float) -> None:
    async with cluster(seed=seed, late_s=late_s, watch_events=25, repeats=0.1) as one:
        declared = Declared(one)
        await declared.begin()
        for step in todo:
            await declared.do(step)
        for node in one.nodes:
            await node.revive()
        try:
            await one.until(declared.is_reached, within_s=120)
        except AssertionError:
            assert await declared.state() == declared.goal()  # shows the difference
            raise
        await asyncio.sleep(10)
        assert await declared.state() == declared.goal(), "it does not stay so"


# Without shrinking: a walk that does not end takes minutes of virtual time, each try of a shorter one again.
@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps(), st.integers(0, 1000), st.sampled_from([0.0, 0.02, 0.2]))
@example(
    [Step("silence", "", 0), Step("wait", "", 12), Step("image", "agent", 2), Step("crash", "", 4)], 1, 0.02
)
@example(
    [Step("release-pod", "agent", 1), Step("replace", "web"), Step("scale", "db", 4), Step("crash", "", 0)],
    2,
    0.2,
)
def test_the_end_is_what_was_declared_last(todo: list[Step], seed: int, late_s: float) -> None:
    virtual.run(walk(todo, seed, late_s))
