"""One invocation of a plugin as a value, and what a plugin is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NamedTuple, Protocol

    from cni.spec.netconf import NetConf
    from cni.spec.result import Result
else:
    from linux.records import NamedTuple

    Protocol = object

RUN_DIR = "/run/podnet/cni"


def no_fault(step: str) -> None:
    """Production: nothing fails on purpose."""


class World(NamedTuple):
    """What a plugin may not reach for itself: time, chance, streams, faults."""

    now: Callable[[], float]
    token: Callable[[int], str]
    """Random hex of that many bytes."""
    stderr: Callable[[str], None]
    same_netns: Callable[[str], bool]
    """Is the namespace at this path the one we run in?"""
    launcher: str = ""
    """Path of the executable we were started by: another plugin with its content is ours too."""
    run_dir: str = RUN_DIR
    """Where attachments are recorded; must not outlive a boot."""
    databases: dict[str, Any] | None = None
    """Open databases by path, for the next call or for the end of the process: closing one syncs the disk twice."""
    fault: Callable[[str], None] = no_fault
    """Called before each step of ADD and DEL with its name; tests raise or die in it."""


class Call(NamedTuple):
    """The caller's wish, checked as far as the specification says for all plugins."""

    command: str
    container_id: str
    netns: str
    ifname: str
    args: str
    path: str
    env: Mapping[str, str]
    stdin: bytes
    conf: NetConf
    world: World


class Implementation(Protocol):
    """The module of a plugin. ADD returns the result to print."""

    def add(self, call: Call) -> Result: ...
    def delete(self, call: Call) -> None: ...
    def check(self, call: Call) -> None: ...
    def gc(self, call: Call) -> None: ...
    def status(self, call: Call) -> None: ...
