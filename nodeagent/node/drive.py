"""The Node and its Lease: registered at start, kept true and alive as long as the agent lives."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from kube.client import AlreadyExists, ApiError, Client, NotFound, PatchKind
from kube.objects import Lease, LeaseSpec, NamespacedName, Node, ObjectMeta, OwnerReference
from linux.logging_kv import get_logger
from nodeagent.node.plan import Machine, NodeState, node_object, node_status, without_heartbeats
from nodeagent.pods.times import rfc3339_micro

logger = get_logger("knode.node")
_LEASE_NAMESPACE = "kube-node-lease"
_REPORT_EVERY_S = 300.0  # the kubelet's nodeStatusReportFrequency: written even if nothing changed
_RETRY_S = 0.3


class NodeKeeper:
    """`state()` is asked for the truth of the moment; `changed()` makes it be written at once."""

    def __init__(
        self,
        client: Client,
        machine: Machine,
        state: Callable[[], NodeState],
        *,
        labels: dict[str, str],
        lease_s: int,
    ) -> None:
        self._client = client
        self._machine = machine
        self._state = state
        self._labels = labels
        self._lease_s = lease_s
        self._node: Node | None = None
        self._sent: dict[str, Any] | None = None
        self._sent_at_s = 0.0
        self._changed = asyncio.Event()
        self.registered = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    def observe(self, _key: NamespacedName, _old: Node | None, new: Node | None) -> None:
        """An informer's on_change for this node; one that was deleted is registered again."""
        if new is None and self._node is not None:
            self.registered.clear()
            self._sent = None
            self._changed.set()
        self._node = new or self._node

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_status())
            group.create_task(self._keep_lease())

    async def _keep_status(self) -> None:
        while True:
            self._changed.clear()
            try:
                if not self.registered.is_set():
                    await self._register()
                await self._report()
                wait_s = 10.0
            except NotFound:
                self.registered.clear()
                wait_s = _RETRY_S
            except ApiError as error:
                logger.warning("the Node could not be written", again_in_s=_RETRY_S, error=error)
                wait_s = _RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _register(self) -> None:
        state = self._state()
        body = node_object(self._machine, state, self._labels, time.time())
        try:
            reply = await self._client.raw(
                "POST",
                Node.resource.path(),
                headers={"content-type": "application/json"},
                body=msgspec.json.encode(body),
            )
            self._node = msgspec.json.decode(reply.body, type=Node)
            logger.info("registered", node=state.name)
        except AlreadyExists:
            labels = {"metadata": {"labels": body["metadata"]["labels"]}}
            self._node = await self._client.patch(Node, state.name, "", labels)
        self._sent = None
        self.registered.set()

    async def _report(self) -> None:
        before = {
            condition.type: (condition.status, condition.last_transition_time or "")
            for condition in (self._node.status.conditions if self._node else ())
        }
        now_s = time.time()
        state = self._state()
        status = node_status(self._machine, state, before, now_s)
        if (
            self._sent is not None
            and without_heartbeats(self._sent) == without_heartbeats(status)
            and now_s - self._sent_at_s < _REPORT_EVERY_S
        ):
            return
        self._node = await self._client.patch(
            Node, state.name, "", {"status": status}, kind=PatchKind.STRATEGIC, subresource="status"
        )
        self._sent = node_status(
            self._machine,
            state,
            {c["type"]: (c["status"], c["lastTransitionTime"]) for c in status["conditions"]},
            now_s,
        )
        self._sent_at_s = now_s

    async def _keep_lease(self) -> None:
        """Renewed at a quarter of its life, as the kubelet does; a lost one is made anew."""
        await self.registered.wait()
        lease: Lease | None = None
        while True:
            try:
                lease = await self._renewed(lease)
                wait_s = self._lease_s / 4
            except ApiError as error:
                logger.warning("lease not renewed", error=error)
                lease = None
                wait_s = min(_RETRY_S, self._lease_s / 4)
            await asyncio.sleep(wait_s)

    async def _renewed(self, lease: Lease | None) -> Lease:
        name = self._state().name
        spec = LeaseSpec(
            holder_identity=name, lease_duration_seconds=self._lease_s, renew_time=rfc3339_micro(time.time())
        )
        if lease is None:
            owner = {
                "apiVersion": "v1",
                "kind": "Node",
                "name": name,
                "uid": self._node.metadata.uid if self._node else "",
            }
            fresh = Lease(
                metadata=ObjectMeta(
                    name=name,
                    namespace=_LEASE_NAMESPACE,
                    owner_references=(msgspec.convert(owner, OwnerReference),),
                ),
                spec=spec,
            )
            try:
                return await self._client.create(fresh)
            except AlreadyExists:
                lease = await self._client.get(Lease, name, _LEASE_NAMESPACE)
        return await self._client.replace(msgspec.structs.replace(lease, spec=spec))
