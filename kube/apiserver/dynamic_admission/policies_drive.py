"""Policies applied to an attempt: the mutating ones in turn, of the validating ones the first that refuses."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

from kube.apiserver import status
from kube.apiserver.cel import Budget, CelError
from kube.apiserver.cel.values import to_json
from kube.apiserver.dynamic_admission import policies, surroundings
from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.dynamic_admission.matching import matched_kind, selected
from kube.apiserver.dynamic_admission.policies import BadMutation, Binding, Mutation, Policy, Validation
from kube.apiserver.dynamic_admission.registrations import Bound
from kube.apiserver.dynamic_admission.versions_drive import back, in_version
from kube.apiserver.kinds import Kind, expressions
from kube.apiserver.kinds.expressions import STEPS, evaluated
from kube.apiserver.kinds.managed_fields.atomics import atomics
from kube.apiserver.kinds.managed_fields.merging import merge
from kube.apiserver.kinds.managed_fields.ownable import structure_of
from kube.apiserver.kinds.patch import json_patch
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}


class _Case(NamedTuple):
    """A policy with a binding and parameters, about an attempt."""

    policy: Policy
    binding: Binding
    known: dict[str, Any]
    seen_as: Kind


class _Denied(Exception):
    """`reason` as a validation names it, empty for the default."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


async def _cases(api: Api, attempt: Attempt, bound: Bound) -> list[_Case]:
    """Raises _Denied where the policy cannot be applied, unless it fails open."""
    policy, binding = bound.policy, bound.binding
    seen_as = _matched(api, attempt, policy.match)
    if seen_as is None or (_names_resources(binding.match) and _matched(api, attempt, binding.match) is None):
        return []
    labels = surroundings.namespace_labels(api, attempt)
    if not selected(
        binding.match.get("namespaceSelector"), binding.match.get("objectSelector"), attempt, labels
    ):
        return []
    try:
        found = surroundings.parameters(api, policy.param_kind, binding.param_ref, attempt.namespace)
    except surroundings.NoParameters as error:
        if policy.fails_open:
            return []
        raise _Denied(str(error)) from error
    obj = await in_version(api, attempt, attempt.obj, seen_as)
    old = await in_version(api, attempt, attempt.old, seen_as)
    cases = []
    for params in found:
        known = surroundings.variables(api, attempt, seen_as, obj, old, params)
        try:
            if policy.conditions and not expressions.hold(policy.conditions, known):
                continue
        except expressions.Undecided as error:
            if policy.fails_open:
                continue
            raise _Denied(str(error)) from error
        cases.append(_Case(policy, binding, known, seen_as))
    return cases


def _names_resources(match: Object) -> bool:
    return bool(match.get("resourceRules") or match.get("excludeResourceRules"))


def _matched(api: Api, attempt: Attempt, match: Object) -> Kind | None:
    equivalent = match.get("matchPolicy") != "Exact"
    others = surroundings.equivalents(api, attempt.kind) if equivalent else ()
    labels = surroundings.namespace_labels(api, attempt)
    if not selected(match.get("namespaceSelector"), match.get("objectSelector"), attempt, labels):
        return None
    excluded = match.get("excludeResourceRules") or ()
    if excluded and matched_kind(excluded, attempt, others, equivalent=equivalent) is not None:
        return None
    rules = match.get("resourceRules") or ()
    if not rules:
        return attempt.kind
    return matched_kind(rules, attempt, others, equivalent=equivalent)


# --- validating


async def validate(api: Api, attempt: Attempt, found: Sequence[Bound], warnings: list[str]) -> None:
    """Raises StatusError for the first that denies; adds what only warns."""
    denials: list[tuple[Bound, _Denied]] = []
    for bound in found:
        try:
            cases = await _cases(api, attempt, bound)
        except _Denied as error:
            denials.append((bound, error))
            continue
        for case in cases:
            for denial in _judged(case):
                if "Warn" in case.binding.actions:
                    warnings.append(
                        f"Validation failed for ValidatingAdmissionPolicy '{bound.policy.name}' with binding "
                        f"'{bound.binding.name}': {denial}"
                    )
                if "Deny" in case.binding.actions:
                    denials.append((bound, denial))
    if denials:
        raise _refusal(attempt, *denials[0], kind="ValidatingAdmissionPolicy")


