"""An attempt's objects in the version that a rule names."""

from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.kinds import Kind
from kube.apiserver.representation import conversion_drive
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api


async def in_version(api: Api, attempt: Attempt, obj: Object | None, seen_as: Kind) -> Object | None:
    """A copy, or the object itself where it is in that version. Raises StatusError."""
    if obj is None or seen_as.gvr == attempt.kind.gvr or attempt.body != attempt.kind.gvk:
        return obj
    return await conversion_drive.between(api, attempt.kind, seen_as, obj)


async def back(api: Api, attempt: Attempt, obj: Object, seen_as: Kind) -> Object:
    """Into the version of the request. Raises StatusError."""
    if seen_as.gvr == attempt.kind.gvr or attempt.body != attempt.kind.gvk:
        return obj
    return await conversion_drive.between(api, seen_as, attempt.kind, obj)
