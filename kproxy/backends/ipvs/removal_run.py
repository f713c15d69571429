"""Removes IPVS' own chains and sets, of both iptables variants and families."""

from kproxy.addresses import IPV4, IPV6
from kproxy.backends.ipvs import names as n
from linux.ipset import run as ipset
from linux.iptables.restore import Saved
from linux.iptables.run import Iptables

_TABLES = ("nat", "filter")


def remove_rules() -> None:
    """Sets that a rule of the shared chains still names stay, until these chains are rewritten or removed."""
    for plain in ("iptables", "ip6tables"):
        for variant in (f"{plain}-nft", f"{plain}-legacy"):
            programs = Iptables(variant)
            if programs.is_there:
                _remove_chains(programs)
    there = ipset.save()
    for family in (IPV4, IPV6):
        names = [name for what in n.KINDS if (name := n.set_name(what, family)) in there]
        for name in names:
            try:
                ipset.restore([f"destroy {name}"])
            except ipset.IpsetFailed:
                ipset.restore([f"flush {name}"])


def _remove_chains(programs: Iptables) -> None:
    saved = programs.save()
    lines: list[str] = []
    for table in _TABLES:
        known = saved.get(table, Saved({}))
        ours = [chain for chain in n.OWN_CHAINS if chain in known.chains]
        # A shared chain that names our sets or chains is ours still: no other mode has rewritten it.
        shared = [
            chain
            for chain, rules in known.chains.items()
            if any(
                "--match-set KUBE-" in rule or rule.endswith(tuple(f"-j {o}" for o in ours)) for rule in rules
            )
            and chain.startswith("KUBE-")
            and chain not in ours
        ]
        if not ours:
            continue
        lines += [f"*{table}", *known.removals(ours, shared)]
        lines.append("COMMIT")
    if lines:
        programs.restore("\n".join(lines) + "\n")
