"""Follows a connection's first packet through nat and filter tables of rule values. Every chance is followed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from linux.iptables.rules import Builtin, Dnat, Jump, MarkOr, MarkXor, Masquerade, Reject, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple

    Chains = Mapping[str, tuple[Rule, ...]]
else:
    from linux.records import NamedTuple


class Probe(NamedTuple):
    """`in_interface` "" : sent by this host; `local_addresses` beside loopback."""

    source: str
    destination: str
    protocol: str
    port: int
    in_interface: str
    local_addresses: frozenset[str]


class Ipvs(NamedTuple):
    """What else the packet meets: members of sets by name, and the real server ("ip:port", "" for none) of each
    virtual server by protocol, address and port.
    """

    sets: Mapping[str, frozenset[str]]
    servers: Mapping[tuple[str, str, int], str]


class Trace(NamedTuple):
    verdict: str  # accept, drop, reject
    destination: str  # ip:port after translation
    translated: bool
    masqueraded: bool


class _Final(Exception):
    def __init__(self, verdict: str) -> None:
        super().__init__(verdict)
        self.verdict = verdict


def trace(nat: Chains, filters: Chains, probe: Probe, ipvs: Ipvs | None = None) -> list[Trace]:
    """What may happen, one for each way the dice fall."""
    found: list[Trace] = []
    pending: list[tuple[bool, ...]] = [()]
    while pending:
        rolls = pending.pop()
        machine = _Machine(nat, filters, probe, rolls, ipvs or Ipvs({}, {}))
        found.append(machine.run())
        pending += [(*machine.taken[:place], True) for place in range(len(rolls), len(machine.taken))]
    return found


class _Machine:
    def __init__(
        self, nat: Chains, filters: Chains, probe: Probe, rolls: tuple[bool, ...], ipvs: Ipvs
    ) -> None:
        self._ipvs = ipvs
        self._nat = nat
        self._filter = filters
        self._probe = probe
        self._rolls = rolls
        self.taken: list[bool] = []
        self._ip, self._port = probe.destination, probe.port
        self._mark = 0
        self._translated = self._masqueraded = False
        self._balanced: tuple[str, str, int] | None = None

    def run(self) -> Trace:
        verdict = "accept"
        from_host = not self._probe.in_interface
        try:
            self._hook(self._nat, "OUTPUT" if from_host else "PREROUTING")
            local = self._is_local(self._ip)
            if from_host:
                local = not self._balance() and local
                self._hook(self._filter, "OUTPUT")
            else:
                self._hook(self._filter, "INPUT" if local else "FORWARD")
                local = not self._balance() and local
            if from_host or not local:
                self._hook(self._nat, "POSTROUTING")
            if from_host and local:
                self._hook(self._filter, "INPUT")
        except _Final as final:
            verdict = final.verdict
        shown = f"[{self._ip}]:{self._port}" if ":" in self._ip else f"{self._ip}:{self._port}"
        return Trace(verdict, shown, self._translated, self._masqueraded)

    def _balance(self) -> bool:
        """IPVS takes what is for this host, after the filter, and what this host sends, before it."""
        virtual = (self._probe.protocol, self._ip, self._port)
        real = self._ipvs.servers.get(virtual)
        if real is None:
            return False
        self._balanced = virtual
        if not real:
            raise _Final("reject")
        ip, _, port = real.rpartition(":")
        self._ip, self._port, self._translated = ip.strip("[]"), int(port), True
        return True

    def _is_local(self, ip: str) -> bool:
        return ip in self._probe.local_addresses or ip_address(ip).is_loopback

    def _hook(self, chains: Chains, name: str) -> None:
        try:
            self._chain(chains, name)
        except _Final as final:
            if final.verdict != "accept":
                raise

    def _chain(self, chains: Chains, name: str) -> None:
        for rule in chains.get(name, ()):
            if not self._matches(rule):
                continue
            match rule.target:
                case Jump(chain):
                    self._chain(chains, chain)
                case Builtin("RETURN"):
                    return
                case Builtin(verdict):
                    raise _Final(verdict.lower())
                case Reject():
                    raise _Final("reject")
                case MarkOr(bits):
                    self._mark |= bits
                case MarkXor(bits):
                    self._mark ^= bits
                case Masquerade():
                    self._masqueraded = True
                    raise _Final("accept")
                case Dnat(to):
                    ip, _, port = to.rpartition(":")
                    self._ip, self._port, self._translated = ip.strip("[]"), int(port), True
                    raise _Final("accept")

    def _matches(self, rule: Rule) -> bool:
        probe = self._probe
        if rule.source and _within(probe.source, rule.source) == rule.source_not:
            return False
        if rule.destination and _within(self._ip, rule.destination) == rule.destination_not:
            return False
        if rule.protocol and rule.protocol != probe.protocol:
            return False
        if rule.port and rule.port != self._port:
            return False
        if rule.in_interface and _named(probe.in_interface, rule.in_interface) == rule.in_interface_not:
            return False
        if rule.mark and bool(self._mark & rule.mark) == rule.mark_not:
            return False
        if (rule.local_source and not self._is_local(probe.source)) or (
            rule.local_destination and not self._is_local(self._ip)
        ):
            return False
        if rule.states:
            holds = "NEW" in rule.states or ("DNAT" in rule.states and self._translated)
            if holds == rule.states_not:
                return False
        if rule.balanced is not None and rule.balanced != self._balanced:
            return False
        if rule.in_set and not self._is_member(rule.in_set, rule.in_set_by):
            return False
        if rule.recent_seen is not None:
            return False  # a first packet was never seen before
        return rule.chance is None or self._roll()

    def _is_member(self, name: str, by: str) -> bool:
        members = self._ipvs.sets.get(name, frozenset())
        first, *others = by.split(",")
        at = self._probe.source if first == "src" else self._ip
        if not others:
            return at in members or str(self._port) in members
        at = f"{at},{self._probe.protocol}:{self._port}"
        if len(others) == 1:
            return at in members
        found = [member[len(at) + 1 :] for member in members if member.startswith(f"{at},")]
        return any(_within(self._probe.source, cidr) for cidr in found)

    def _roll(self) -> bool:
        """Without a roll given the chance misses: the last rule of a chain has none."""
        place = len(self.taken)
        roll = self._rolls[place] if place < len(self._rolls) else False
        self.taken.append(roll)
        return roll


def _within(ip: str, cidr: str) -> bool:
    return ip_address(ip) in ip_network(cidr)


def _named(interface: str, pattern: str) -> bool:
    return interface.startswith(pattern[:-1]) if pattern.endswith("+") else interface == pattern
