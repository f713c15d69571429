"""ControllerRevision (apps/v1): immutable data under a number."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from kube.objects import Object, Resource


class ControllerRevision(Object):
    resource: ClassVar[Resource] = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    revision: int = 0