def _judged(case: _Case) -> list[_Denied]:
    policy, budget = case.policy, Budget(STEPS)
    known = policies.scope(policy, case.known, budget)
    denials = []
    for validation in policy.validations:
        check = validation.check
        try:
            if evaluated(check.program, check.text, known, budget) is not True:
                denials.append(_Denied(_message(validation, known, budget), validation.reason))
        except CelError as error:
            if not policy.fails_open:
                denials.append(_Denied(str(error)))
    for row in policy.annotations:
        try:
            evaluated(row.program, row.text, known, budget)
        except CelError as error:
            if not policy.fails_open:
                denials.append(_Denied(str(error)))
    return denials


def _message(validation: Validation, known: dict[str, Any], budget: Budget) -> str:
    row = validation.message_part
    if row is not None:
        try:
            text = evaluated(row.program, row.text, known, budget)
        except CelError:
            text = None
        if isinstance(text, str) and text.strip() and "\n" not in text.strip():
            return text.strip()
    return validation.message.strip() or f"failed expression: {validation.check.text}"


def _refusal(attempt: Attempt, bound: Bound, denial: _Denied, *, kind: str) -> status.StatusError:
    message = f"{kind} '{bound.policy.name}' with binding '{bound.binding.name}' denied request: {denial}"
    error = status.forbidden(attempt.kind.resource, attempt.name, message, causes=[{"message": message}])
    reason = denial.reason or "Invalid"
    return status.StatusError(_CODES.get(reason, 422), reason, error.message, error.details)


# --- mutating


async def mutated(api: Api, attempt: Attempt, found: Sequence[Bound]) -> Object | None:
    """The object as the policies want it. Raises StatusError."""
    called: list[Bound] = []
    again: list[Bound] = []
    for bound in found:
        before = attempt.obj
        attempt, was_called = await _mutated_by(api, attempt, bound)
        if attempt.obj != before:
            again = [earlier for earlier in called if earlier.policy.reinvoked]
        if was_called:
            called.append(bound)
    for bound in again:
        attempt, _ = await _mutated_by(api, attempt, bound)
    return attempt.obj


async def _mutated_by(api: Api, attempt: Attempt, bound: Bound) -> tuple[Attempt, bool]:
    try:
        cases = await _cases(api, attempt, bound)
        for case in cases:
            for mutation in bound.policy.mutations:
                if attempt.obj is None:
                    continue
                attempt = await _changed(api, attempt, case, mutation)
    except (_Denied, CelError, BadMutation) as error:
        if bound.policy.fails_open and not isinstance(error, _Denied):
            return attempt, True
        denial = error if isinstance(error, _Denied) else _Denied(str(error))
        raise _refusal(attempt, bound, denial, kind="MutatingAdmissionPolicy") from error
    return attempt, bool(cases)


async def _changed(api: Api, attempt: Attempt, case: _Case, mutation: Mutation) -> Attempt:
    budget = Budget(STEPS)
    obj = await in_version(api, attempt, attempt.obj, case.seen_as)
    assert obj is not None
    known = policies.scope(case.policy, {**case.known, "object": obj}, budget)
    value = evaluated(mutation.part.program, mutation.part.text, known, budget)
    if mutation.patch_type == "JSONPatch":
        patched = _json_patched(obj, policies.operations(value))
    else:
        policies.check_names(value, "Object")
        patched = _merged(case.seen_as, obj, to_json(value))
    return attempt._replace(obj=await back(api, attempt, patched, case.seen_as))


def _json_patched(obj: Object, operations: list[Object]) -> Object:
    """The object as it is where a test of the patch fails."""
    try:
        patched = json_patch.apply(copy.deepcopy(obj), operations)
    except json_patch.TestFailed:
        return obj
    except json_patch.BadPatch as error:
        raise BadMutation(f"JSON Patch: {error}") from error
    if not isinstance(patched, dict):
        raise BadMutation("JSON Patch: the result is no object")
    return patched


def _merged(kind: Kind, obj: Object, applied: Object) -> Object:
    structure = structure_of(kind)
    whole = atomics(applied, structure)
    if whole:
        listed = ", ".join(whole)
        raise BadMutation(
            f"error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {listed}"
        )
    merged: Object = merge(copy.deepcopy(obj), applied, structure)
    return merged
