"""Carries out plans: virtual servers by netlink, sets by ipset, rules by iptables, addresses by rtnetlink."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import ClassVar

from kproxy.addresses import IPV4, IPV6
from kproxy.backends.iptables import names as iptables_names
from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs import settings
from kproxy.backends.ipvs.pieces import Real, Virtual
from kproxy.backends.ipvs.plan import Plan, Work
from kproxy.backends.ipvs.removal_run import remove_rules
from kproxy.backends.ipvs.rules import JUMPS, chains
from kproxy.backends.ipvs.servers_socket import Servers, ServersError
from kproxy.backends.ipvs.state_socket import read_state
from kproxy.backends.registry import Backend, BackendError, SyncReport, Watch
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.node import NodeRules
from linux import process, sysctl
from linux.ipset import run as ipset
from linux.iptables.restore import Edit, Saved, document
from linux.iptables.rules import Jump
from linux.iptables.run import Iptables, IptablesFailed, of_host
from linux.logging_kv import get_logger
from linux.netlink.socket import NetlinkError
from linux.process import ProgramFailed
from linux.rtnl import Rtnl

_log = get_logger("kproxy.ipvs")
_BITS = {IPV4: 32, IPV6: 128}
_CONNECTIONS = Path("/proc/thread-self/net/ip_vs_conn")
_MODULES = ("ip_vs", "ip_vs_rr", "nf_conntrack", "ip_set", "xt_set", "xt_ipvs", "dummy")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (ServersError, ipset.IpsetFailed, IptablesFailed, ProgramFailed, NetlinkError) as error:
        raise BackendError(f"{error}; everything will be compared again") from error


class IpvsBackend:
    """One IP family."""

    name: ClassVar[str] = "ipvs"

    def __init__(self, node: NodeRules, programs: Iptables | None = None) -> None:
        self._node = node
        self._programs = programs or of_host(node.family == IPV6)
        self._plan = Plan(node)
        self._servers: Servers | None = None
        self._leaving: set[tuple[Virtual, Real]] = set()
        self._in_step = False
        self._syncs = 0
        self._planning = Lock()  # is_intact runs in another thread than sync

    def set_node(self, node: NodeRules) -> None:
        self._node = node

    def distrust(self) -> None:
        self._in_step = False

    @property
    def has_leftovers(self) -> bool:
        return bool(self._leaving)

    def settle(self) -> SyncReport:
        """Real servers whose last connection is gone go too."""
        ended: list[tuple[Virtual, Real, int | None]] = []
        with _refusals():
            for virtual in {virtual for virtual, _ in self._leaving}:
                there = {real: (weight, busy) for real, weight, busy in self._kernel().reals(virtual)}
                for real in [real for at, real in self._leaving if at == virtual]:
                    weight, busy = there.get(real, (1, 0))
                    if busy and not weight:
                        continue
                    if not weight:
                        ended.append((virtual, real, None))
                    self._leaving.discard((virtual, real))
            self._kernel().set_reals(ended)
        return SyncReport(full=False, operations=len(ended))

    def sync(self, table: ForwardingTable, only: set[ServicePortName] | None = None) -> SyncReport:
        full = only is None or not self._in_step
        self._in_step = False
        with _refusals(), self._planning:
            self._syncs += 1
            if full:
                self._plan = Plan(self._node)
                self._prepare()
                kernel = read_state(self._kernel(), self._node.family)
                self._leaving = self._plan.leaving(kernel)
                work = self._plan.full(table, kernel)
                self._carry_out_whole(work)
            else:
                assert only is not None
                before = (self._plan.node, self._plan.guarded)
                work = self._plan.partial(table, only, self._node)
                if before != (self._plan.node, self._plan.guarded):
                    self._write_rules(self._programs.save())
                self._carry_out(work)
        self._in_step = True
        return SyncReport(full=full, operations=work.size, elements=len(work.add_entries))

    def _kernel(self) -> Servers:
        if self._servers is None:
            self._servers = Servers(self._node.family)
        return self._servers

    def _prepare(self) -> None:
        """Settings, the sets (rules name them) and the device."""
        for key, value in settings.wanted(self._node.ipvs, os.uname().release):
            try:
                sysctl.ensure(key, value)
            except OSError as error:
                _log.warning("sysctl left as it is", key=key, wanted=value, error=error.strerror)
        try:
            self._kernel().set_timeouts(self._node.ipvs)
        except ServersError as error:
            _log.warning("the timeouts stay as they are", error=str(error))
        ipset.restore(
            ipset.create_line(self._set(what), kind, ipv6=self._node.family == IPV6)
            for what, kind in n.KINDS.items()
        )
        with Rtnl() as rtnl:
            if rtnl.link(n.DEVICE) is None:
                rtnl.add_link("dummy", n.DEVICE)  # stays down: its addresses are this host's all the same

    def _set(self, what: str) -> str:
        return n.set_name(what, self._node.family)

    def _carry_out_whole(self, work: Work) -> None:
        """Rules come first, so that nothing is served without being masqueraded; but rules of the iptables mode, in
        the same chains, serve until all else is there.
        """
        saved = self._programs.save()
        if any(c.startswith(iptables_names.OWN_PREFIXES) for known in saved.values() for c in known.chains):
            self._carry_out(work)
            self._write_rules(saved)
        else:
            self._write_rules(saved)
            self._carry_out(work)

    def _write_rules(self, saved: Mapping[str, Saved]) -> None:
        """Whole: few depend on services. Chains that only the iptables mode fills are emptied."""
        edits = []
        for table, wanted in chains(self._node, self._plan.guarded).items():
            known = saved.get(table, Saved({}))
            jumps = tuple(
                (chain, rule)
                for place, chain, rule in JUMPS
                if place == table
                and isinstance(rule.target, Jump)
                and not known.jumps(chain, rule.target.chain)
            )
            foreign = (
                iptables_names.NODE_PORTS,
                iptables_names.EXTERNAL_SERVICES,
                *((n.SERVICES,) if table == "filter" else ()),
            )
            empty: dict[str, tuple[()]] = {chain: () for chain in foreign if chain in known.chains}
            stale = tuple(c for c in known.chains if c.startswith(iptables_names.OWN_PREFIXES))
            edits.append(Edit(table, {**wanted, **empty}, stale, jumps))
        text = document(edits)
        if text:
            self._programs.restore(text)

    def _carry_out(self, work: Work) -> None:
        kernel = self._kernel()
        ipset.restore(f"add {self._set(entry.of)} {entry.text}" for entry in work.add_entries)
        kernel.put(work.add_servers)
        kernel.put(work.set_servers)
        kernel.set_reals(work.reals)
        for virtual, real, weight in work.reals:
            if weight == 0:
                self._leaving.add((virtual, real))
            else:
                self._leaving.discard((virtual, real))
        self._set_addresses(work.add_addresses, work.remove_addresses)
        kernel.remove(work.remove_servers)
        if work.remove_servers:
            gone = set(work.remove_servers)
            self._leaving = {(at, real) for at, real in self._leaving if at not in gone}
        ipset.restore(f"del {self._set(entry.of)} {entry.text}" for entry in work.remove_entries)

    def _set_addresses(self, add: Iterable[str], remove: Iterable[str]) -> None:
        add, remove = tuple(add), tuple(remove)
        if not add and not remove:
            return
        bits = _BITS[self._node.family]
        with Rtnl() as rtnl:
            device = rtnl.link(n.DEVICE)
            if device is None:
                raise BackendError(f"{n.DEVICE} was deleted by somebody; it will be made again")
            for ip in add:
                rtnl.add_address(device.ifindex, ip, bits, nodad=True, replace=True)
            for ip in remove:
                rtnl.delete_address(device.ifindex, ip, bits)

    def is_intact(self) -> bool:
        """Compares all but the rules' text, as kube-proxy does every syncPeriod: nothing tells of foreign changes."""
        with self._planning:
            plan, syncs = self._plan, self._syncs
            wanted = plan.wanted()
        try:
            if n.BALANCER not in self._programs.save("nat").get("nat", Saved({})).chains:
                return False
            servers = Servers(self._node.family)
            try:
                kernel = read_state(servers, self._node.family)
                return self._syncs != syncs or plan.agrees(wanted, kernel)
            finally:
                servers.close()
        except (ServersError, ipset.IpsetFailed, IptablesFailed, ProgramFailed, OSError) as error:
            _log.warning("what the kernel has could not be read", error=str(error))
            return True

    def drain(self) -> None:
        """Nothing to do: another mode's rules take new connections before they come to IPVS."""

    @property
    def connection_count(self) -> int:
        """Streams that would end with the virtual servers."""
        try:
            known = _CONNECTIONS.read_text()
        except OSError:
            return 0
        return sum(line.startswith("TCP") and " ESTABLISHED " in line for line in known.splitlines())

    def watch(self) -> Watch | None:
        return None

    def close(self) -> None:
        """Leaves everything in force."""
        if self._servers is not None:
            self._servers.close()
            self._servers = None
        self._in_step = False


