"""Keeps the ControllerRevisions of one owner."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kube.client import AlreadyExists
from kube.controllers import owners
from kube.controllers.context import Context
from kube.controllers.history import plan
from kube.controllers.history.kinds import ControllerRevision
from kube.objects import Object


class History:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._revisions = context.mirror(ControllerRevision)
        self._revisions.add_index("controlled by", owners.controlled_by)

    def of(self, owner: Object) -> list[ControllerRevision]:
        return self._revisions.by("controlled by", owner.metadata.uid)

    async def record(
        self, owner: Object, template: dict[str, Any], collision_count: int | None
    ) -> plan.Present | None:
        """The present revision, made or renumbered where needed; None when its name is another template's."""
        found = plan.present(owner, template, collision_count, self.of(owner))
        write = self._context.write
        if found.existing is None:
            try:
                await write.create(ControllerRevision, owner.metadata.namespace, found.body)
            except AlreadyExists:
                current = await self._context.client.get(
                    ControllerRevision, found.name, owner.metadata.namespace
                )
                ref = owners.controller_of(current)
                if ref is None or ref.uid != owner.metadata.uid or current.data != found.body["data"]:
                    return None
                self._revisions.made(current, self._context.now())
        elif found.existing.revision != found.number:
            await write.patch(found.existing, {"revision": found.number})
        return found

    async def forget(self, owner: Object, used: Collection[str], limit: int | None) -> None:
        for one in plan.surplus(self.of(owner), used, limit):
            await self._context.write.delete(one)
