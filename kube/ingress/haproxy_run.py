"""A HAProxy of ours: started, taken over from an earlier life, reloaded, told changes through its sockets.

It runs as master and worker. A reload makes the master start a new worker, which is given the listening sockets, so no
connection is refused; the old worker ends when its last request does. The process survives our crash, and the next
life finds it by its master socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from kube.ingress.config import CONFIG, MASTER_SOCKET, SOCKET, files, map_words, server_words
from kube.ingress.proxy import RELOAD, Change, MapContent, Proxy, plan_changes

_START_WITHIN_S = 10.0
_ANSWER_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.02
_USER = "haproxy"  # made by Debian's package


class ProxyFailed(Exception):
    """What HAProxy did not take, and what to do."""


class HAProxy:
    """`folder` is its own: configuration, maps, certificates, sockets and its log."""

    def __init__(self, folder: Path, program: str = "haproxy") -> None:
        self._folder = folder
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._runs: Proxy | None = None  # None: unknown, so that the next change is a reload

    async def survived(self) -> bool:
        """One of an earlier life still serves: it may hold routes that are gone."""
        return self._process is None and await self._worker_pid() is not None

    async def apply(self, proxy: Proxy) -> str:
        """Makes it so: "started", "reloaded", "changed" or "unchanged". Raises ProxyFailed."""
        running = await self._worker_pid() is not None
        if running and self._runs is not None:
            changes = plan_changes(self._runs, proxy)
            if changes == ():
                return "unchanged"
            if changes is not RELOAD:
                assert isinstance(changes, tuple)
                return await self._change(proxy, changes)
        self._runs = None
        await self._write_checked(proxy)
        await (self._reload() if running else self._start())
        self._runs = proxy
        return "reloaded" if running else "started"

    async def stop(self) -> None:
        """Requests under way are cut; harmless when it does not run."""
        self._runs = None
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            return
        pid = await self._master_pid()  # of an earlier life
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    # The files.

    def _write(self, proxy: Proxy, folder: Path) -> None:
        """With paths that are right for `self._folder`, whatever folder they are written to."""
        for name, text in files(proxy, str(self._folder), user=_user()).items():
            path = folder / f"{name}.new"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            path.rename(folder / name)

    async def _write_checked(self, proxy: Proxy) -> None:
        program = shutil.which(self._program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise ProxyFailed(
                f"Ingress needs the program {self._program}, which is not installed: apt-get install haproxy"
            )
        self._program = program
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(proxy, self._folder)
        config = str(self._folder / CONFIG)
        check = await asyncio.create_subprocess_exec(
            program,
            *("-c", "-q", "-f", config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await check.communicate()
        if check.returncode:
            raise ProxyFailed(f"haproxy does not take {config}: {_last_alert(output)}")

    # The process.

    async def _start(self) -> None:
        log = self._folder / "haproxy.log"
        with log.open("ab") as file:
            begin = file.tell()
            self._process = await asyncio.create_subprocess_exec(
                self._program,
                *("-W", "-S", f"{self._folder / MASTER_SOCKET},mode,600"),
                *("-f", str(self._folder / CONFIG)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # an interrupt at our terminal is not meant for it
            )
        deadline = asyncio.get_running_loop().time() + _START_WITHIN_S
        while await self._worker_pid() is None:
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                with log.open("rb") as file:
                    file.seek(begin)
                    said = _last_alert(file.read())
                await self.stop()
                raise ProxyFailed(f"haproxy does not start: {said}")
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _reload(self) -> None:
        before = await self._worker_pid()
        await self._ask(MASTER_SOCKET, "reload")
        deadline = asyncio.get_running_loop().time() + _START_WITHIN_S
        while await self._worker_pid() in (before, None):
            if asyncio.get_running_loop().time() > deadline:
                raise ProxyFailed(
                    f"haproxy did not reload, it serves what it served before: see {self._folder / 'haproxy.log'}"
                )
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _worker_pid(self) -> int | None:
        return _pid(await self._ask(SOCKET, "show info"))

    async def _master_pid(self) -> int | None:
        """From the master's list of processes, whose rows begin with a PID and a type."""
        for line in (await self._ask(MASTER_SOCKET, "show proc")).splitlines():
            words = line.split()
            if words[1:2] == ["master"]:
                return int(words[0])
        return None

    # Changes while it runs.

    async def _change(self, proxy: Proxy, changes: Sequence[Change]) -> str:
        self._runs = None
        self._write(proxy, self._folder)  # what a reload or a new start would read
        for change in changes:
            if isinstance(change, MapContent):
                path = f"{self._folder}/{change.name}.map"
                answer = await self._ask(SOCKET, f"prepare map {path}")
                version = answer.rpartition(":")[2].strip()
                await self._tell(map_words(change, str(self._folder), version))
            else:
                await self._tell(server_words(change))
        self._runs = proxy
        return "changed"

    async def _tell(self, words: Sequence[str]) -> None:
        for word in words:
            answer = (await self._ask(SOCKET, word)).strip()
            if answer and "changed" not in answer and "no need to change" not in answer:
                raise ProxyFailed(f"haproxy answers {answer!r} to {word!r}")

    async def _ask(self, name: str, command: str) -> str:
        """The answer, empty where nobody listens."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                reader, writer = await asyncio.open_unix_connection(str(self._folder / name))
                try:
                    writer.write(command.encode() + b"\n")
                    writer.write_eof()  # or the master would wait for another command
                    return (await reader.read()).decode(errors="replace")
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return ""


def _user() -> str:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return ""
    return _USER if os.geteuid() == 0 else ""


def _pid(info: str) -> int | None:
    """The worker's, of `show info`; None while it is ending."""
    facts = dict(line.split(": ", 1) for line in info.splitlines() if ": " in line)
    if facts.get("Stopping", "0") != "0":
        return None
    return int(facts["Pid"]) if "Pid" in facts else None


def _last_alert(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()
    alerts = [line for line in lines if "ALERT" in line]
    found = alerts or lines or ["it says nothing"]
    return "; ".join(line.partition(" : ")[2] or line for line in found[:3])
