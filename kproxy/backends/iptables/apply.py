"""Carries out plans with the host's iptables programs, legacy or nft."""

from collections.abc import Mapping
from typing import ClassVar

from kproxy.addresses import IPV4, IPV6
from kproxy.backends.iptables import names as n
from kproxy.backends.iptables.memory_disk import memorize, recall
from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.iptables.plan import JUMPS, SHARED, Plan, Work
from kproxy.backends.registry import Backend, BackendError, SyncReport, Watch
from kproxy.forwarding import ForwardingTable, Remembered, ServicePortName
from kproxy.metrics.counters import CountedPackets, PacketCount
from kproxy.node import NodeRules
from linux import sysctl
from linux.iptables.restore import Edit, Saved, document
from linux.iptables.rules import Jump
from linux.iptables.run import Iptables, IptablesFailed, of_host, tables_exist
from linux.logging_kv import get_logger
from linux.nfacct.socket import Counters
from linux.process import ProgramFailed

_log = get_logger("kproxy.iptables")
_KEPT = frozenset({n.FIREWALL, n.MARK_MASQ})  # kubelet's, too
_COUNTED = {
    n.INVALID_DROPPED: CountedPackets.INVALID_DROPPED,
    n.LOCALHOST_ACCEPTED: CountedPackets.LOCALHOST_ACCEPTED,
}
_COUNTING_RULES = {
    CountedPackets.INVALID_DROPPED: (FILTER, n.FORWARD, "DROP"),
    CountedPackets.LOCALHOST_ACCEPTED: (NAT, n.LOCALHOST_NODE_PORTS, "RETURN"),
}


class IptablesBackend:
    """One IP family. `accounted`: rules add to the kernel's named counters; None: where they can."""

    name: ClassVar[str] = "iptables"

    def __init__(
        self, node: NodeRules, programs: Iptables | None = None, *, accounted: bool | None = None
    ) -> None:
        self._node = node
        self._programs = programs or of_host(node.family == IPV6)
        self._plan = Plan(node)
        self._in_step = False
        self._syncs = 0  # is_intact looks from another thread
        self._seen_generation: int | None = None
        self._accounted = accounted
        self._rewritten = 0  # times: the rules' own counters begin anew each time

    def set_node(self, node: NodeRules) -> None:
        self._node = node

    def distrust(self) -> None:
        self._in_step = False

    @property
    def has_leftovers(self) -> bool:
        return False

    def settle(self) -> SyncReport:
        return SyncReport(full=False, operations=0)

    def sync(self, table: ForwardingTable, only: set[ServicePortName] | None = None) -> SyncReport:
        full = only is None or not self._in_step
        self._syncs += 1
        try:
            if full:
                self._allow_localhost()
                work = self._rewrite(table)
            else:
                assert only is not None
                work = self._plan.partial(table, only, self._node)
                self._carry_out(work)
        except (IptablesFailed, ProgramFailed) as error:
            self._in_step = False
            raise BackendError(f"{error}; all rules will be written again") from error
        self._in_step = True
        return SyncReport(full=full, operations=work.chain_count, rules=self._plan.rule_counts(work))

    def _rewrite(self, table: ForwardingTable) -> Work:
        """With the kernel's counters; without, where rules cannot use them (no xt_nfacct)."""
        saved = self._programs.save()
        if self._accounted is None:
            self._accounted = _make_counters()
        if self._accounted:
            try:
                return self._write(table, saved, accounted=True)
            except IptablesFailed as error:
                refusal = error
            work = self._write(table, saved, accounted=False)
            self._accounted = False
            _log.info("rules count by themselves", program=self._programs.program, why=str(refusal))
            return work
        return self._write(table, saved, accounted=False)

    def _write(self, table: ForwardingTable, saved: Mapping[str, Saved], *, accounted: bool) -> Work:
        self._rewritten += 1
        self._plan = Plan(self._node, accounted=accounted)
        work = self._plan.full(table, saved)
        self._carry_out(work)
        return work

    def _carry_out(self, work: Work) -> None:
        text = document(work.edits)
        if text:
            self._programs.restore(text)

    def _allow_localhost(self) -> None:
        """Node ports on 127.0.0.1 need packets from there to be routed; KUBE-FIREWALL keeps strangers out."""
        if self._node.localhost_node_ports:
            try:
                sysctl.ensure("net/ipv4/conf/all/route_localnet", 1)
            except OSError as error:
                _log.warning("node ports will not answer on 127.0.0.1", error=str(error))

    def is_intact(self) -> bool:
        """Whether chains, jumps and the number of rules are ours; `iptables -F` leaves a canary chain alone.

        The nft variant's tables are not read where nobody has committed anything since the last look.
        """
        syncs, generation = self._syncs, self._programs.generation()
        if generation is not None and generation == self._seen_generation:
            return True
        try:
            good = all(self._holds(table) for table in (NAT, FILTER))
        except IptablesFailed:
            return True
        if good:
            self._seen_generation = generation
        return good or self._syncs != syncs

    def packet_counts(self) -> list[PacketCount]:
        if self._accounted:
            with Counters() as kernel:
                return [PacketCount(name, what, kernel.packets(name) or 0) for name, what in _COUNTED.items()]
        try:
            return [
                PacketCount(
                    f"{self._node.family} {chain} {self._rewritten}",
                    what,
                    self._programs.packets(table, chain, target),
                )
                for what, (table, chain, target) in _COUNTING_RULES.items()
            ]
        except ProgramFailed as error:
            raise BackendError(f"packets could not be counted: {error}") from error

    def _holds(self, table: str) -> bool:
        wanted = {chain: len(rules) for chain, rules in list(self._plan.written(table).items())}
        saved = self._programs.save(table).get(table, Saved({}))
        jumps = [(chain, rule.target) for place, chain, rule in JUMPS if place == table]
        return all(len(saved.chains.get(chain, ())) == count for chain, count in wanted.items()) and all(
            saved.jumps(chain, target.chain) for chain, target in jumps if isinstance(target, Jump)
        )

    def remembered(self, table: ForwardingTable) -> list[Remembered]:
        return recall(table)

    def remember(self, table: ForwardingTable, clients: list[Remembered]) -> None:
        memorize(clients)

    def watch(self) -> Watch | None:
        return None

    def cleanup(self) -> None:
        remove_all(self._programs)
        self._in_step = False

    def close(self) -> None:
        """Leaves the rules in force."""


