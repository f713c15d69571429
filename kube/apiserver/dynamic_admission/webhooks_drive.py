"""Calling webhooks: the mutating ones in turn, the validating ones all at once."""

import asyncio
import copy
import logging
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from kube.apiserver import status
from kube.apiserver.dynamic_admission import hooks, surroundings
from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.dynamic_admission.hooks import Hook, Verdict
from kube.apiserver.dynamic_admission.matching import matched_kind, selected
from kube.apiserver.dynamic_admission.versions_drive import back, in_version
from kube.apiserver.kinds import Kind, expressions
from kube.apiserver.kinds.patch import json_patch
from kube.apiserver.outbound.calls import CallFailed
from kube.apiserver.outbound.places import Unresolved, of_client_config
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

_log = logging.getLogger(__name__)
_JSON = {"content-type": "application/json"}


class _Invocation(NamedTuple):
    hook: Hook
    seen_as: Kind
    obj: Object | None
    old: Object | None


async def mutated(api: Api, attempt: Attempt, found: Sequence[Hook], warnings: list[str]) -> Object | None:
    """The object as the webhooks want it. Raises StatusError."""
    called: list[Hook] = []
    again: list[Hook] = []  # that ask to be called anew when the object changes after them
    for hook in found:
        invocation = await _invocation(api, attempt, hook)
        if invocation is None:
            continue
        before = attempt.obj
        attempt = await _changed(api, attempt, invocation, warnings)
        if attempt.obj != before:
            again = [earlier for earlier in called if earlier.reinvoked]
        called.append(hook)
    for hook in again:
        invocation = await _invocation(api, attempt, hook)
        if invocation is not None:
            attempt = await _changed(api, attempt, invocation, warnings)
    return attempt.obj


async def _changed(api: Api, attempt: Attempt, invocation: _Invocation, warnings: list[str]) -> Attempt:
    verdict = await _asked(api, attempt, invocation, mutating=True)
    if verdict is None:
        return attempt
    warnings.extend(verdict.warnings)
    if not verdict.patch:
        return attempt
    if invocation.obj is None:
        name = status.quote(invocation.hook.name)
        why = "attempted to modify the object, which is not supported for this operation"
        raise status.internal_error(f"admission webhook {name} {why}")
    try:
        patched = json_patch.apply(copy.deepcopy(invocation.obj), verdict.patch)
    except json_patch.BadPatch as error:
        raise status.internal_error(str(error)) from error
    if not isinstance(patched, dict):
        raise status.internal_error("the patched object is none")
    return attempt._replace(obj=await back(api, attempt, patched, invocation.seen_as))


async def validate(api: Api, attempt: Attempt, found: Sequence[Hook], warnings: list[str]) -> None:
    """Raises StatusError: of several refusals the first."""
    asked = [invocation for hook in found if (invocation := await _invocation(api, attempt, hook))]
    if not asked:
        return
    outcomes = await asyncio.gather(
        *(_asked(api, attempt, invocation, mutating=False) for invocation in asked), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is not None:
            warnings.extend(outcome.warnings)


async def _invocation(api: Api, attempt: Attempt, hook: Hook) -> _Invocation | None:
    others = surroundings.equivalents(api, attempt.kind) if hook.equivalent else ()
    seen_as = matched_kind(hook.rules, attempt, others, equivalent=hook.equivalent)
    if seen_as is None:
        return None
    labels = surroundings.namespace_labels(api, attempt)
    if not selected(hook.namespace_selector, hook.object_selector, attempt, labels):
        return None
    obj = await in_version(api, attempt, attempt.obj, seen_as)
    old = await in_version(api, attempt, attempt.old, seen_as)
    if hook.conditions:
        known = surroundings.variables(api, attempt, seen_as, obj, old)
        try:
            if not expressions.hold(hook.conditions, known):
                return None
        except expressions.Undecided as error:
            if hook.fails_open:
                return None
            name = status.GroupName(attempt.kind.group, attempt.kind.plural)
            raise status.forbidden(name, attempt.name, str(error)) from error
    return _Invocation(hook, seen_as, obj, old)


async def _asked(api: Api, attempt: Attempt, invocation: _Invocation, *, mutating: bool) -> Verdict | None:
    """None where a failure counts as consent. Raises StatusError."""
    hook = invocation.hook
    if attempt.dry_run and not hook.quiet:
        raise hooks.no_dry_run(hook)
    try:
        return await _call(api, attempt, invocation, mutating=mutating)
    except hooks.Failed as error:
        if hook.fails_open:
            _log.warning("webhook %s failed and is passed over: %s", hook.name, error)
            return None
        raise hooks.calling_failed(hook, str(error)) from error


async def _call(api: Api, attempt: Attempt, invocation: _Invocation, *, mutating: bool) -> Verdict:
    hook, uid = invocation.hook, api.uid()
    body = hooks.review(hook, attempt, invocation.seen_as, invocation.obj, invocation.old, uid)
    try:
        place = of_client_config(api, hook.client_config)
        reply = await api.callouts.send(
            place,
            "POST",
            query={"timeout": f"{math.ceil(hook.timeout_s)}s"},
            headers=_JSON,
            body=body,
            timeout_s=hook.timeout_s,
        )
    except (Unresolved, CallFailed) as error:
        raise hooks.Failed(f"failed to call webhook: {error}") from error
    return hooks.verdict(hook, uid, _decoded(reply.status, reply.body), mutating=mutating)


def _decoded(code: int, body: bytes) -> Any:
    """Raises Failed."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        if code == 200:
            raise hooks.Failed(f"failed to call webhook: {error}") from error
        found = None
    if code == 200:
        return found
    message = found.get("message") if isinstance(found, dict) else None
    raise hooks.Failed(
        f"failed to call webhook: {message or _SAID.get(code) or f'the server responded with the status code {code}'}"
    )


_SAID = {
    404: "the server could not find the requested resource",
    500: "an error on the server has prevented the request from succeeding",
    503: "the server is currently unable to handle the request",
}
