"""Writing a pod's status to the API: the newest one only, tried again until it is there."""

import asyncio
from collections.abc import Callable
from typing import Any

from kube.client import ApiError, Client, Conflict, NotFound, PatchKind
from kube.objects import Pod
from linux.logging_kv import get_logger

logger = get_logger("knode.status")
_PASSING = frozenset({"PodResizePending", "PodResizeInProgress"})
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class StatusWriter:
    """`compute` gives the status of this moment; `written` is told the pod as the API returned it."""

    def __init__(
        self,
        client: Client,
        compute: Callable[[], tuple[Pod, dict[str, Any]]],
        written: Callable[[Pod], None],
    ) -> None:
        self._client = client
        self._compute = compute
        self._written = written
        self._sent: dict[str, Any] | None = None
        self._dirty = asyncio.Event()
        self._clean = asyncio.Event()

    def mark(self) -> None:
        """Something may have changed."""
        self._dirty.set()
        self._clean.clear()

    def forget(self) -> None:
        """What was sent is not there any more."""
        self._sent = None
        self.mark()

    async def flushed(self) -> None:
        """Wait until the API has what is true now."""
        self.mark()
        await self._clean.wait()

    async def run(self) -> None:
        failure_count = 0
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._write()
                failure_count = 0
            except ApiError as error:
                delay_s = _RETRY_S[min(failure_count, len(_RETRY_S) - 1)]
                failure_count += 1
                logger.warning("the pod's status could not be written", again_in_s=delay_s, error=error)
                self._dirty.set()
                await asyncio.sleep(delay_s)
                continue
            if not self._dirty.is_set():
                self._clean.set()

    async def _write(self) -> None:
        pod, status = self._compute()
        if status == self._sent:
            return
        whole = _without_old_conditions(pod, _replacing_addresses(pod, status))
        body: dict[str, Any] = {"status": whole}
        if pod.metadata.uid:
            body["metadata"] = {"uid": pod.metadata.uid}
        meta = pod.metadata
        try:
            stored = await self._client.patch(
                Pod, meta.name, meta.namespace, body, kind=PatchKind.STRATEGIC, subresource="status"
            )
        except (NotFound, Conflict) as error:
            # The pod is gone, or another one has its name now: there is nobody left to tell.
            logger.debug("status not wanted any more", pod=f"{meta.namespace}/{meta.name}", error=error)
            self._sent = status if pod.metadata.uid else None  # a mirror may come yet
            return
        self._sent = status
        self._written(stored)


def _without_old_conditions(pod: Pod, status: dict[str, Any]) -> dict[str, Any]:
    """Conditions merge by type: those of a resize that is over have to be taken out by name."""
    now = {condition["type"] for condition in status["conditions"]}
    over = [each.type for each in pod.status.conditions if each.type in _PASSING and each.type not in now]
    if not over:
        return status
    gone = [{"$patch": "delete", "type": name} for name in over]
    return {**status, "conditions": [*status["conditions"], *gone]}


def _replacing_addresses(pod: Pod, status: dict[str, Any]) -> dict[str, Any]:
    """PodIPs merges by address: without this directive old addresses would stay (core/v1 patchMergeKey)."""
    old = [entry.ip for entry in pod.status.pod_ips]
    new = [entry["ip"] for entry in status.get("podIPs", [])]
    if old and new and old != new:
        return {**status, "podIPs": [{"$patch": "replace"}, *status["podIPs"]]}
    return status
