"""Events as `kubectl describe` and `kubectl get events` show them: core/v1, equal ones counted.

    recorder = Recorder(client, "knode", host="node-1")
    recorder.event(pod, "Normal", "Started", "Started container web")   # never waits, never raises
    await recorder.run()                                                  # in a task of its own

Losing an event is allowed, delaying its subject is not: the queue is bounded, failures are dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from kube.client import ApiError, Client, NotFound
from kube.objects import Event, Object, ObjectReference

_log = logging.getLogger(__name__)

_REMEMBERED = 4096  # event series that can still be counted up
_QUEUED = 1000
_BURST, _REFILL_S = 25, 300.0  # client-go's spam filter: 25 events an object, then one in five minutes
_MESSAGE_MAX = 1024  # core/v1 validation


_REFERENCE_FIELDS = ("apiVersion", "kind", "namespace", "name", "uid", "fieldPath")


class _Fact(NamedTuple):
    """What makes two events the same event, seen again."""

    involved: tuple[str, str, str, str, str, str]  # apiVersion, kind, namespace, name, uid, fieldPath
    type: str
    reason: str
    message: str
    action: str
    component: str


class _Seen(NamedTuple):
    name: str
    namespace: str
    times: int


class _Allowance(NamedTuple):
    tokens: float
    at: float


def reference_to(obj: Object, field_path: str = "") -> ObjectReference:
    return ObjectReference(
        api_version=obj.resource.api_version,
        kind=obj.resource.kind,
        namespace=obj.metadata.namespace,
        name=obj.metadata.name,
        uid=obj.metadata.uid,
        resource_version=obj.metadata.resource_version,
        field_path=field_path,
    )


def timestamp(now: float) -> str:
    """RFC 3339 in whole seconds, UTC: how Kubernetes writes metav1.Time."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Recorder:
    """`wall_clock` gives Unix seconds."""

    def __init__(
        self, client: Client, component: str, *, wall_clock: Callable[[], float], host: str = ""
    ) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._wall_clock = wall_clock
        self._queue: deque[tuple[_Fact, float]] = deque(maxlen=_QUEUED)
        self._wakeup = asyncio.Event()
        self._seen: OrderedDict[_Fact, _Seen] = OrderedDict()
        self._allowances: OrderedDict[tuple[str, ...], _Allowance] = OrderedDict()
        self._last_ns = 0

    def event(
        self,
        about: Object | ObjectReference,
        type_: str,
        reason: str,
        message: str,
        *,
        action: str = "",
        field_path: str = "",
        component: str = "",
    ) -> None:
        """Queue one event; `type_` is Normal or Warning, `reason` one CamelCase word, `component` who says it if not
        the recorder's own.
        """
        ref = about if isinstance(about, ObjectReference) else reference_to(about, field_path)
        involved = (ref.api_version, ref.kind, ref.namespace, ref.name, ref.uid, ref.field_path)
        by = component or self._component
        fact = _Fact(involved, type_, reason, message[:_MESSAGE_MAX], action, by)
        self._queue.append((fact, self._wall_clock()))
        self._wakeup.set()

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            while not self._queue:
                self._wakeup.clear()
                await self._wakeup.wait()
            fact, at = self._queue.popleft()
            if not self._allowed(fact, at):
                continue
            try:
                await self._write(fact, at)
            except ApiError as error:
                _log.debug("event %s of %s was not written: %s", fact.reason, fact.involved[3], error)

    def _allowed(self, fact: _Fact, at: float) -> bool:
        key = fact.involved
        tokens, since = self._allowances.pop(key, _Allowance(float(_BURST), at))
        tokens = min(float(_BURST), tokens + (at - since) / _REFILL_S)
        allowed = tokens >= 1
        self._allowances[key] = _Allowance(tokens - 1 if allowed else tokens, at)
        if len(self._allowances) > _REMEMBERED:
            self._allowances.popitem(last=False)
        return allowed

    async def _write(self, fact: _Fact, at: float) -> None:
        seen = self._seen.pop(fact, None)
        if seen is not None:
            count = seen.times + 1
            body = {"count": count, "lastTimestamp": timestamp(at)}
            try:
                await self._client.patch(Event, seen.name, seen.namespace, body)
                self._remember(fact, seen._replace(times=count))
                return
            except NotFound:
                pass  # it has expired: begin again
        # Named by subject and time, as client-go does; cluster-wide subjects have their events in `default`.
        self._last_ns = max(self._last_ns + 1, int(at * 1e9))
        name, namespace = f"{fact.involved[3]}.{self._last_ns:x}", fact.involved[2] or "default"
        body = self._body(fact, at, name, namespace)
        await self._client.raw(
            "POST",
            Event.resource.path(namespace),
            headers={"content-type": "application/json"},
            body=msgspec.json.encode(body),
        )
        self._remember(fact, _Seen(name, namespace, 1))

    def _remember(self, fact: _Fact, seen: _Seen) -> None:
        self._seen[fact] = seen
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _body(self, fact: _Fact, at: float, name: str, namespace: str) -> dict[str, Any]:
        """JSON-shaped: a typed value would leave out what equals its default, and the API has none for these."""
        involved = dict(zip(_REFERENCE_FIELDS, fact.involved, strict=True))
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {field: value for field, value in involved.items() if value},
            "reason": fact.reason,
            "message": fact.message,
            "source": {"component": fact.component, **({"host": self._host} if self._host else {})},
            "firstTimestamp": timestamp(at),
            "lastTimestamp": timestamp(at),
            "count": 1,
            "type": fact.type,
            "reportingComponent": fact.component,
            "reportingInstance": self._host,
            **({"action": fact.action} if fact.action else {}),
        }
