"""ResourceQuota (v1), and any kind by its metadata."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from kube.objects import Object, Resource


class ResourceQuota(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "resourcequotas", "ResourceQuota")
    spec: dict[str, Any] = msgspec.field(default_factory=dict)
    status: dict[str, Any] = msgspec.field(default_factory=dict)


class Anything(Object):
    """The informer says of which kind."""

    resource: ClassVar[Resource] = Resource("", "", "", "")
