"""Starting, killing and removing containers: conmon supervises each, an OCI runtime makes it.

conmon outlives this agent (it forks away and holds the container as its child), writes the log in CRI format,
keeps the attach socket and leaves an exit file, so a restarted agent finds everything again.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from linux import mounts, process
from nodeagent.runtime.spec import oci_spec
from nodeagent.runtime.trial import Candidate

_CREATE_TIMEOUT_S = 60.0


class RuntimeFailed(Exception):
    """The runtime refused; the text is its own last word."""


class Created(NamedTuple):
    """A container that exists and waits for its start."""

    pid: int
    monitor_pid: int


class OciRuntime(NamedTuple):
    """One chosen runtime with its state folder."""

    candidate: Candidate
    state_dir: str
    conmon: str

    def argv(self, *arguments: str) -> list[str]:
        """A call of the runtime itself."""
        return [self.candidate.program, *self.candidate.arguments, "--root", self.state_dir, *arguments]

    def create(
        self, bundle: str, container_id: str, *, log_path: str, tty: bool, stdin: bool, stdin_once: bool
    ) -> Created:
        """Create the container of bundle/config.json under a conmon of its own. Raises RuntimeFailed."""
        os.makedirs(os.path.dirname(log_path), exist_ok=True)
        argv = [
            self.conmon, "--api-version", "1", "-c", container_id, "-u", container_id, "-n", container_id,
            "-r", self.candidate.program, "-b", bundle, "-p", f"{bundle}/pid", "-P", f"{bundle}/conmon.pid",
            "-l", f"k8s-file:{log_path}", "--persist-dir", bundle,
            "--full-attach", "--no-sync-log", "--log-level", "error",
        ]  # fmt: skip
        for argument in (*self.candidate.arguments, "--root", self.state_dir):
            argv += ["--runtime-arg", argument]
        if tty:
            argv.append("-t")
        if stdin:
            argv.append("-i")
            if not stdin_once:
                argv.append("--leave-stdin-open")
        pid = self._await_pid(argv)
        with open(f"{bundle}/conmon.pid", encoding="ascii") as file:
            return Created(pid, int(file.read()))

    def _await_pid(self, argv: Sequence[str]) -> int:
        """Conmon reports over a pipe: {"data": PID}, or a negative number with a message."""
        reader, writer = os.pipe()
        try:
            environment = {
                "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                "_OCI_SYNCPIPE": str(writer),
            }
            child = process.spawn(
                argv, env=environment, pass_fds=(writer,), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
        finally:
            os.close(writer)
        try:
            ready, _, _ = select.select([reader], [], [], _CREATE_TIMEOUT_S)
            report = os.read(reader, 65536) if ready else b""
        finally:
            os.close(reader)
        assert child.stderr is not None
        if not report.endswith(b"}\n"):
            child.kill()
            report = b""
        child.wait()
        answer: dict[str, Any] = json.loads(report) if report else {}
        pid = int(answer.get("data", -1))
        if pid <= 0:
            text = (
                str(answer.get("message") or "")
                or child.stderr.read().decode(errors="replace")
                or "no answer"
            )
            child.stderr.close()
            raise RuntimeFailed(last_message(text))
        child.stderr.close()
        return pid

    def start(self, container_id: str) -> None:
        """Let the created process run. Raises RuntimeFailed."""
        try:
            process.run(self.argv("start", container_id))
        except process.ProgramFailed as error:
            raise RuntimeFailed(last_message(error.output)) from error

    def delete(self, container_id: str) -> None:
        """Remove the container, killing what is left of it. Absent is fine."""
        process.run(self.argv("delete", "--force", container_id), check=False)

    def kill_all(self, container_id: str, number: int) -> None:
        """Signal every process of the container: needed only where it has no PID namespace of its own."""
        process.run(self.argv("kill", "--all", container_id, str(number)), check=False)


def last_message(text: str) -> str:
    """The runtime's message without its log decoration: `time=… level=error msg="…"` → `…`."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return "no message"
    line = next(
        (line for line in reversed(lines) if "level=error" in line or "level=fatal" in line), lines[-1]
    )
    _, found, message = line.partition('msg="')
    return message.rstrip().rstrip('"').replace('\\"', '"') if found else line.strip()


def write_bundle(bundle: str, spec: dict[str, Any]) -> None:
    os.makedirs(bundle, exist_ok=True)
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(spec, file)


def mount_rootfs(target: str, lowers: Sequence[str], writable_dir: str) -> None:
    """An overlay of read-only folders (topmost first) with an upper and a work folder in writable_dir."""
    upper, work = f"{writable_dir}/upper", f"{writable_dir}/work"
    for folder in (target, upper, work):
        os.makedirs(folder, exist_ok=True)
    os.chmod(upper, 0o755)  # noqa: S103  the container's root folder must be readable by its users
    escaped = [lower.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for lower in lowers]
    options = f"lowerdir={':'.join(escaped)},upperdir={upper},workdir={work}"
    mounts.mount("overlay", target, "overlay", 0, options)


def remove_bundle(bundle: str, writable_dir: str) -> None:
    """Unmount and delete what one container run left, except its log."""
    mounts.umount_tree(f"{bundle}/rootfs") if os.path.isdir(f"{bundle}/rootfs") else None
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.rmtree(writable_dir, ignore_errors=True)


def signal_process(pid: int, number: int) -> None:
    """To the container's first process; in a PID namespace SIGKILL takes all the others with it."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal (SigCgt, proc(5)); a dead one is said to."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            line = next((line for line in file if line.startswith("SigCgt:")), "SigCgt: 0")
    except OSError:
        return True
    return bool(int(line.split()[1], 16) >> (number - 1) & 1)


def trial_start(candidate: Candidate, folder: str, busybox: str) -> str:
    """Start a container that ends at once: "" if that works, else the runtime's message."""
    bundle = f"{folder}/trial-{candidate.name}-{'with' if candidate.cgroups else 'without'}"
    rootfs = f"{bundle}/rootfs"
    shutil.rmtree(bundle, ignore_errors=True)
    for name in ("bin", "proc", "dev", "sys"):
        os.makedirs(f"{rootfs}/{name}")
    shutil.copy2(busybox, f"{rootfs}/bin/busybox")
    container_id = f"trial-{candidate.name}-{os.getpid()}-{time.monotonic_ns()}"
    write_bundle(bundle, _trial_spec(rootfs, f"/podnet-{container_id}" if candidate.cgroups else ""))
    runtime = OciRuntime(candidate, f"{bundle}/state", "")
    try:
        process.run(runtime.argv("run", "--bundle", bundle, container_id), timeout_s=20)
    except process.ProgramFailed as error:
        runtime.delete(container_id)
        return last_message(error.output)
    finally:
        shutil.rmtree(bundle, ignore_errors=True)
    return ""


def _trial_spec(rootfs: str, cgroup_path: str) -> dict[str, Any]:
    from nodeagent.runtime.spec import Launch

    kinds = ("pid", "mount", "network", "ipc", "uts")
    launch = Launch(
        args=("/bin/busybox", "true"), env=("PATH=/bin",), cwd="/", rootfs=rootfs, capabilities=(),
        namespaces=tuple((kind, "") for kind in kinds), cgroup_path=cgroup_path,
    )  # fmt: skip
    return oci_spec(launch)


def signal_number(name: str) -> int:
    """`SIGUSR1`, `USR1`, `10`; what is not a signal's name means SIGTERM."""
    if name.isdigit():
        return int(name)
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    return int(getattr(signal, full, signal.SIGTERM))


SIGKILL = int(signal.SIGKILL)