def make(rules: Mapping[int, NodeRules], *, own_table: bool) -> dict[int, Backend]:
    """Raises BackendError at once where the kernel cannot."""
    reason = unusable()
    if reason is not None:
        raise BackendError(reason)
    return {family: IpvsBackend(node) for family, node in rules.items()}


def unusable() -> str | None:
    """Tried, not guessed."""
    if not ipset.is_there():
        return "ipset is not installed: apt-get install ipset"
    if not of_host(ipv6=False).is_there:
        return "iptables-restore is not installed: apt-get install iptables"
    if process.find("modprobe") is not None:
        process.run(["modprobe", "-a", *_MODULES], check=False)  # what is built in needs none
    try:
        Servers(IPV4).close()
        ipset.save()
    except (ServersError, ipset.IpsetFailed, ProgramFailed) as error:
        return str(error)
    return None


def take_over() -> None:
    """kube-proxy's servers, sets and chains have our names: the first sync has taken them over."""


def clean() -> None:
    """Only where the device tells that kube-proxy or we were here. The chains that all modes share are iptables'."""
    with Rtnl() as rtnl:
        if rtnl.link(n.DEVICE) is None:
            return
        device = rtnl.link(n.DEVICE)
        own = {a.ip for a in rtnl.addresses()} if device is not None else set()
        rtnl.delete_link_named(n.DEVICE)
    try:
        for family in (IPV4, IPV6):
            servers = Servers(family)
            servers.remove(virtual for virtual in servers.read() if virtual.ip in own)
            servers.close()
        remove_rules()
    except (ServersError, ipset.IpsetFailed, IptablesFailed, ProgramFailed) as error:
        raise BackendError(f"not all of IPVS could be removed: {error}") from error
