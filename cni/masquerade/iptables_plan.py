"""ipMasq as iptables rules, in the reference plugins' chains, pure.

nat POSTROUTING `-s A -j CNI-<hash>`; there the network itself is accepted and the rest, multicast
excepted, masqueraded.
"""

from __future__ import annotations

from cni.iptables.rules import comment, line
from cni.spec.digest import sha512_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from cni.iptables.rules import Table
    from cni.spec.addresses import IP, Cidr

_CHAIN_CHARS = 28  # the longest name iptables takes
_POSTROUTING = "POSTROUTING"


def chain_name(network: str, container_id: str, prefix: str = "") -> str:
    return f"CNI-{prefix}{sha512_hex(network + container_id)}"[:_CHAIN_CHARS]


def note(network: str, container_id: str) -> str:
    return f'name: "{network}" id: "{container_id}"'


def add_lines(table: Table, network: str, container_id: str, cidr: Cidr) -> list[str]:
    chain = chain_name(network, container_id)
    said = comment(note(network, container_id))
    multicast = "224.0.0.0/4" if cidr.ip.bits == 32 else "ff00::/8"
    lines = []
    if not table.has(chain):
        lines.append(f":{chain} - [0:0]")
        lines.append(line("-A", chain, "!", "-d", multicast, *said, "-j", "MASQUERADE"))
    if not any(f"-d {cidr.network.text} " in rule for rule in table.chains.get(chain, ())):
        lines.append(line("-I", chain, "-d", cidr.network.text, *said, "-j", "ACCEPT"))
    source = f"{cidr.ip.text}/{cidr.ip.bits}"
    if not any(f"-s {source} " in rule for rule in table.jumps(_POSTROUTING, chain)):
        lines.append(line("-A", _POSTROUTING, "-s", source, *said, "-j", chain))
    return lines


def delete_lines(table: Table, network: str, container_id: str, ips: Collection[IP] | None) -> list[str]:
    """Take back the jumps of these addresses, of all with None; the chain goes with its last jump.

    The chain belongs to all interfaces of the container on this network.
    """
    chain = chain_name(network, container_id)
    jumps = table.jumps(_POSTROUTING, chain)
    sources = None if ips is None else {f"-s {ip.text}/{ip.bits} " for ip in ips}
    gone = [rule for rule in jumps if sources is None or any(source in rule for source in sources)]
    lines = [f"-D {_POSTROUTING} {rule}" for rule in gone]
    if table.has(chain) and len(gone) == len(jumps):
        lines += [f"-F {chain}", f"-X {chain}"]
    return lines
