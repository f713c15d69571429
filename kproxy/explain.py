"""Why a packet goes where it goes: the oracle's steps, each endpoint that is out with its reason, the rules' say. Pure."""

import msgspec

from kproxy.intake import Intake, Known
from kproxy.node import NodeRules
from kproxy.policy import Place, categorize, uses_local
from kproxy.services import EndpointState
from kproxy.walk import Outcome, Packet, VerdictName, walk


class RulesSay(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend's rules do, traced."""

    verdict: VerdictName
    targets: tuple[str, ...] = ()
    masquerade: bool = False
    where: str = "the rules"


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Printed as it is with -o json."""

    verdict: VerdictName
    service: str
    targets: tuple[str, ...]
    masquerade: bool
    because: tuple[str, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules do that a fresh start would write, and those that the kernel has, if it has any.

    `own_way`: the mode is known to treat some packets otherwise than the model, for want of something in its kernel.
    """

    planned: RulesSay
    live: RulesSay | None = None
    own_way: str = ""


def explain(intake: Intake, node: NodeRules, packet: Packet, said: Said | None = None) -> Explanation:
    """What the planned rules do, or else the model; `because` names every disagreement."""
    outcome = walk(intake.tables[node.family], node, packet)
    because = [*outcome.because]
    if outcome.service is not None:
        known = intake.known[node.family][outcome.service]
        because += _left_out(known, outcome, intake.place)
    decided = RulesSay(
        verdict=outcome.verdict,
        targets=tuple(sorted(str(t) for t in outcome.targets)),
        masquerade=outcome.masquerade,
        where="the model",
    )
    if said is not None:
        because += _compared(decided, said)
        decided = said.planned
    return Explanation(
        verdict=decided.verdict,
        service=str(outcome.service) if outcome.service is not None else "",
        targets=tuple(sorted(decided.targets)),
        masquerade=decided.masquerade,
        because=tuple(because),
    )


def _compared(model: RulesSay, said: Said) -> list[str]:
    found = []
    if not _same(model, said.planned):
        if said.own_way:
            found.append(f"{said.own_way}: {_words(said.planned)}")
        else:
            found.append(_disagreement(said.planned, model))
    if said.live is not None and not _same(said.planned, said.live):
        found.append(_disagreement(said.live, said.planned))
    return found


def _same(one: RulesSay, other: RulesSay) -> bool:
    return (one.verdict, sorted(one.targets), one.masquerade) == (
        other.verdict,
        sorted(other.targets),
        other.masquerade,
    )


def _disagreement(one: RulesSay, other: RulesSay) -> str:
    return f"DISAGREEMENT: {one.where} say {_words(one)}; {other.where} say {_words(other)}"


def _words(say: RulesSay) -> str:
    if say.verdict != "forward":
        return say.verdict
    masked = ", masqueraded" if say.masquerade else ""
    return f"forward to {', '.join(sorted(say.targets))}{masked}"


def _left_out(known: Known, outcome: Outcome, place: Place) -> list[str]:
    chosen = {(target.endpoint.ip, target.endpoint.port) for target in outcome.targets}
    groups = categorize(known.port, known.endpoints, place)
    local_only = bool(chosen) and uses_local(known.port) and chosen == {(e.ip, e.port) for e in groups.local}
    return [
        f"not {endpoint.ip}:{endpoint.port}: {_reason(endpoint, groups.topology, place, local_only)}"
        for endpoint in known.endpoints
        if (endpoint.ip, endpoint.port) not in chosen
    ]


def _reason(endpoint: EndpointState, topology: str, place: Place, local_only: bool) -> str:
    if not endpoint.ready:
        if endpoint.terminating and endpoint.serving:
            return "it terminates, and others are ready"
        return "it terminates" if endpoint.terminating else "it is not ready"
    if local_only and not endpoint.local:
        return "it is not on this node, and the traffic policy is Local"
    if topology == "zone":
        return f"its hints are for {', '.join(endpoint.zones)}, this node is in {place.zone}"
    if topology == "node":
        return f"its hints are for {', '.join(endpoint.nodes)}"
    return "the verdict is not to forward" if not endpoint.local else "another address of the service uses it"
