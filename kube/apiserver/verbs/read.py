"""GET of one object and of a list, with the resourceVersion semantics of api.md A3."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from kube.apiserver import status
from kube.apiserver.kinds import Kind
from kube.apiserver.representation import conversion_drive
from kube.apiserver.representation.views import ListMeta, Shown, negotiate
from kube.apiserver.requests.options import ListOptions, encode_token, list_options, revision_of
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import JSON, Answer, Request
from kube.apiserver.requests.selection import ObjectSelection
from kube.apiserver.state import Api
from kube.store import Compacted
from kube.store.cache import Snapshot
from kube.store.entries import Entry
from kube.store.watchers import View

WAIT_FOR_REVISION_S = 3.0
_DECODED_A_TURN = 100  # objects decoded before others get their turn in the loop
_ROWS_A_TURN = 500  # rows rendered before others get their turn in the loop
_INCONSISTENT = (
    "The continue parameter is too old for a consistent list: list again without it, or go on with the token of "
    "this response, which shows the newest objects and may miss or repeat what changed since the list began."
)


async def get(api: Api, kind: Kind, target: Target, request: Request) -> Answer:
    version = request.query.get("resourceVersion")
    if version:
        await wait_for(api, revision_of(version))
    else:
        await api.store.caught_up()
    shown = negotiate(kind, request.headers.get("accept", ""), request.query, api.clock())
    found = api.get(kind, target.namespace, target.name)
    if found is None:
        raise status.not_found(kind.resource, target.name)
    (found,) = await conversion_drive.in_version(api, kind, [found])
    return Answer(200, shown.object(View(found)))


async def wait_for(api: Api, revision: int) -> None:
    """StatusError 504 when the revision does not come."""
    if not await api.cache.wait_for(revision, WAIT_FOR_REVISION_S):
        raise status.too_large_resource_version(revision, api.cache.revision)


async def list_(api: Api, kind: Kind, target: Target, request: Request) -> Answer:
    options = list_options(kind, request.query, watch=False)
    shown = negotiate(kind, request.headers.get("accept", ""), request.query, api.clock())
    selection = ObjectSelection(target.namespace, "", options.labels, options.fields)
    snapshot = await _snapshot(api, kind, options)
    if conversion_drive.asks(kind):
        found = iter(await converted(api, kind, snapshot, selection, options.start))
    elif selection.decodes:
        found = iter(await _selected_in_turns(snapshot, selection, options.start))
    else:
        found = selected(snapshot, selection, options.start)
    limit = 0 if options.revision == 0 and options.match != "Exact" else options.limit
    if not limit:
        rows = await _render(shown, list(found))
        return Answer(200, shown.list(rows, ListMeta(snapshot.revision)), JSON)
    page = list(islice(found, limit + 1))
    if len(page) <= limit:
        return Answer(200, shown.list(await _render(shown, page), ListMeta(snapshot.revision)), JSON)
    remaining = 1 + sum(1 for _ in found) if selection.empty else None
    token = encode_token(snapshot.revision, page[limit - 1].key)
    meta = ListMeta(snapshot.revision, token, remaining)
    return Answer(200, shown.list(await _render(shown, page[:limit]), meta), JSON)


def selected(snapshot: Snapshot, selection: ObjectSelection, start: str = "") -> Iterator[Entry]:
    """Entries of the snapshot that the selection matches, in key order."""
    found = selected_candidates(snapshot, selection, start)
    if selection.empty:
        return iter(found)
    return (entry for entry in found if selection.matches(View(entry)))


def selected_candidates(snapshot: Snapshot, selection: ObjectSelection, start: str) -> Iterable[Entry]:
    """Entries that the selection's namespace and name allow."""
    if selection.name and selection.namespace:
        key = f"{selection.namespace}/{selection.name}"
        return (snapshot.entries[key],) if key in snapshot.entries and key > start else ()
    return snapshot.after(start, selection.namespace)


async def _selected_in_turns(snapshot: Snapshot, selection: ObjectSelection, start: str) -> list[Entry]:
    """As selected(), where objects have to be decoded to be judged: others get their turn in the loop between them."""
    candidates = list(selected_candidates(snapshot, selection, start))
    found: list[Entry] = []
    for at in range(0, len(candidates), _DECODED_A_TURN):
        if at:
            await asyncio.sleep(0)
        found += (entry for entry in candidates[at : at + _DECODED_A_TURN] if selection.matches(View(entry)))
    return found


async def converted(
    api: Api, kind: Kind, snapshot: Snapshot, selection: ObjectSelection, start: str = ""
) -> list[Entry]:
    """As selected(), of a kind whose objects a webhook converts: it is asked before fields are looked at."""
    present = list(snapshot.after(start, selection.namespace))
    entries = await conversion_drive.in_version(api, kind, present)
    return [entry for entry in entries if selection.matches(View(entry))]


async def _snapshot(api: Api, kind: Kind, options: ListOptions) -> Snapshot:
    revision = options.revision
    if revision:
        await wait_for(api, revision)
    elif revision is None:
        await api.store.caught_up()
    if options.match != "Exact" or revision is None:
        return api.cache.collection(kind.storage_key).at(api.cache.revision)
    try:
        return await api.cache.at(kind.storage_key, revision)
    except Compacted as error:
        if not options.start:
            raise status.expired("The resourceVersion for the provided list is too old.") from error
        token = encode_token(-1, options.start)
        raise status.expired(_INCONSISTENT, continue_token=token) from error


async def _render(shown: Shown, entries: Sequence[Entry]) -> list[bytes]:
    """In turns, so that a long list does not hold up the rest."""
    if len(entries) <= _ROWS_A_TURN:
        return shown.rows(entries)
    rows: list[bytes] = []
    for start in range(0, len(entries), _ROWS_A_TURN):
        rows += shown.rows(entries[start : start + _ROWS_A_TURN])
        await asyncio.sleep(0)
    return rows
