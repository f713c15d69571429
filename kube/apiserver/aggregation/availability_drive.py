"""Does each extension server answer? Sets the condition Available, and asks what it serves."""

import asyncio
import logging
from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.aggregation.forwarding import headers_of, place_of
from kube.apiserver.aggregation.services import API_SERVICES, AVAILABLE, Extension, condition
from kube.apiserver.outbound.calls import CallFailed
from kube.apiserver.outbound.places import SERVICES, Unresolved
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api
from kube.apiserver.verbs.write import rewrite
from kube.store import StoreError

_log = logging.getLogger(__name__)
_PERIOD_S = 5.0
_SOON_S = 0.5  # while one of them does not answer yet
_TIMEOUT_S = 5.0
_ASKER = User("system:kube-aggregator", ("system:masters",))


class Availability:
    """One loop for all of them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def run(self) -> None:
        """For ever."""
        waited_s = 0.0
        while True:
            extensions = self._api.extensions
            due = _PERIOD_S if all(one.available for one in extensions.all) else _SOON_S
            if extensions.all and (extensions.changed or waited_s >= due):
                extensions.changed = False
                waited_s = 0.0
                try:
                    await self.look()
                except (StoreError, status.StatusError) as error:
                    _log.error("the state of APIServices cannot be written: %s", error)
            await asyncio.sleep(_SOON_S)
            waited_s += _SOON_S

    async def look(self) -> None:
        """Ask each once."""
        await asyncio.gather(*(self._look_at(one) for one in self._api.extensions.all))

    async def _look_at(self, one: Extension) -> None:
        state, reason, message = "True", "Passed", "all checks passed"
        try:
            place = place_of(self._api, one)
            reply = await self._api.extension_calls.send(
                place,
                "GET",
                query={},
                headers=dict(headers_of(_ASKER)),
                timeout_s=_TIMEOUT_S,
            )
            if not 200 <= reply.status < 300:
                raise CallFailed(f"bad status from {place.url}: {reply.status}")
            self._discovered(one, reply.body)
        except Unresolved as error:
            state, reason, message = "False", self._missing(one), str(error)
        except CallFailed as error:
            state, reason = "False", "FailedDiscoveryCheck"
            message = f"failing or missing response from https://{one.service}.{one.namespace}.svc:{one.port}{one.path}: {error}"
        await self._tell(one, state, reason, message)

    def _missing(self, one: Extension) -> str:
        found = self._api.get(SERVICES, one.namespace, one.service)
        return "MissingEndpoints" if found is not None else "ServiceNotFound"

    def _discovered(self, one: Extension, body: bytes) -> None:
        try:
            found: Any = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise CallFailed(f"its resource list is no JSON: {error}") from error
        if isinstance(found, dict) and found.get("kind") == "APIResourceList":
            self._api.extensions.discovered[one.group, one.version] = found

    async def _tell(self, one: Extension, state: str, reason: str, message: str) -> None:
        entry = self._api.get(API_SERVICES, "", one.name)
        if entry is None:
            return
        before = condition(entry.decode())
        if (before.get("status"), before.get("reason"), before.get("message")) == (state, reason, message):
            return
        since = before["lastTransitionTime"] if before.get("status") == state else self._api.now()
        row = {
            "type": AVAILABLE,
            "status": state,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }

        def change(obj: Object) -> Object:
            found = obj.setdefault("status", {})
            others = [other for other in found.get("conditions") or () if other.get("type") != AVAILABLE]
            found["conditions"] = [*others, row]
            return obj

        try:
            await rewrite(self._api, API_SERVICES, "", one.name, change)
        except status.StatusError as error:
            if error.reason != "NotFound":
                raise
