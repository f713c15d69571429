"""API servers that share a store: who lives, and so which endpoints the Service `kubernetes` has.

Each writes a key of its own every few seconds. Clocks are not compared: a server is gone when the others have not
seen its key change for long enough on their own clocks.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from kube.apiserver.state import Api
from kube.apiserver.upkeep import bootstrap
from kube.store import Conflict, Delete, Put, StoreError
from kube.store.cache import store_key

_log = logging.getLogger(__name__)
_RESOURCE = "servers.podnet.internal"
RENEW_S = 10.0
GONE_S = 25.0


class Seen(NamedTuple):
    """A server's key at a revision, and when (monotonic) this server first saw that."""

    revision: int
    at_s: float


def look(before: Mapping[str, Seen], revisions: Mapping[str, int], now_s: float) -> dict[str, Seen]:
    """What is known of each server that has a key."""
    return {
        address: before[address]
        if address in before and before[address].revision == revision
        else Seen(revision, now_s)
        for address, revision in revisions.items()
    }


def gone(seen: Mapping[str, Seen], now_s: float) -> list[str]:
    return [address for address, found in seen.items() if now_s - found.at_s > GONE_S]


class Servers:
    """This server among the others."""

    def __init__(self, api: Api, clock_s: Callable[[], float]) -> None:
        self._api = api
        self._clock_s = clock_s
        self._own = api.settings.advertise_address
        self._seen: dict[str, Seen] = {}

    async def run(self) -> None:
        """For ever; leaves the others when cancelled."""
        try:
            while True:
                try:
                    await self.renew()
                except StoreError as error:
                    _log.error("cannot say that this server lives: %s", error)
                await asyncio.sleep(RENEW_S)
        finally:
            try:
                async with asyncio.timeout(1.0):
                    await self.leave()
            except (StoreError, TimeoutError) as error:
                _log.warning("the other servers will notice in %.0f s that this one ended: %s", GONE_S, error)

    async def renew(self) -> None:
        """One turn: renew the own key, remove those of the dead, list the living as endpoints."""
        obj = {"kind": "Server", "apiVersion": "podnet.internal/v1", "metadata": {"name": self._own}}
        key = store_key(_RESOURCE, "", self._own)
        await self._api.store.txn([Put(key, msgspec.json.encode({**obj, "renewed": self._api.now()}))])
        self._seen = look(self._seen, self._revisions(), self._clock_s())
        for address in gone(self._seen, self._clock_s()):
            try:
                found = self._seen.pop(address)
                await self._api.store.txn([Delete(store_key(_RESOURCE, "", address), found.revision)])
            except Conflict:
                continue  # it lives after all
        await bootstrap.point_to(self._api, sorted(self._seen))

    async def leave(self) -> None:
        await self._api.store.txn([Delete(store_key(_RESOURCE, "", self._own))])
        others = sorted(set(self._revisions()) - {self._own})
        if others:
            await bootstrap.point_to(self._api, others)

    def _revisions(self) -> dict[str, int]:
        entries = self._api.cache.collection(_RESOURCE).entries
        return {entry.name: entry.revision for entry in entries.values()}
