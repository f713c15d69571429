"""The planned listeners as lines, to be compared. Pure."""

from kproxy.backends.userspace.plan import Plan
from kproxy.forwarding import Endpoint, ForwardingTable
from kproxy.node import NodeRules


def lines(table: ForwardingTable, node: NodeRules) -> list[str]:
    plan = Plan(node)
    work = plan.full(table)
    found = [f"route local {cidr}" for cidr in sorted(work.local_ranges)]
    for key, route in work.listeners.items():
        if route is not None:
            at = f"[{key.ip}]:{key.port}" if ":" in key.ip else f"{key.ip}:{key.port}"
            inside, outside = _targets(route.inside), _targets(route.outside)
            found.append(
                f"listen {key.protocol.lower()} {at} -> {inside}; from outside {outside}  # {route.name}"
            )
    return found


def _targets(endpoints: tuple[Endpoint, ...]) -> str:
    return ", ".join(map(str, endpoints)) or "nowhere"
