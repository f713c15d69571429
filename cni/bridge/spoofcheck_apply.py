"""macspoofchk: a container may send with its own MAC only."""

from __future__ import annotations

from cni import nft_run
from cni.bridge import spoofcheck_plan as plan
from cni.spec.errors import CniError


def add(container_id: str, ifname: str, host_end: str, mac: str) -> None:
    delete(container_id, ifname)
    try:
        nft_run.transact(plan.add(container_id, ifname, host_end, mac))
    except OSError as error:
        raise CniError(f"failed to set up macspoofchk: {error}: is CONFIG_NF_TABLES_BRIDGE there?") from error


def delete(container_id: str, ifname: str) -> None:
    if not nft_run.has_chain(plan.TABLE, plan.interface_chain(container_id, ifname)):
        return
    note = plan.comment(container_id, ifname)
    found = nft_run.rules_of(plan.TABLE).get(plan.BASE, ())
    leads = [nft_run.DeleteRule(plan.TABLE, plan.BASE, rule.handle) for rule in found if rule.comment == note]
    nft_run.transact([*leads, *plan.delete_chains(container_id, ifname)])


def is_present(container_id: str, ifname: str) -> bool:
    note = plan.comment(container_id, ifname)
    rules = nft_run.rules_of(plan.TABLE)
    lead = any(rule.comment == note for rule in rules.get(plan.BASE, ()))
    return lead and len(rules.get(plan.mac_chain(container_id, ifname), ())) == 2
