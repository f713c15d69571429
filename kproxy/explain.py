"""Why a packet goes where it goes: the oracle's steps, each endpoint that is out with its reason, the rules' say. Pure."""

from collections.abc import Iterable

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


def explain(intake: Intake, node: NodeRules, packet: Packet, rules: Iterable[RulesSay] = ()) -> Explanation:
    """What the first of `rules` says, or else the model; `because` names every disagreement."""
    outcome = walk(intake.tables[node.family], node, packet)
    because = [*outcome.because]
    if outcome.service is not None:
        known = intake.known[node.family][outcome.service]
        because += _left_out(known, outcome, intake.place)
    said = list(rules)
    model = RulesSay(
        verdict=outcome.verdict,
        targets=tuple(sorted(str(t) for t in outcome.targets)),
        masquerade=outcome.masquerade,
    )
    because += [text for say in said if (text := _disagreement(model, say))]
    decided = said[0] if said else model
    return Explanation(
        verdict=decided.verdict,
        service=str(outcome.service) if outcome.service is not None else "",
        targets=tuple(sorted(decided.targets)),
        masquerade=decided.masquerade,
        because=tuple(because),
    )


def _disagreement(model: RulesSay, say: RulesSay) -> str:
    same = (say.verdict, tuple(sorted(say.targets)), say.masquerade) == (
        model.verdict,
        model.targets,
        model.masquerade,
    )
    if same:
        return ""
    what = f"{say.verdict} to {', '.join(sorted(say.targets)) or 'nowhere'}, masquerade {say.masquerade}"
    return f"DISAGREEMENT: {say.where} say {what}; the model says {model.verdict}"


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
