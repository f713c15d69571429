"""The one place that starts programs: argument lists, never a shell's text."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
Stream = int | IO[bytes] | None


class Completed(NamedTuple):
    """What a finished program left; code is negative for a signal."""

    stdout: str
    stderr: str
    code: int


class ProgramFailed(Exception):
    """A program ended with another status than 0, did not end in time, or could not be started (code 127)."""

    def __init__(self, argv: Sequence[str], code: int, output: str) -> None:
        self.argv = tuple(argv)
        self.code = code
        self.output = output
        last = output.strip().splitlines()[-1:] or [""]
        super().__init__(f"{' '.join(argv)}: exit status {code}: {last[0]}")


def find(program: str) -> str | None:
    """Absolute path of a program; the system's own folders are searched even where PATH lacks them."""
    if "/" in program:
        return program if os.access(program, os.X_OK) else None
    for folder in (*os.environ.get("PATH", "").split(":"), *_SYSTEM_PATH):
        path = f"{folder}/{program}"
        if folder and os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def run(
    argv: Sequence[str],
    *,
    input: bytes = b"",  # noqa: A002 - subprocess's own word
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    timeout_s: float = 60,
    check: bool = True,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run to the end. Raises ProgramFailed on a bad status (unless check is False), on time-out and when absent."""
    try:
        done = subprocess.run(
            _resolved(argv),
            input=input,
            env=env,
            cwd=cwd,
            timeout=timeout_s,
            capture_output=True,
            pass_fds=tuple(pass_fds),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramFailed(argv, 124, f"no end after {timeout_s:g} s, killed") from error
    except OSError as error:
        raise ProgramFailed(argv, 127, f"{error.strerror or error}: install it or correct PATH") from error
    result = Completed(
        done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode
    )
    if check and result.code != 0:
        raise ProgramFailed(argv, result.code, result.stderr or result.stdout)
    return result


async def run_async(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, timeout_s: float = 60
) -> Completed:
    """As `run` with check, while the event loop goes on. What does not end in time, or is not waited for any longer,
    is killed with all that it started.
    """
    import asyncio
    import signal

    try:
        started = await asyncio.create_subprocess_exec(
            *_resolved(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramFailed(argv, 127, f"{error.strerror or error}: install it or correct PATH") from error
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = (part.decode(errors="replace") for part in await started.communicate())
    except TimeoutError as error:
        raise ProgramFailed(argv, 124, f"no end after {timeout_s:g} s, killed") from error
    finally:
        if started.returncode is None:
            os.killpg(started.pid, signal.SIGKILL)
            await started.wait()
    if started.returncode:
        raise ProgramFailed(argv, started.returncode, stderr or stdout)
    return Completed(stdout, stderr, 0)


def spawn(
    argv: Sequence[str],
    *,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    new_session: bool = True,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start and return at once. In a session of its own, so that a Ctrl-C at our terminal is ours to handle."""
    try:
        return subprocess.Popen(
            _resolved(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            start_new_session=new_session,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise ProgramFailed(argv, 127, f"{error.strerror or error}: install it or correct PATH") from error


def _resolved(argv: Sequence[str]) -> list[str]:
    return [find(argv[0]) or argv[0], *argv[1:]]