def remove_all(programs: Iptables) -> None:
    """Every chain of kube-proxy's names, and the jumps to them. Nothing to do where there are none."""
    saved = programs.save()
    lines: list[str] = []
    for table in (NAT, FILTER, "mangle"):
        known = saved.get(table, Saved({}))
        ours = [
            chain
            for chain in known.chains
            if chain.startswith(n.OWN_PREFIXES)
            or (chain in SHARED.get(table, (n.CANARY,)) and chain not in _KEPT)
        ]
        if not ours:
            continue
        lines += [f"*{table}", *known.removals(ours)]
        lines.append("COMMIT")
    if lines:
        programs.restore("\n".join(lines) + "\n")


def _make_counters() -> bool:
    try:
        with Counters() as kernel:
            for name in n.COUNTERS:
                kernel.ensure(name)
    except OSError as error:
        _log.info("the kernel has no named counters, rules count by themselves", error=error.strerror)
        return False
    return True


def make(rules: Mapping[int, NodeRules], *, own_table: bool) -> dict[int, Backend]:
    return {family: IptablesBackend(node) for family, node in rules.items()}


def unusable() -> str | None:
    """Tried, not guessed from versions."""
    programs = of_host(ipv6=False)
    if not programs.is_there:
        return "iptables-restore is not installed: apt-get install iptables"
    try:
        programs.save(NAT)
        programs.restore(document([Edit(NAT, {"KUBE-PROXY-PROBE": ()})]))
        programs.restore(document([Edit(NAT, {}, ("KUBE-PROXY-PROBE",))]))
    except (IptablesFailed, ProgramFailed) as error:
        return str(error)
    return None


def take_over() -> None:
    """kube-proxy's chains have our names: the first sync has taken them over."""


def clean() -> None:
    """Both variants of both families; where there is no table at all, no program is asked."""
    if not tables_exist():
        return
    for family in (IPV4, IPV6):
        plain = "ip6tables" if family == IPV6 else "iptables"
        for variant in (f"{plain}-nft", f"{plain}-legacy"):
            programs = Iptables(variant)
            if programs.is_there:
                try:
                    remove_all(programs)
                except (IptablesFailed, ProgramFailed) as error:
                    _log.warning("iptables rules could not be removed", program=variant, error=str(error))
