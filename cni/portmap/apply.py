"""portmap's verbs."""

from __future__ import annotations

from cni import netns_run
from cni.attachments import disk, record
from cni.iptables import run as iptables
from cni.portmap import config, conntrack_run, reservation_disk
from cni.portmap.config import Mapping
from cni.spec.addresses import parse_cidr, parse_ip
from cni.spec.errors import CniError
from cni.undo import Undo
from linux import sysctl
from linux.rtnl import Rtnl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cni.attachments.disk import Held
    from cni.attachments.record import Record
    from cni.call import Call
    from cni.portmap.config import PortmapConf
    from cni.spec.addresses import Cidr
    from cni.spec.result import Result

PLUGIN = "portmap"
_FAMILIES = (32, 128)


def add(call: Call) -> Result:
    conf = config.parse(call)
    prev, targets = config.container_addresses(call)
    if not conf.mappings:
        return prev
    backend = conf.backend or ("iptables" if iptables.is_available() else "nftables")
    config.check_backend(conf, backend)
    wanted = {bits: target for bits, target in targets.items() if conf.for_family(bits)}
    with disk.hold(call, PLUGIN) as held, Undo(call.world.stderr) as undo:
        if held.found is not None or not held.fresh:
            _remove(call, held.found)
        undo.push("take back the port mappings", lambda: _take_back(call, held))
        call.world.fault("portmap: record")
        started = _record(call, conf, backend, wanted)
        held.write(started)
        call.world.fault("portmap: reserve ports")
        _reserve_ports(call, conf.mappings)
        call.world.fault("portmap: rules")
        _add_rules(call, conf, backend, wanted)
        call.world.fault("portmap: localnet")
        if conf.snat and 32 in wanted:
            _route_localnet(wanted[32])
        call.world.fault("portmap: conntrack")
        _forget_flows(call, conf.mappings, wanted.values())
        call.world.fault("portmap: complete")
        held.write(started._replace(complete=True))
    return prev


def _reserve_ports(call: Call, mappings: tuple[Mapping, ...]) -> None:
    """Ports of a container that no longer exists are taken from it, with its rules."""
    from cni.veth.lifecycle_apply import is_alive

    while True:
        try:
            reservation_disk.reserve(call, mappings)
            return
        except reservation_disk.PortHeld as held:
            holder = held.holder
        if is_alive(holder):
            ports = ", ".join(item.text for item in mappings_of(holder))
            raise CniError(
                f"a host port is in use by container {holder.container_id}: it has {ports}",
                details=f"{holder.ifname} on network {holder.network}: choose another hostPort, or remove it first",
            )
        _remove_other(call, holder)


def _remove_other(call: Call, found: Record) -> None:
    """Take back another attachment's mappings by its record."""
    conf = call.conf._replace(name=found.network)
    other = call._replace(
        conf=conf, container_id=found.container_id, ifname=found.ifname, netns=found.netns, args=""
    )
    with disk.hold(other, PLUGIN) as held:
        if held.found is not None:
            _remove(other, held.found)
        held.remove()


def _record(call: Call, conf: PortmapConf, backend: str, wanted: dict[int, Cidr]) -> Record:
    facts = {
        "backend": backend,
        "snat": conf.snat,
        "masquerade_all": conf.masquerade_all,
        "targets": [target.text for target in wanted.values()],
        "mappings": [
            [m.protocol, m.host_port, m.container_port, m.host_ip.text if m.host_ip else "", m.bits or 0]
            for m in conf.mappings
        ],
    }
    inode = netns_run.inode(call.netns)
    return record.start(call, netns_inode=inode, boot_id=disk.boot_id(), facts=facts)


def _take_back(call: Call, held: Held) -> None:
    _remove(call, held.reread())
    held.remove()


