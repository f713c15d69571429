"""Starts, finds and ends the members of a lab: each is a set of namespaces held by its PID 1."""

import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path

import msgspec

from linux import libc
from netns_fixtures import cgroups_apply, file_systems_apply, init_run
from netns_fixtures.commands import Command
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab, LabError, Member

_HUB_NAMESPACES = libc.CLONE_NEWNS | libc.CLONE_NEWPID
_NODE_NAMESPACES = _HUB_NAMESPACES | libc.CLONE_NEWUTS | libc.CLONE_NEWIPC | libc.CLONE_NEWCGROUP
_END_S = 10.0


def start(lab: Lab, member: Member, commands: tuple[Command, ...], folder: Folder) -> int:
    """PID 1 of the member, as the host sees it. Raises LabError with what went wrong inside."""
    commands_file = folder.root / f"{member.name}.commands.json"
    commands_file.write_bytes(msgspec.json.encode(commands))
    log_dir = folder.logs / member.name
    log_dir.mkdir(exist_ok=True)
    report, report_end = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become_member(lab, member, folder, [str(commands_file), str(log_dir)], report_end)
    os.close(report_end)
    with os.fdopen(report, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(pid, 0)
    first, _, failure = text.partition("\n")
    if failure or not first:
        raise LabError(
            f"cannot start {member.name}: {failure.strip().splitlines()[-1] if failure else 'it died'}"
        )
    folder.pid_file(member).write_text(first)
    return int(first)


def _become_member(lab: Lab, member: Member, folder: Folder, argv: list[str], report: int) -> None:
    """In the forked child: never returns. The report says the PID of PID 1, then nothing or a traceback."""
    try:
        os.setsid()
        is_hub = member is lab.hub
        cgroups_apply.join(lab.name, member.name)
        netns_fd = os.open(folder.netns(member), os.O_RDONLY | os.O_CLOEXEC)
        libc.setns(netns_fd, libc.CLONE_NEWNET)
        libc.unshare(_HUB_NAMESPACES if is_hub else _NODE_NAMESPACES)
        pid = os.fork()
        if pid:
            os.write(report, f"{pid}\n".encode())
            os._exit(0)
        if is_hub:
            file_systems_apply.enter_hub()
        else:
            socket.sethostname(member.name)
            hosts = {address: node.name for node in lab.nodes for address in node.addresses}
            file_systems_apply.enter_member(member.name, hosts, folder.root)
        _quiet_stdio()
        python = os.path.realpath(sys.executable)
        os.execve(python, [python, "-ISE", init_run.__file__, *argv], _environment())
    except BaseException:
        os.write(report, traceback.format_exc().encode())
    os._exit(1)


def _environment() -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
    }


def _quiet_stdio() -> None:
    """A terminal or pipe of the starter's must not be held open by the lab."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def find(folder: Folder, member: Member) -> int | None:
    """PID 1 of a member that runs; the namespace of the process proves that the number was not reused."""
    try:
        pid = int(folder.pid_file(member).read_text())
        same = os.stat(f"/proc/{pid}/ns/net").st_ino == folder.netns(member).stat().st_ino
    except (OSError, ValueError):
        return None
    return pid if same else None


def exec_argv(pid: int, member: Member, command: list[str]) -> list[str]:
    """How to run a command in all namespaces of a member; the hub shares some with the host."""
    own = ("-m", "-n", "-p") if not member.hub_link else ("-m", "-u", "-i", "-n", "-p", "-C")
    return ["nsenter", "-t", str(pid), *own, "--", *command]


def end_all(folder: Folder) -> None:
    """Kill every process inside the lab's network namespaces; ending a PID 1 ends all that is with it."""
    inodes = {pin.stat().st_ino for pin in folder.pins.glob("*")} if folder.pins.exists() else set()
    inodes.discard(
        os.stat("/proc/self/ns/net").st_ino
    )  # whatever was pinned, the host's processes are not ours
    deadline_s = time.monotonic() + _END_S
    while victims := _processes_in(inodes):
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline_s:
            raise LabError(
                f"processes {sorted(victims)} do not end although killed: see their state in /proc"
            )
        time.sleep(0.01)


def _processes_in(netns_inodes: set[int]) -> set[int]:
    """A pod has a network of its own, but dies with its node's PID namespace, so the members' suffice."""
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if os.stat(f"/proc/{entry.name}/ns/net").st_ino in netns_inodes:
                    found.add(int(entry.name))
            except OSError:
                continue  # it ended meanwhile
    return found
