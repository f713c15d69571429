"""How fast a scale may change: stabilization windows and policies (KEP-853). Pure; times are loop time in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from kube.controllers.autoscaler.kinds import Autoscaler, ScalingPolicy, ScalingRules
from kube.scheduler.quantity import parse

_UP = (ScalingPolicy(type="Pods", value=4), ScalingPolicy(type="Percent", value=100))
_DOWN = (ScalingPolicy(type="Percent", value=100),)


class Moment(NamedTuple):
    """Replicas recommended, or by how many the scale changed."""

    at: float
    replicas: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one autoscaler's target lately."""

    recommended: tuple[Moment, ...] = ()
    changed: tuple[Moment, ...] = ()  # negative: scaled down


class Paced(NamedTuple):
    replicas: int
    able: tuple[str, str]  # reason and message of AbleToScale
    limited: tuple[bool, str, str]  # status, reason and message of ScalingLimited


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    window_s: float
    select: str
    policies: tuple[ScalingPolicy, ...]
    tolerance: float


def rules(one: Autoscaler, *, up: bool, downscale_s: float, tolerance: float) -> Rules:
    """With the defaults in what is not said."""
    behavior = one.spec.behavior
    said = (behavior.scale_up if up else behavior.scale_down) if behavior else None
    said = said or ScalingRules()
    window = said.stabilization_window_seconds
    return Rules(
        window_s=window if window is not None else (0.0 if up else downscale_s),
        select=said.select_policy or "Max",
        policies=said.policies or (_UP if up else _DOWN),
        tolerance=float(parse(said.tolerance)) if said.tolerance is not None else tolerance,
    )


def pace(
    current: int, desired: int, bounds: tuple[int, int], up: Rules, down: Rules, memory: Memory, now: float
) -> tuple[Paced, Memory]:
    """What becomes of a desire now. The memory keeps what a window still needs."""
    recommended = memory.recommended or (Moment(now, current),)
    stable = _stabilized(current, desired, recommended, up.window_s, down.window_s, now)
    longest_s = max(up.window_s, down.window_s)
    kept = [one for one in recommended if one.at > now - longest_s]
    able = ("ReadyForNewScale", "recommended size matches current size")
    if stable != desired:
        which = ("ScaleDown", "higher") if desired < stable else ("ScaleUp", "lower")
        chosen = "highest" if desired < stable else "lowest"
        able = (
            f"{which[0]}Stabilized",
            f"recent recommendations were {which[1]} than current one, applying the {chosen} recent recommendation",
        )
    replicas, limited = _limited(current, stable, bounds, up, down, memory.changed, now)
    after = Memory(recommended=(*kept, Moment(now, desired)), changed=memory.changed)
    return Paced(replicas, able, limited), after


def remember(memory: Memory, change: int, now: float, longest_s: float) -> Memory:
    """A change that was made."""
    kept = tuple(one for one in memory.changed if one.at > now - longest_s)
    return msgspec.structs.replace(memory, changed=(*kept, Moment(now, change)))


def _stabilized(
    current: int, desired: int, past: Sequence[Moment], up_s: float, down_s: float, now: float
) -> int:
    least = min([desired, *(one.replicas for one in past if one.at > now - up_s)])
    most = max([desired, *(one.replicas for one in past if one.at > now - down_s)])
    return min(max(current, least), most)


def _limited(
    current: int,
    desired: int,
    bounds: tuple[int, int],
    up: Rules,
    down: Rules,
    changed: Sequence[Moment],
    now: float,
) -> tuple[int, tuple[bool, str, str]]:
    lowest, highest = bounds
    if desired > current:
        limit = max(current, _limit(current, up, changed, now, sign=1))
        if desired > min(limit, highest):
            if highest <= limit:
                return highest, _TOO_MANY
            return limit, (
                True,
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            )
    elif desired < current:
        limit = min(current, _limit(current, down, changed, now, sign=-1))
        if desired < max(limit, lowest):
            if lowest >= limit:
                return lowest, _TOO_FEW
            return limit, (
                True,
                "ScaleDownLimit",
                "the desired replica count is decreasing faster than the maximum scale rate",
            )
    if desired > highest:
        return highest, _TOO_MANY
    if desired < lowest:
        return lowest, _TOO_FEW
    return desired, (False, "DesiredWithinRange", "the desired count is within the acceptable range")


_TOO_MANY = (True, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
_TOO_FEW = (True, "TooFewReplicas", "the desired replica count is less than the minimum replica count")


def _limit(current: int, rules: Rules, changed: Sequence[Moment], now: float, *, sign: int) -> int:
    """How far the policies let it go; each counts from what there was at the beginning of its period."""
    if rules.select == "Disabled":
        return current
    reached = []
    for policy in rules.policies:
        start = current - sum(one.replicas for one in changed if one.at > now - policy.period_seconds)
        if policy.type == "Pods":
            reached.append(start + sign * policy.value)
        elif sign > 0:
            reached.append(math.ceil(start * (100 + policy.value) / 100))
        else:
            reached.append(max(0, start * (100 - policy.value) // 100))
    widest = rules.select == "Max"
    return max(reached) if widest == (sign > 0) else min(reached)
