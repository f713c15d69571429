"""firewall's verbs."""

from __future__ import annotations

from cni import netns_run
from cni.attachments import disk, record
from cni.firewall import config
from cni.iptables import run as iptables
from cni.spec.addresses import parse_ip
from cni.spec.errors import CniError
from cni.spec.netconf import required_prev_result
from cni.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cni.attachments.record import Record
    from cni.call import Call
    from cni.firewall.config import FirewallConf
    from cni.spec.addresses import IP
    from cni.spec.result import Result

PLUGIN = "firewall"


def _choose(call: Call, conf: FirewallConf) -> str:
    """As the reference: firewalld where it runs, else iptables where it is installed."""
    if conf.backend:
        return conf.backend
    from cni.firewall import firewalld_socket

    if firewalld_socket.is_running(call.env):
        return "firewalld"
    return "iptables" if iptables.is_available() else "nftables"


def add(call: Call) -> Result:
    conf = config.parse(call)
    prev = required_prev_result(call.conf, PLUGIN)
    ips, backend = config.addresses(prev), _choose(call, conf)
    with disk.hold(call, PLUGIN) as held, Undo(call.world.stderr) as undo:
        undo.push("record", held.remove)
        call.world.fault("firewall: record")
        started = _record(call, conf, backend, ips)
        held.write(started)
        undo.push("remove the rules", lambda: _remove(call, started))
        call.world.fault("firewall: rules")
        _add(call, conf, backend, ips)
        call.world.fault("firewall: policy")
        if conf.policy not in ("", "open"):
            _isolate(config.bridge_of(prev, conf.policy), conf.policy, backend, ips)
        call.world.fault("firewall: complete")
        held.write(started._replace(complete=True))
    return prev


def _record(call: Call, conf: FirewallConf, backend: str, ips: Sequence[IP]) -> Record:
    facts = {"backend": backend, "zone": conf.zone, "ips": [ip.text for ip in ips]}
    inode = netns_run.inode(call.netns)
    return record.start(call, netns_inode=inode, boot_id=disk.boot_id(), facts=facts)


def _families(ips: Sequence[IP]) -> list[int]:
    return sorted({ip.bits for ip in ips})


def _add(call: Call, conf: FirewallConf, backend: str, ips: Sequence[IP]) -> None:
    if backend == "firewalld":
        from cni.firewall.firewalld_socket import Firewalld

        with Firewalld(call.env) as firewalld:
            for source in _sources(ips):
                firewalld.add_source(conf.zone, source)
    elif backend == "iptables":
        from cni.firewall import iptables_plan

        for bits in _families(ips):
            table = iptables.save(bits, "filter")
            own = [ip for ip in ips if ip.bits == bits]
            iptables.restore(bits, "filter", iptables_plan.add_lines(table, conf, own))
    else:
        from cni import nft_run
        from cni.firewall import nftables_plan

        nft_run.transact(nftables_plan.add(ips))


def _isolate(bridge: str, policy: str, backend: str, ips: Sequence[IP]) -> None:
    if backend == "nftables":
        _isolate_nftables(bridge, policy)
        return
    from cni.firewall import iptables_plan

    for bits in _families(ips):
        table = iptables.save(bits, "filter")
        iptables.restore(bits, "filter", iptables_plan.isolate_lines(table, bridge, policy))


def _isolate_nftables(bridge: str, policy: str) -> None:
    from cni import nft_run
    from cni.firewall import nftables_plan as plan

    present = {rule.comment for rules in nft_run.rules_of(plan.TABLE).values() for rule in rules}
    nft_run.transact(
        nft_run.InsertRule(plan.TABLE, chain, rule)
        for chain, rule in plan.isolation(bridge, policy)
        if rule.comment not in present
    )


def delete(call: Call) -> None:
    with disk.hold(call, PLUGIN) as held:
        call.world.fault("firewall: delete rules")
        if held.found is not None:
            _remove(call, held.found)
        else:
            prev = call.conf.prev_result
            if prev is not None:
                conf = config.parse(call)
                _remove(call, _record(call, conf, _choose(call, conf), config.addresses(prev)))
        held.remove()


