"""Conversion that may ask a webhook: custom kinds whose definition says so. Everything else is in conversion.py.

Entries are converted before anything looks into them, so that all that follows sees objects of the version asked for.
"""

from collections.abc import Sequence

import msgspec

from kube.apiserver import status
from kube.apiserver.customresources import webhook
from kube.apiserver.kinds import Kind
from kube.apiserver.outbound.calls import CallFailed
from kube.apiserver.outbound.places import Unresolved, of_client_config
from kube.apiserver.representation import conversion
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api
from kube.store.entries import Entry

_TIMEOUT_S = 30.0
_AT_ONCE = 500  # objects in one request to a webhook
_ENCODER = msgspec.json.Encoder()


def asks(kind: Kind) -> bool:
    """Whether objects of the kind may have to be sent to a webhook."""
    return kind.custom is not None and kind.custom.conversion is not None


async def in_version(api: Api, kind: Kind, entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries as objects of the kind's version. StatusError 500 where the webhook fails."""
    custom = kind.custom
    if custom is None or custom.conversion is None:
        return entries
    foreign = [entry for entry in entries if not custom.has_version(entry.body)]
    if not foreign:
        return entries
    converted = await _converted(api, kind, [entry.decode() for entry in foreign], kind.api_version)
    made = {entry.key: _replaced(entry, obj, kind) for entry, obj in zip(foreign, converted, strict=True)}
    return [made.get(entry.key, entry) if not custom.has_version(entry.body) else entry for entry in entries]


def _replaced(entry: Entry, obj: Object, kind: Kind) -> Entry:
    """The entry with the object, whose head is as state.encode_stored writes it."""
    metadata = obj.pop("metadata")
    metadata.pop("resourceVersion", None)
    for field in ("kind", "apiVersion"):
        obj.pop(field)
    ordered = {
        "kind": kind.kind,
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": str(entry.revision), **metadata},
        **obj,
    }
    labels = metadata.get("labels") or {}
    return Entry(entry.key, _ENCODER.encode(ordered), entry.revision, entry.create_revision, labels)


async def for_store(api: Api, kind: Kind, obj: Object) -> Object:
    """The object in the version that is stored. StatusError 500 where the webhook fails."""
    custom = kind.custom
    if custom is None or custom.conversion is None or obj["apiVersion"] == custom.stored_api_version:
        return conversion.for_store(kind, obj)
    (stored,) = await _converted(api, kind, [obj], custom.stored_api_version)
    return stored


async def between(api: Api, source: Kind, target: Kind, obj: Object) -> Object:
    """A copy of the object, which is in the version of `source`, in that of `target`."""
    copied: Object = msgspec.json.decode(_ENCODER.encode(obj))
    custom = target.custom
    if custom is None:
        return conversion.to_served(target, conversion.to_stored(source, copied))
    if custom.conversion is not None:
        (copied,) = await _converted(api, target, [copied], target.api_version)
    return custom.to_served(copied)


async def _converted(api: Api, kind: Kind, objects: list[Object], api_version: str) -> list[Object]:
    assert kind.custom is not None
    definition = kind.custom.conversion
    assert definition is not None
    made: list[Object] = []
    for start in range(0, len(objects), _AT_ONCE):
        part = objects[start : start + _AT_ONCE]
        try:
            made += await _asked(api, definition, part, api_version)
        except (Unresolved, CallFailed, webhook.BadConversion) as error:
            why = f"conversion webhook for {part[0]['apiVersion']}, Kind={kind.kind} failed: {error}"
            raise status.StatusError(500, "InternalError", why) from error
    return made


async def _asked(api: Api, definition: Object, objects: list[Object], api_version: str) -> list[Object]:
    uid = api.uid()
    place = of_client_config(api, definition["spec"]["conversion"]["webhook"]["clientConfig"])
    reply = await api.callouts.send(
        place,
        "POST",
        query={"timeout": f"{_TIMEOUT_S:.0f}s"},
        headers={"content-type": "application/json"},
        body=webhook.review(definition, objects, api_version, uid),
        timeout_s=_TIMEOUT_S,
    )
    if reply.status != 200:
        raise webhook.BadConversion(f"the server responded with the status code {reply.status}")
    return webhook.converted(reply.body, objects, api_version, uid)
