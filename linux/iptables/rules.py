"""iptables rules as values, and each as iptables-restore reads it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, TypeAlias
else:
    from linux.records import NamedTuple


class Jump(NamedTuple):
    chain: str


class Dnat(NamedTuple):
    """`10.0.0.1:80` or `[fd00::1]:80`."""

    to: str


class MarkOr(NamedTuple):
    bits: int


class MarkXor(NamedTuple):
    bits: int


class Masquerade(NamedTuple):
    random_fully: bool = True


class Reject(NamedTuple):
    """ICMP port unreachable, iptables' default."""


class Builtin(NamedTuple):
    """ACCEPT, DROP, RETURN."""

    name: str


ACCEPT, DROP, RETURN = Builtin("ACCEPT"), Builtin("DROP"), Builtin("RETURN")

if TYPE_CHECKING:
    Target: TypeAlias = Jump | Dnat | MarkOr | MarkXor | Masquerade | Reject | Builtin
else:
    Target = object  # only ever an annotation


class Rule(NamedTuple):
    """What must hold, and what is done then. Absent conditions are "", 0, (), None or False."""

    target: Target
    source: str = ""
    source_not: bool = False
    destination: str = ""
    destination_not: bool = False
    protocol: str = ""
    port: int = 0
    in_interface: str = ""  # a trailing + stands for anything
    in_interface_not: bool = False
    mark: int = 0
    mark_not: bool = False
    local_source: bool = False
    local_destination: bool = False
    states: tuple[str, ...] = ()  # of NEW, ESTABLISHED, RELATED, INVALID, DNAT
    states_not: bool = False
    chance: float | None = None
    recent_seen: tuple[str, int] | None = None  # list, seconds
    recent_set: str = ""
    comment: str = ""
    in_set: str = ""
    in_set_by: str = ""  # which of the packet's parts the set is asked about: "dst,dst" is address and port
    balanced: tuple[str, str, int] | None = None  # by IPVS: protocol, address and port it was sent to
    counter: str = ""  # of linux.nfacct: what matches so far is added to it


def _not(negated: bool) -> str:
    return "! " if negated else ""


def render(rule: Rule) -> str:
    """Without `-A CHAIN`. The conditions' order is that of kube-proxy's jumps, which it finds by their very text."""
    parts: list[str] = []
    add = parts.append
    if rule.states:
        add(f"-m conntrack {_not(rule.states_not)}--ctstate {','.join(rule.states)}")
    if rule.comment:
        text = rule.comment.replace("\\", "").replace('"', "")
        add(f'-m comment --comment "{text}"')
    if rule.source:
        add(f"{_not(rule.source_not)}-s {rule.source}")
    if rule.destination:
        add(f"{_not(rule.destination_not)}-d {rule.destination}")
    if rule.in_interface:
        add(f"{_not(rule.in_interface_not)}-i {rule.in_interface}")
    if rule.protocol:
        add(f"-p {rule.protocol}")
        if rule.port:
            add(f"-m {rule.protocol} --dport {rule.port}")
    if rule.local_source or rule.local_destination:
        kinds = ("--src-type LOCAL " if rule.local_source else "") + (
            "--dst-type LOCAL" if rule.local_destination else ""
        )
        add(f"-m addrtype {kinds.strip()}")
    if rule.mark:
        add(f"-m mark {_not(rule.mark_not)}--mark {rule.mark:#x}/{rule.mark:#x}")
    if rule.chance is not None:
        add(f"-m statistic --mode random --probability {rule.chance:.10f}")
    if rule.recent_seen is not None:
        name, seconds = rule.recent_seen
        add(f"-m recent --name {name} --rcheck --seconds {seconds} --reap")
    if rule.recent_set:
        add(f"-m recent --name {rule.recent_set} --set")
    if rule.in_set:
        add(f"-m set --match-set {rule.in_set} {rule.in_set_by}")
    if rule.balanced is not None:
        protocol, address, port = rule.balanced
        add(f"-m ipvs --vproto {protocol} --vaddr {address} --vport {port}")
    if rule.counter:
        add(f"-m nfacct --nfacct-name {rule.counter}")
    add(_render_target(rule.target))
    return " ".join(parts)


def _render_target(target: Target) -> str:
    if isinstance(target, Jump):
        return f"-j {target.chain}"
    if isinstance(target, Builtin):
        return f"-j {target.name}"
    if isinstance(target, Dnat):
        return f"-j DNAT --to-destination {target.to}"
    if isinstance(target, MarkOr):
        return f"-j MARK --or-mark {target.bits:#x}"
    if isinstance(target, MarkXor):
        return f"-j MARK --xor-mark {target.bits:#x}"
    if isinstance(target, Masquerade):
        return "-j MASQUERADE" + (" --random-fully" if target.random_fully else "")
    return "-j REJECT"