def _add_rules(call: Call, conf: PortmapConf, backend: str, wanted: dict[int, Cidr]) -> None:
    if backend == "iptables":
        from cni.portmap import iptables_plan

        for bits, target in wanted.items():
            lines = iptables_plan.add_lines(iptables.save(bits, "nat"), conf, call.container_id, target)
            iptables.restore(bits, "nat", lines)
        return
    from cni import nft_run
    from cni.portmap import nftables_plan

    for bits, target in wanted.items():
        try:
            operations = nftables_plan.add(conf, call.container_id, target)
            if not _frame_is_there(bits):
                operations = [*nftables_plan.set_up(bits), *operations]
            nft_run.transact(operations)
        except OSError as error:
            raise CniError(f"failed to map ports in nf_tables: {error}") from error


def _frame_is_there(bits: int) -> bool:
    from cni import nft_run
    from cni.portmap import nftables_plan

    table = nftables_plan.table_of(bits)
    with nft_run.Reading() as nft:
        names = {item.name for item in nft.tables(table.family)}
        return table.name in names and nftables_plan.is_set_up(bits, nft.rules(table))


def _route_localnet(target: Cidr) -> None:
    """Lets what comes from 127.0.0.1 leave for the container."""
    with Rtnl() as rtnl:
        route = rtnl.route_to(target.ip.text)
        link = rtnl.link_by_index(route.oif) if route is not None and route.oif else None
    if link is not None:
        sysctl.ensure(f"net/ipv4/conf/{link.name}/route_localnet", 1)


def _forget_flows(call: Call, mappings: Iterable[Mapping], targets: Iterable[Cidr]) -> None:
    ports = sorted({item.host_port for item in mappings if item.protocol == "udp"})
    if not ports:
        return
    try:
        conntrack_run.forget_udp(ports, [target.ip for target in targets], _FAMILIES)
    except OSError as error:
        call.world.stderr(f"portmap: UDP flows to ports {ports} could not be forgotten: {error}\n")


def delete(call: Call) -> None:
    config.parse(call)
    with disk.hold(call, PLUGIN) as held:
        _remove(call, held.found)
        held.remove()


def _remove(call: Call, found: Record | None) -> None:
    """By the record; without one, the rules that the reference plugin would have made."""
    call.world.fault("portmap: delete rules")
    if found is None:
        _delete_iptables(call, [bits for bits in _FAMILIES if _may_have_iptables_rules(call, bits)])
        _delete_nftables_by_comment(call)
        return
    mappings, targets = mappings_of(found), [parse_cidr(text) for text in found.facts["targets"]]
    if found.facts["backend"] == "iptables":
        _delete_iptables(call, [target.ip.bits for target in targets])
    else:
        _delete_nftables(call, found, mappings, targets)
    call.world.fault("portmap: forget flows")
    _forget_flows(call, mappings, targets)
    call.world.fault("portmap: release ports")
    reservation_disk.release(call, mappings)


def _may_have_iptables_rules(call: Call, bits: int) -> bool:
    """Runtimes call DEL for every container, so this must be cheap: has somebody made the container's chain?"""
    from cni import nft_run
    from cni.portmap import iptables_plan
    from linux.nft.values import Table

    chain = iptables_plan.container_chain(call.conf.name, call.container_id)
    return _is_legacy_in_use(bits) or nft_run.has_chain(Table(2 if bits == 32 else 10, "nat"), chain)


def _is_legacy_in_use(bits: int) -> bool:
    """Tables of iptables-legacy, whose chains nf_tables does not know."""
    name = "ip_tables_names" if bits == 32 else "ip6_tables_names"
    try:
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            return "nat" in file.read().split()
    except FileNotFoundError:
        return False


def mappings_of(found: Record) -> tuple[Mapping, ...]:
    return tuple(
        Mapping(protocol, host_port, container_port, parse_ip(ip) if ip else None, bits or None)
        for protocol, host_port, container_port, ip, bits in found.facts["mappings"]
    )


def _delete_iptables(call: Call, families: Iterable[int]) -> None:
    if not iptables.is_available():
        return
    from cni.portmap import iptables_plan

    for bits in families:
        table = iptables.save(bits, "nat")
        iptables.restore(bits, "nat", iptables_plan.delete_lines(table, call.conf.name, call.container_id))