def _remove(call: Call, found: Record) -> None:
    ips = [parse_ip(text) for text in found.facts["ips"]]
    backend = found.facts["backend"]
    if backend == "firewalld":
        _remove_firewalld(call, found.facts["zone"], ips)
    elif backend == "iptables":
        from cni.firewall import iptables_plan

        for bits in _families(ips):
            table = iptables.save(bits, "filter")
            iptables.restore(bits, "filter", iptables_plan.delete_lines(table, ips))
    else:
        _remove_nftables(ips)


def _sources(ips: Sequence[IP]) -> list[str]:
    return [f"{ip.text}/{ip.bits}" for ip in ips]


def _remove_firewalld(call: Call, zone: str, ips: Sequence[IP]) -> None:
    """Its zones are gone with it: nothing to remove from a firewalld that does not run."""
    from cni.firewall.firewalld_socket import Firewalld

    try:
        with Firewalld(call.env) as firewalld:
            for source in _sources(ips):
                firewalld.remove_source(zone, source)
    except OSError as error:
        call.world.stderr(f"firewall: firewalld does not answer: {error}\n")


def _remove_nftables(ips: Sequence[IP]) -> None:
    from cni import nft_run
    from cni.firewall import nftables_plan as plan

    with nft_run.Reading() as nft:
        present = {e.key for bits in _families(ips) for e in nft.elements(plan.TABLE, plan.set_name(bits))}
    nft_run.transact(plan.delete([ip for ip in ips if ip.packed in present]))


def check(call: Call) -> None:
    conf = config.parse(call)
    ips = config.addresses(required_prev_result(call.conf, PLUGIN))
    found = _missing(call, conf, _choose(call, conf), ips)
    if found:
        raise CniError(found[0], details="; ".join(found[1:]))


def _missing(call: Call, conf: FirewallConf, backend: str, ips: Sequence[IP]) -> list[str]:
    if backend == "iptables":
        from cni.firewall import iptables_plan

        return [
            problem
            for bits in _families(ips)
            for problem in iptables_plan.missing(
                iptables.save(bits, "filter"), conf, [ip for ip in ips if ip.bits == bits]
            )
        ]
    if backend == "nftables":
        from cni import nft_run
        from cni.firewall import nftables_plan as plan

        with nft_run.Reading() as nft:
            present = {
                e.key for bits in _families(ips) for e in nft.elements(plan.TABLE, plan.set_name(bits))
            }
            if not nft.rules(plan.TABLE, {}).get(plan.FORWARD):
                return [f"table {plan.TABLE.name} has lost its rules"]
        return [f"table {plan.TABLE.name} lacks {ip.text}" for ip in ips if ip.packed not in present]
    from cni.firewall.firewalld_socket import Firewalld

    with Firewalld(call.env) as firewalld:
        return [
            f"firewalld's zone {conf.zone} lacks {source}"
            for source in _sources(ips)
            if not firewalld.has_source(conf.zone, source)
        ]


def heal(call: Call, found: Record) -> bool:
    """Make the rules again if any is missing; True if one was."""
    conf, backend = config.parse(call), found.facts["backend"]
    ips = [parse_ip(text) for text in found.facts["ips"]]
    if not _missing(call, conf, backend, ips):
        return False
    _add(call, conf, backend, ips)
    prev = call.conf.prev_result
    if prev is not None and conf.policy not in ("", "open"):
        _isolate(config.bridge_of(prev, conf.policy), conf.policy, backend, ips)
    return True


def gc(call: Call) -> None:
    from cni.veth.lifecycle_apply import is_stale

    errors = []
    for found in disk.records(call.world.run_dir, PLUGIN, call.conf.name):
        if not is_stale(found, call.conf.valid_attachments):
            continue
        stale = call._replace(container_id=found.container_id, ifname=found.ifname)
        try:
            with disk.hold(stale, PLUGIN) as held:
                _remove(stale, found)
                held.remove()
        except (CniError, OSError) as error:
            errors.append(f"{found.container_id}: {error}")
    if errors:
        raise CniError(errors[0], details="; ".join(errors[1:]))


def status(call: Call) -> None:
    config.parse(call)
