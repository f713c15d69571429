"""The host's iptables programs."""

from __future__ import annotations

import time
from contextlib import suppress

from linux import process
from linux.iptables.restore import Saved, parse_saved
from linux.nft.socket import NftSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_HINTS = ("KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY")
_TABLES = ("nat", "filter", "mangle")
_LOCK_S = 5
_TIMEOUT_S = 120
_LOCKED_STATUS = 4
_TRIES = 3


class IptablesFailed(Exception):
    """What the program said, in one line."""


class Iptables(NamedTuple):
    """One family's programs: `iptables`, `iptables-legacy`, `ip6tables-nft` …, each with -save and -restore."""

    program: str

    def save(self, table: str = "") -> dict[str, Saved]:
        """By table; empty where the kernel has none."""
        argv = [f"{self.program}-save", *(("-t", table) if table else ())]
        done = process.run(argv, timeout_s=_TIMEOUT_S, check=False)
        if done.code:
            raise IptablesFailed(f"{argv[0]}: {_first_line(done.stderr)}")
        return parse_saved(done.stdout)

    def restore(self, document: str) -> None:
        """Raises IptablesFailed; a table is changed whole or not at all. Waits for the lock and tries again."""
        argv = [f"{self.program}-restore", "-w", str(_LOCK_S), "--noflush", "--counters"]
        for attempt in range(_TRIES):
            done = process.run(argv, input=document.encode(), timeout_s=_TIMEOUT_S, check=False)
            if done.code == 0:
                return
            if done.code != _LOCKED_STATUS or attempt == _TRIES - 1:
                raise IptablesFailed(f"{argv[0]}: {_first_line(done.stderr)}")
            time.sleep(0.1 * (attempt + 1))

    def packets(self, table: str, chain: str, target: str) -> int:
        """Counted by the chain's rules with that target; 0 where there is no such chain."""
        argv = [self.program, "-w", str(_LOCK_S), "-t", table, "-nvxL", chain]
        done = process.run(argv, timeout_s=_TIMEOUT_S, check=False)
        rows = (line.split() for line in done.stdout.splitlines()[2:])
        return sum(int(row[0]) for row in rows if len(row) > 2 and row[2] == target)

    def generation(self) -> int | None:
        """Another number after every commit to the tables of the nft variant; None: of legacy's nothing tells."""
        try:
            if "nf_tables" not in self.version():
                return None
            with NftSocket() as nft:
                return nft.generation()
        except (OSError, process.ProgramFailed):
            return None

    @property
    def is_there(self) -> bool:
        return process.find(f"{self.program}-restore") is not None

    def version(self) -> str:
        return process.run([self.program, "--version"]).stdout.strip()


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("# Warning")]
    return lines[0] if lines else "failed without a word"


def tables_exist() -> bool:
    """Whether either variant has any table here; asked of the kernel, without the programs."""
    for name in ("ip_tables_names", "ip6_tables_names"):
        with suppress(OSError), open(f"/proc/thread-self/net/{name}") as file:
            if file.read().strip():
                return True
    try:
        with NftSocket() as nft:
            return any(table.name in _TABLES for table in nft.tables())
    except OSError:
        return True  # not to be known: the programs shall say


def of_host(ipv6: bool) -> Iptables:
    """The variant whose tables Kubernetes' programs already use here; else what `iptables` stands for."""
    plain = "ip6tables" if ipv6 else "iptables"
    for variant in ("nft", "legacy"):
        candidate = Iptables(f"{plain}-{variant}")
        if candidate.is_there and _is_used(candidate):
            return candidate
    return Iptables(plain)


def _is_used(candidate: Iptables) -> bool:
    try:
        mangle = candidate.save("mangle").get("mangle")
    except IptablesFailed:
        return False
    return mangle is not None and any(hint in mangle.chains for hint in _HINTS)