def _delete_nftables(call: Call, found: Record, mappings: tuple[Mapping, ...], targets: list[Cidr]) -> None:
    """Elements that are this container's; others may have got the same keys after ours were wiped."""
    from cni import nft_run
    from cni.portmap import nftables_plan

    conf = _conf_of(call, found, mappings)
    with nft_run.Reading() as nft:
        for target in targets:
            table = nftables_plan.table_of(target.ip.bits)
            present = {}
            for name, items in nftables_plan.elements(conf, call.container_id, target).items():
                notes = {(e.key, e.end): e.comment for e in nft.elements(table, name)} if items else {}
                present[name] = [e for e in items if notes.get((e.key, e.end)) == e.comment]
            nft_run.transact(nftables_plan.delete(target.ip.bits, present))


def _delete_nftables_by_comment(call: Call) -> None:
    from cni import nft_run
    from cni.portmap import nftables_plan

    note = nftables_plan.note(call.conf.name, call.container_id)
    with nft_run.Reading() as nft:
        for bits in _FAMILIES:
            table = nftables_plan.table_of(bits)
            if table.name not in {item.name for item in nft.tables(table.family)}:
                continue
            names = (nftables_plan.PORTS, nftables_plan.IP_PORTS, nftables_plan.MASQUERADED)
            own = {name: [e for e in nft.elements(table, name) if e.comment == note] for name in names}
            nft_run.transact(nftables_plan.delete(bits, own))


def _conf_of(call: Call, found: Record, mappings: tuple[Mapping, ...]) -> PortmapConf:
    return config.parse(call)._replace(
        mappings=mappings, snat=found.facts["snat"], masquerade_all=found.facts["masquerade_all"]
    )


def check(call: Call) -> None:
    conf = config.parse(call)
    _, targets = config.container_addresses(call)
    if not conf.mappings:
        return
    backend = conf.backend or ("iptables" if iptables.is_available() else "nftables")
    found = [problem for bits in targets for problem in _missing(call, conf, backend, targets[bits])]
    if found:
        raise CniError(found[0], details="; ".join(found[1:]))


def _missing(call: Call, conf: PortmapConf, backend: str, target: Cidr) -> Iterator[str]:
    if not conf.for_family(target.ip.bits):
        return
    if backend == "iptables":
        from cni.portmap import iptables_plan

        table = iptables.save(target.ip.bits, "nat")
        yield from iptables_plan.missing(table, conf, call.container_id, target)
        return
    from cni import nft_run
    from cni.portmap import nftables_plan

    with nft_run.Reading() as nft:
        table_name = nftables_plan.table_of(target.ip.bits)
        if not _frame_is_there(target.ip.bits):
            yield f"table {table_name.name} has lost its rules"
        for name, items in nftables_plan.elements(conf, call.container_id, target).items():
            present = {(e.key, e.end): e.data for e in nft.elements(table_name, name)}
            if any(present.get((e.key, e.end), b"?") != e.data for e in items):
                yield f"map {name} of table {table_name.name} lacks ports of this container"


def heal(call: Call, found: Record) -> bool:
    """Make the rules again if any is missing; True if one was."""
    conf = config.parse(call)
    targets = [parse_cidr(text) for text in found.facts["targets"]]
    backend = found.facts["backend"]
    if not any(problem for target in targets for problem in _missing(call, conf, backend, target)):
        return False
    wanted = {target.ip.bits: target for target in targets}
    _add_rules(call, conf, backend, wanted)
    if conf.snat and 32 in wanted:
        _route_localnet(wanted[32])
    return True


def gc(call: Call) -> None:
    from cni.veth.lifecycle_apply import is_stale

    valid = call.conf.valid_attachments
    errors = []
    for found in disk.records(call.world.run_dir, PLUGIN, call.conf.name):
        if not is_stale(found, valid):
            continue
        try:
            _remove_other(call, found)
        except (CniError, OSError) as error:
            errors.append(f"{found.container_id}: {error}")
    if errors:
        raise CniError(errors[0], details="; ".join(errors[1:]))


def status(call: Call) -> None:
    config.parse(call)
