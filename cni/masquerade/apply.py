"""ipMasq: rules of the backend that the configuration names; both are searched when they go."""

from __future__ import annotations

from cni.iptables import run as iptables
from cni.masquerade import iptables_plan
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cni.spec.addresses import IP, Cidr

_MULTICAST = ("224.0.0.0/4", "ff00::/8")
_FAMILIES = (32, 128)


def choose(backend: str) -> str:
    """As the reference plugin: iptables where it is installed, unless the configuration names one."""
    return backend or ("iptables" if iptables.is_available() else "nftables")


def add(network: str, container_id: str, ifname: str, cidrs: Sequence[Cidr], backend: str) -> None:
    if choose(backend) == "nftables":
        _add_nftables(network, container_id, ifname, cidrs)
        return
    for bits in _FAMILIES:
        own = [cidr for cidr in cidrs if cidr.ip.bits == bits]
        if not own:
            continue
        table = iptables.save(bits, "nat")
        lines = [item for cidr in own for item in iptables_plan.add_lines(table, network, container_id, cidr)]
        iptables.restore(bits, "nat", _declarations_first(lines))


def _declarations_first(lines: Iterable[str]) -> list[str]:
    """Each once, chains before rules: two addresses of one family plan the same chain."""
    return sorted(dict.fromkeys(lines), key=lambda item: not item.startswith(":"))


def _add_nftables(network: str, container_id: str, ifname: str, cidrs: Sequence[Cidr]) -> None:
    from cni import nft_run
    from cni.masquerade import nftables_plan as plan
    from linux.nft.batch import AddRule

    note = plan.comment(network, container_id, ifname)
    operations = plan.set_up([parse_cidr(text) for text in _MULTICAST])
    operations += [AddRule(plan.TABLE, plan.CHECKS, plan.rule(cidr, note)) for cidr in cidrs]
    try:
        nft_run.transact(operations)
    except OSError as error:
        raise CniError(f"failed to set up masquerading in nf_tables: {error}") from error


def is_present(network: str, container_id: str, ifname: str, cidrs: Sequence[Cidr], backend: str) -> bool:
    """Are all the rules there that `add` would make?"""
    if choose(backend) == "iptables":
        return not any(
            iptables_plan.add_lines(iptables.save(cidr.ip.bits, "nat"), network, container_id, cidr)
            for cidr in cidrs
        )
    from cni import nft_run
    from cni.masquerade import nftables_plan as plan

    rules = nft_run.rules_of(plan.TABLE)
    mark = plan.mark_of(network, container_id, ifname)
    own = [rule for rule in rules.get(plan.CHECKS, ()) if rule.comment.startswith(mark)]
    return len(own) == len(cidrs) and len(rules.get(plan.POSTROUTING, ())) == len(_MULTICAST) + 1


def delete(network: str, container_id: str, ifname: str, ips: Sequence[IP] | None = None) -> None:
    """Remove the attachment's rules from both backends; None: of all its addresses."""
    _delete_nftables(network, container_id, ifname)
    if not iptables.is_available():
        return
    for bits in _FAMILIES:
        if ips and all(ip.bits != bits for ip in ips):
            continue
        table = iptables.save(bits, "nat")
        iptables.restore(bits, "nat", iptables_plan.delete_lines(table, network, container_id, ips or None))


def _delete_nftables(network: str, container_id: str, ifname: str) -> None:
    from cni import nft_run
    from cni.masquerade import nftables_plan as plan

    mark = plan.mark_of(network, container_id, ifname)
    found = nft_run.rules_of(plan.TABLE).get(plan.CHECKS, ())
    nft_run.transact(
        nft_run.DeleteRule(plan.TABLE, plan.CHECKS, rule.handle)
        for rule in found
        if rule.comment.startswith(mark)
    )
