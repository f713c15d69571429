"""Running the pods of the manifest folder, with or without an API server, and showing them there by mirrors."""

import asyncio
import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from kube.client import AlreadyExists, ApiError, Client, NotFound
from kube.objects import Node, Pod
from linux.logging_kv import get_logger
from nodeagent.pods.drive import PodWorker
from nodeagent.pods.times import rfc3339
from nodeagent.static.disk import Folder
from nodeagent.static.plan import StaticPod, mirror, mirrored_uid

logger = get_logger("knode.static")
_POLL_S = 1.0
_MIRROR_RETRY_S = 5.0


class StaticPods:
    """`start` gives a pod a worker, `workers` are the living ones by UID, `mirrors` the API's pods of this node."""

    def __init__(
        self,
        client: Client,
        folder: Folder,
        start: Callable[[StaticPod], None],
        workers: Callable[[], dict[str, PodWorker]],
        mirrors: Callable[[], dict[str, Pod]],
        node: Callable[[], Node | None],
    ) -> None:
        self._client = client
        self._folder = folder
        self._start = start
        self._workers = workers
        self._mirrors = mirrors
        self._node = node
        self._running: dict[str, StaticPod] = {}
        self._asked_at_s: dict[str, float] = {}

    def begin(self) -> None:
        """What the folder holds now; blocking, once, before the pods of an earlier agent are looked through."""
        for static in self._folder.pods().values():
            self._run(static)

    async def run(self) -> None:
        while True:
            self._follow(await asyncio.to_thread(self._folder.pods))
            await self._show()
            await asyncio.sleep(_POLL_S)

    def _follow(self, wanted: dict[str, StaticPod]) -> None:
        workers = self._workers()
        for uid in [uid for uid in self._running if uid not in wanted]:
            worker = workers.get(uid)
            if worker is None:
                del self._running[uid]
            elif worker.pod.metadata.deletion_timestamp is None:
                logger.info("a static pod's manifest is gone", pod=worker.pod.metadata.name)
                worker.update(_ending(worker.pod))
        names = {_full_name(static.pod) for static in self._running.values()}
        for uid, static in wanted.items():
            # Of one name one runs: a changed manifest waits until the pod of the old one has ended.
            if uid not in self._running and _full_name(static.pod) not in names:
                self._run(static)

    def _run(self, static: StaticPod) -> None:
        self._running[static.uid] = static
        self._start(static)

    async def _show(self) -> None:
        """One mirror for each pod that runs, none for what has ended."""
        node, mirrors, now_s = self._node(), self._mirrors(), time.monotonic()
        if node is None:
            return
        for name, shown in mirrors.items():
            if mirrored_uid(shown) not in self._running or shown.metadata.deletion_timestamp:
                await self._remove(name, shown)
        for uid, static in self._running.items():
            known = _full_name(static.pod) in mirrors
            if not known and now_s - self._asked_at_s.get(uid, -_MIRROR_RETRY_S) >= _MIRROR_RETRY_S:
                self._asked_at_s[uid] = now_s
                await self._create(static, node)

    async def _create(self, static: StaticPod, node: Node) -> None:
        body = mirror(static, node.metadata.name, node.metadata.uid)
        path = Pod.resource.path(static.pod.metadata.namespace)
        try:
            await self._client.raw(
                "POST",
                path,
                headers={"content-type": "application/json"},
                body=msgspec.json.encode(body),
            )
        except AlreadyExists:
            return
        except ApiError as error:
            logger.warning("a static pod is not shown in the API", pod=static.pod.metadata.name, error=error)

    async def _remove(self, name: str, shown: Pod) -> None:
        meta = shown.metadata
        try:
            await self._client.delete(Pod, meta.name, meta.namespace, grace_period_s=0, uid=meta.uid)
        except NotFound:
            return
        except ApiError as error:
            logger.warning("a mirror pod could not be removed", pod=name, error=error)


def _full_name(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _ending(pod: Pod) -> Pod:
    """The pod as the API would show it while it is being deleted."""
    grace_s = pod.spec.termination_grace_period_seconds
    metadata = replace(
        pod.metadata,
        deletion_timestamp=rfc3339(time.time()),
        deletion_grace_period_seconds=30 if grace_s is None else grace_s,
    )
    return replace(pod, metadata=metadata)
