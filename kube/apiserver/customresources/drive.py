"""What the server does by itself about definitions: their status, and their objects when they end."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from kube.apiserver import status
from kube.apiserver.customresources import naming
from kube.apiserver.customresources.catalog import DEFINITIONS, is_shadowed, kinds_of
from kube.store import Conflict, StoreError
from kube.store.entries import Entry
from kube.store.watchers import Event

if TYPE_CHECKING:
    from kube.apiserver.state import Api

_log = logging.getLogger(__name__)
Object = dict[str, Any]
_AGAIN_S = 1.0  # after a refusal, and while objects wait for finalizers


class DefinitionUpkeep:
    """Looks at a definition when it or one of its group has changed, and at an ending one when an object goes.

    Every server on a store does this; what one has done is nothing to do for the next.
    """

    def __init__(self, api: "Api") -> None:
        self._api = api
        self._ending: set[str] = set()
        self._dirty: dict[str, None] = dict.fromkeys(api.cache.collection(DEFINITIONS.storage_key).keys)
        self._woken = asyncio.Event()
        self._woken.set()
        api.cache.listen(self._on_event)

    def _on_event(self, resource: str, event: Event) -> None:
        if resource == DEFINITIONS.storage_key:
            entry = event.new or event.old
            assert entry is not None
            group = entry.name.partition(".")[2]
            same_group = (name for name in self._names() if name.partition(".")[2] == group)
            self._dirty.update(dict.fromkeys(same_group))
            self._woken.set()
        elif resource in self._ending and event.new is None:
            self._dirty[resource] = None
            self._woken.set()

    def _names(self) -> list[str]:
        return list(self._api.cache.collection(DEFINITIONS.storage_key).keys)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            failed = await self.look()
            if failed or self._ending:
                asyncio.get_running_loop().call_later(_AGAIN_S, self._look_again, failed)

    def _look_again(self, failed: list[str]) -> None:
        self._dirty.update(dict.fromkeys((*failed, *self._ending)))
        self._woken.set()

    async def look(self) -> list[str]:
        """At all that have changed; the names of those where something went wrong."""
        failed = []
        names, self._dirty = list(self._dirty), {}
        for name in names:
            try:
                await self._look_at(name)
            except Conflict:
                failed.append(name)
            except (StoreError, status.StatusError) as error:
                _log.error("definition %s: %s", name, error)
                failed.append(name)
            except Exception:
                _log.exception("definition %s", name)
        return failed

    async def _look_at(self, name: str) -> None:
        entry = self._api.get(DEFINITIONS, "", name)
        if entry is None:
            self._ending.discard(name)
            return
        definition = entry.decode()
        if definition["metadata"].get("deletionTimestamp"):
            await self._end(name, definition)
            return
        if self._api.catalog.definition(name) is None:
            return  # it cannot be read, which the catalog has told
        others = self._api.catalog.definitions_of(definition["spec"].get("group"))
        wanted = naming.status_of(definition, others, self._api.now())
        if wanted != definition.get("status"):
            await self._write_status(name, wanted)

    async def _write_status(self, name: str, wanted: Object) -> None:
        from kube.apiserver.verbs.write import rewrite

        await rewrite(self._api, DEFINITIONS, "", name, lambda stored: {**stored, "status": wanted})

    async def _end(self, name: str, definition: Object) -> None:
        """Delete what is left of the kind; with the last object the definition is let go."""
        if naming.CLEANUP not in (definition["metadata"].get("finalizers") or ()):
            self._ending.discard(name)
            return
        left = [] if is_shadowed(definition) else list(self._api.cache.collection(name).entries.values())
        if not left:
            await self._let_go(name)
            return
        if name not in self._ending:
            self._ending.add(name)
            state = definition.get("status") or {}
            await self._write_status(name, naming.in_progress(state, self._api.now()))
        await self._delete(definition, [entry for entry in left if b'"deletionTimestamp"' not in entry.body])

    async def _delete(self, definition: Object, entries: list[Entry]) -> None:
        from kube.apiserver.requests.options import DeleteOptions
        from kube.apiserver.verbs.delete import delete_all

        kinds = kinds_of(definition)
        if kinds and entries:
            await delete_all(self._api, kinds[0], entries, DeleteOptions())

    async def _let_go(self, name: str) -> None:
        from kube.apiserver.state import encode_stored, key_of
        from kube.apiserver.verbs.delete import remove
        from kube.store import Put

        entry = self._api.get(DEFINITIONS, "", name)
        if entry is None:
            return
        definition = entry.decode()
        metadata = definition["metadata"]
        rest = [other for other in metadata.get("finalizers") or () if other != naming.CLEANUP]
        self._ending.discard(name)
        key = key_of(DEFINITIONS, "", name)
        if not rest:
            await remove(self._api, DEFINITIONS, key, entry.revision, definition)
            return
        metadata["finalizers"] = rest
        definition["status"] = naming.completed(definition.get("status") or {}, self._api.now())
        await self._api.store.txn([Put(key, encode_stored(definition), entry.revision)])
