"""firewall as iptables rules, in the reference plugin's chains of the filter table, pure."""

from __future__ import annotations

from cni.iptables.rules import comment, line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cni.firewall.config import FirewallConf
    from cni.iptables.rules import Table
    from cni.spec.addresses import IP

FORWARD = "CNI-FORWARD"
STAGE_1, STAGE_2 = "CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"
_RELATED = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")


def add_lines(table: Table, conf: FirewallConf, ips: Iterable[IP]) -> list[str]:
    """What is missing: chains, the way to them, two rules an address."""
    lines = [f":{chain} - [0:0]" for chain in (FORWARD, conf.admin_chain) if not table.has(chain)]
    if not table.jumps("FORWARD", FORWARD):
        lines.append(line("-I", "FORWARD", *comment("CNI firewall plugin rules"), "-j", FORWARD))
    if not table.jumps(FORWARD, conf.admin_chain):
        said = comment("CNI firewall plugin admin overrides")
        lines.append(line("-I", FORWARD, *said, "-j", conf.admin_chain))
    for ip in ips:
        alone = f"{ip.text}/{ip.bits}"
        for direction, match in (("-d", _RELATED), ("-s", ())):
            if not _present(table, direction, alone):
                lines.append(line("-A", FORWARD, direction, alone, *match, "-j", "ACCEPT"))
    return lines


def _present(table: Table, direction: str, alone: str) -> bool:
    return bool(rules_of(table, direction, alone))


def rules_of(table: Table, direction: str, alone: str) -> list[str]:
    rules = table.chains.get(FORWARD, ())
    return [rule for rule in rules if rule.startswith(f"{direction} {alone} ") and rule.endswith("-j ACCEPT")]


def delete_lines(table: Table, ips: Iterable[IP]) -> list[str]:
    """The chains stay: they are everybody's."""
    return [
        f"-D {FORWARD} {rule}"
        for ip in ips
        for direction in ("-d", "-s")
        for rule in rules_of(table, direction, f"{ip.text}/{ip.bits}")
    ]


def missing(table: Table, conf: FirewallConf, ips: Iterable[IP]) -> list[str]:
    """What CHECK complains about."""
    found = [] if table.jumps("FORWARD", FORWARD) else [f"filter FORWARD no longer leads to {FORWARD}"]
    if not table.jumps(FORWARD, conf.admin_chain):
        found.append(f"{FORWARD} no longer leads to {conf.admin_chain}")
    gone = [
        ip.text for ip in ips if not all(_present(table, d, f"{ip.text}/{ip.bits}") for d in ("-d", "-s"))
    ]
    return found + [f"the rules of {text} in {FORWARD} are gone" for text in gone]


def isolate_lines(table: Table, bridge: str, policy: str) -> list[str]:
    """Between bridges nothing passes; with "isolated" nothing within the bridge either. Never taken back."""
    lines = [f":{chain} - [0:0]" for chain in (STAGE_1, STAGE_2) if not table.has(chain)]
    said = comment(f"CNI firewall plugin rules (ingressPolicy: {policy})")
    if not table.jumps("FORWARD", STAGE_1):
        lines.append(line("-I", "FORWARD", *said, "-j", STAGE_1))
    first, second = table.chains.get(STAGE_1, ()), table.chains.get(STAGE_2, ())
    if not any(rule.startswith(f"-i {bridge} ! -o {bridge} ") for rule in first):
        lines.append(line("-I", STAGE_1, "-i", bridge, "!", "-o", bridge, *said, "-j", STAGE_2))
    if policy == "isolated" and not any(rule.startswith(f"-i {bridge} -o {bridge} ") for rule in first):
        lines.append(line("-I", STAGE_1, "-i", bridge, "-o", bridge, *said, "-j", "DROP"))
    if not any(rule.startswith(f"-o {bridge} ") for rule in second):
        lines.append(line("-I", STAGE_2, "-o", bridge, *said, "-j", "DROP"))
    for chain, rules in ((STAGE_1, first), (STAGE_2, second)):
        if not any(rule.endswith("-j RETURN") for rule in rules):
            lines.append(line("-A", chain, *said, "-j", "RETURN"))
    return lines
