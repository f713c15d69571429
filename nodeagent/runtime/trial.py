"""Which OCI runtime to use: what a trial start of each candidate says, in order of preference.

Presence is no proof: crun 1.8 refuses the hybrid cgroup layout at container start, runc 1.1 a node whose
cgroup tree is read-only or hidden. So each candidate must really start a container once.
"""

from collections.abc import Callable
from typing import NamedTuple


class Candidate(NamedTuple):
    """A runtime program and how it is called; `cgroups` is False where limits cannot be set."""

    name: str
    program: str
    arguments: tuple[str, ...]
    cgroups: bool


class Verdict(NamedTuple):
    """The chosen candidate and one line for the log when it is not the first choice."""

    candidate: Candidate
    note: str


class NoRuntime(Exception):
    """No candidate could start a container."""


def candidates(wanted: str, find: Callable[[str], str | None]) -> tuple[Candidate, ...]:
    """All that are installed: first those with cgroups, then those that do without. `wanted`: auto, runc, crun."""
    names = ("runc", "crun") if wanted == "auto" else (wanted,)
    programs = [(name, path) for name in names if (path := find(name))]
    without = {"runc": ("--rootless", "true"), "crun": ("--cgroup-manager=disabled",)}
    with_cgroups = [Candidate(name, path, (), cgroups=True) for name, path in programs]
    return (
        *with_cgroups,
        *(Candidate(name, path, without.get(name, ()), cgroups=False) for name, path in programs),
    )


def choose(offered: tuple[Candidate, ...], trial: Callable[[Candidate], str], wanted: str) -> Verdict:
    """The first candidate whose trial start gives no error text; raises NoRuntime with every error."""
    if not offered:
        names = "runc (or crun)" if wanted == "auto" else wanted
        raise NoRuntime(f"no OCI runtime found: apt-get install -y {names}")
    failures: list[str] = []
    for candidate in offered:
        error = trial(candidate)
        if not error:
            note = "" if candidate.cgroups else "containers run without cgroup limits"
            return Verdict(candidate, "; ".join([*failures, note] if note else failures))
        failures.append(f"{candidate.name}{'' if candidate.cgroups else ' without cgroups'}: {error}")
    raise NoRuntime("no OCI runtime can start a container here: " + "; ".join(failures))
