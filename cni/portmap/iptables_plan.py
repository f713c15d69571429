"""Port mappings as iptables rules, in the reference plugin's chains, pure.

nat CNI-HOSTPORT-DNAT, reached from PREROUTING and OUTPUT by what is addressed to this host, leads to
one chain CNI-DN-<hash> a container. What must be masqueraded is marked there and caught in
CNI-HOSTPORT-MASQ.
"""

from __future__ import annotations

from cni.iptables.rules import comment, line
from cni.masquerade.iptables_plan import chain_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.iptables.rules import Table
    from cni.portmap.config import Mapping, PortmapConf
    from cni.spec.addresses import Cidr

TOP = "CNI-HOSTPORT-DNAT"
SET_MARK = "CNI-HOSTPORT-SETMARK"
MASQUERADE = "CNI-HOSTPORT-MASQ"
_PORTS_A_RULE = 15  # what -m multiport takes


def container_chain(network: str, container_id: str) -> str:
    return chain_name(network, container_id, "DN-")


def add_lines(table: Table, conf: PortmapConf, container_id: str, target: Cidr) -> list[str]:
    """Everything, the shared chains as far as they are missing; chains first."""
    chain = container_chain(conf.network, container_id)
    mappings = conf.for_family(target.ip.bits)
    declared = [f":{chain} - [0:0]"]
    shared = _shared_top(table)
    if conf.snat:
        shared += _shared_masquerade(table, conf)
    stale = [f"-D {TOP} {rule}" for rule in table.jumps(TOP, chain)]
    entries = _entries(conf, container_id, chain, mappings, target.ip.bits)
    rules = [rule for item in mappings for rule in _rules(conf, chain, item, target)]
    lines = [*declared, *shared, *stale, *entries, *rules]
    return sorted(lines, key=lambda item: not item.startswith(":"))


def _shared_top(table: Table) -> list[str]:
    lines = [] if table.has(TOP) else [f":{TOP} - [0:0]"]
    local = ("-m", "addrtype", "--dst-type", "LOCAL")
    bases = [base for base in ("PREROUTING", "OUTPUT") if not table.jumps(base, TOP)]
    return lines + [line("-A", base, *local, "-j", TOP) for base in bases]


def _shared_masquerade(table: Table, conf: PortmapConf) -> list[str]:
    lines = []
    mark = f"{1 << conf.mark_bit:#x}/{1 << conf.mark_bit:#x}"
    if not conf.external_mark_chain:
        if not table.has(SET_MARK):
            lines.append(f":{SET_MARK} - [0:0]")
        if not any(mark in rule for rule in table.chains.get(SET_MARK, ())):
            said = comment("CNI portfwd masquerade mark")
            lines.append(line("-A", SET_MARK, *said, "-j", "MARK", "--set-xmark", mark))
        if not table.has(MASQUERADE):
            lines.append(f":{MASQUERADE} - [0:0]")
        if not any(mark in rule for rule in table.chains.get(MASQUERADE, ())):
            lines.append(line("-A", MASQUERADE, "-m", "mark", "--mark", mark, "-j", "MASQUERADE"))
        if not table.jumps("POSTROUTING", MASQUERADE):
            said = comment("CNI portfwd requiring masquerade")
            lines.append(line("-I", "POSTROUTING", *said, "-j", MASQUERADE))
    return lines


def _entries(
    conf: PortmapConf, container_id: str, chain: str, mappings: tuple[Mapping, ...], bits: int
) -> list[str]:
    said = comment(f'dnat name: "{conf.network}" id: "{container_id}"')
    lines = []
    for protocol in sorted({item.protocol for item in mappings}):
        ports = sorted({item.host_port for item in mappings if item.protocol == protocol})
        for start in range(0, len(ports), _PORTS_A_RULE):
            listed = ",".join(str(port) for port in ports[start : start + _PORTS_A_RULE])
            match = ("-p", protocol, "-m", "multiport", "--destination-ports", listed)
            lines.append(line("-A", TOP, *said, *match, *conf.conditions(bits), "-j", chain))
    return lines


def _rules(conf: PortmapConf, chain: str, item: Mapping, target: Cidr) -> list[str]:
    """The marks come first: DNAT ends the walk."""
    address = ("-d", item.host_ip.text) if item.host_ip else ()
    match = ("-A", chain, "-p", item.protocol, "--dport", item.host_port, *address)
    lines = []
    if conf.snat:
        mark_chain = conf.external_mark_chain or SET_MARK
        if conf.masquerade_all:
            lines.append(line(*match, "-j", mark_chain))
        else:
            lines.append(line(*match, "-s", target.text, "-j", mark_chain))
            if target.ip.bits == 32:
                lines.append(line(*match, "-s", "127.0.0.1", "-j", mark_chain))
    host = target.ip.text if target.ip.bits == 32 else f"[{target.ip.text}]"
    lines.append(line(*match, "-j", "DNAT", "--to-destination", f"{host}:{item.container_port}"))
    return lines


def delete_lines(table: Table, network: str, container_id: str) -> list[str]:
    chain = container_chain(network, container_id)
    lines = [f"-D {TOP} {rule}" for rule in table.jumps(TOP, chain)]
    return [*lines, f"-F {chain}", f"-X {chain}"] if table.has(chain) else lines


def missing(table: Table, conf: PortmapConf, container_id: str, target: Cidr) -> list[str]:
    """What CHECK complains about."""
    chain = container_chain(conf.network, container_id)
    found = [
        f"nat {base} no longer leads to {TOP}"
        for base in ("PREROUTING", "OUTPUT")
        if not table.jumps(base, TOP)
    ]
    if not table.jumps(TOP, chain):
        found.append(f"{TOP} no longer leads to {chain}")
    rules = table.chains.get(chain, ())
    for item in conf.for_family(target.ip.bits):
        port = f"--dport {item.host_port} "
        if not any(port in rule and f"-p {item.protocol} " in rule and "-j DNAT" in rule for rule in rules):
            found.append(f"the rule of host port {item.text} is gone")
    return found
