"""kubectl exec and attach: a command's streams over WebSocket channels."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import tty

from linux import process
from nodeagent.runtime.apply import OciRuntime, last_message
from nodeagent.runtime.records import ContainerRecord
from nodeagent.server.channels import (
    ERROR,
    STDERR,
    STDIN,
    STDOUT,
    Data,
    End,
    Resize,
    channel_message,
    exit_status,
    failure_status,
    parse,
    runtime_exit_code,
)
from nodeagent.server.routes import Streams
from nodeagent.server.socket import WebSocket

_READ_BYTES = 32 * 1024
# conmon's attach socket: the first byte of each packet says where it comes from (conmon 2.x, conn_sock.c)
_ATTACH_STDOUT, _ATTACH_STDERR = 2, 3


async def serve_exec(
    socket_: WebSocket,
    protocol: str,
    runtime: OciRuntime,
    record: ContainerRecord,
    command: tuple[str, ...],
    wanted: Streams,
) -> None:
    """Run the command in the container; its exit code goes over the error channel."""
    with tempfile.TemporaryDirectory(prefix="knode-exec-") as scratch:
        log = f"{scratch}/log"
        argv = [*runtime.argv("--log", log, "exec"), *(["--tty"] if wanted.tty else []), record.id, *command]
        session = _TtySession(argv) if wanted.tty else _PipeSession(argv, wanted)
        await _greet(socket_, wanted)
        code = await _drive(socket_, session)
        error = ""
        with contextlib.suppress(FileNotFoundError):
            with open(log, encoding="utf-8", errors="replace") as file:
                error = last_message(file.read()) if os.fstat(file.fileno()).st_size else ""
    await _say_end(socket_, exit_status(runtime_exit_code(code, error), protocol))


async def _greet(socket_: WebSocket, wanted: Streams) -> None:
    """An empty message on the lowest channel we write to: the sign that the streams are open."""
    await socket_.send(channel_message(STDOUT if wanted.stdout else STDERR if wanted.stderr else ERROR, b""))


async def _say_end(socket_: WebSocket, status: bytes) -> None:
    if status:
        await socket_.send(channel_message(ERROR, status))
    await socket_.close()


class _PipeSession:
    """The command's three streams are pipes."""

    def __init__(self, argv: list[str], wanted: Streams) -> None:
        self.child = process.spawn(
            argv,
            stdin=subprocess.PIPE if wanted.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if wanted.stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE if wanted.stderr else subprocess.DEVNULL,
        )
        self.outputs = [
            (channel, stream.fileno())
            for channel, stream in ((STDOUT, self.child.stdout), (STDERR, self.child.stderr))
            if stream
        ]
        self.input = self.child.stdin.fileno() if self.child.stdin else -1

    def resize(self, width: int, height: int) -> None:
        """Pipes have no size."""

    def end_input(self) -> None:
        if self.child.stdin:
            with contextlib.suppress(OSError):
                self.child.stdin.close()
            self.input = -1

    def hang_up(self) -> None:
        self.end_input()
        self.child.send_signal(signal.SIGTERM)

    def close(self) -> None:
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


class _TtySession:
    """The command has a terminal in the container; the runtime copies between it and this one."""

    def __init__(self, argv: list[str]) -> None:
        self._master, slave = pty.openpty()
        try:
            tty.setraw(slave)
            self.child = process.spawn(argv, stdin=slave, stdout=slave, stderr=slave)
        finally:
            os.close(slave)
        self.outputs = [(STDOUT, self._master)]
        self.input = self._master

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        # The runtime's terminal is not its controlling one, so the kernel tells nobody.
        self.child.send_signal(signal.SIGWINCH)

    def end_input(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._master, b"\x04")  # end of file, as typed

    def hang_up(self) -> None:
        self.child.send_signal(signal.SIGHUP)

    def close(self) -> None:
        os.close(self._master)


async def _drive(socket_: WebSocket, session: _PipeSession | _TtySession) -> int:
    """Copy until the command has ended and its output is read; a client that leaves hangs up on it."""
    outputs = asyncio.gather(*(_copy_out(socket_, channel, fd) for channel, fd in session.outputs))
    inputs = asyncio.ensure_future(_copy_in(socket_, session))
    ended = asyncio.ensure_future(_exit_of(session.child))
    try:
        await asyncio.wait({inputs, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            session.hang_up()
        code = await ended
        # A background child of the command may hold the pipe for ever.
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(2):
                await asyncio.shield(outputs)
        return code
    finally:
        for task in (inputs, outputs, ended):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await outputs
        session.close()


async def _copy_in(socket_: WebSocket, session: _PipeSession | _TtySession) -> None:
    while (message := await socket_.receive()) is not None:
        match parse(message):
            case Data(channel, data) if channel == STDIN and session.input >= 0 and data:
                await _write_all(session.input, data)
            case End(channel) if channel == STDIN:
                session.end_input()
            case Resize(width, height):
                session.resize(width, height)
            case _:
                continue


async def _write_all(fd: int, data: bytes) -> None:
    """A pipe that is full is written to in a thread's own time."""
    view = memoryview(data)
    while view:
        try:
            written = await asyncio.to_thread(os.write, fd, view)
        except OSError:
            return  # the command does not read any more
        view = view[written:]


async def _copy_out(socket_: WebSocket, channel: int, fd: int) -> None:
    while data := await _read(fd):
        await socket_.send(channel_message(channel, data))


async def _read(fd: int) -> bytes:
    """b"" at the end; a terminal whose other side is closed says EIO."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, wake)
    try:
        await ready
        return os.read(fd, _READ_BYTES)
    except OSError:
        return b""
    finally:
        loop.remove_reader(fd)


async def _exit_of(child: subprocess.Popen[bytes]) -> int:
    loop = asyncio.get_running_loop()
    fd = os.pidfd_open(child.pid)
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, wake)
    try:
        await ready
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    code = child.wait()
    return 128 - code if code < 0 else code


async def serve_attach(socket_: WebSocket, protocol: str, bundle: str, wanted: Streams) -> None:
    """Join the container's own streams at conmon's socket until it ends or the client leaves."""
    loop = asyncio.get_running_loop()
    folder = os.open(bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    conmon = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        # Bundle paths are longer than the 108 bytes of a socket address.
        await loop.sock_connect(conmon, f"/proc/self/fd/{folder}/attach")
    except OSError as error:
        conmon.close()
        await socket_.send(channel_message(ERROR, failure_status(f"cannot attach: {error}")))
        await socket_.close()
        return
    finally:
        os.close(folder)
    await _greet(socket_, wanted)
    inputs = asyncio.ensure_future(_attach_in(socket_, conmon, bundle, wanted))
    outputs = asyncio.ensure_future(_attach_out(socket_, conmon, wanted))
    try:
        await asyncio.wait({inputs, outputs}, return_when=asyncio.FIRST_COMPLETED)
        if outputs.done():
            await _say_end(socket_, exit_status(0, protocol))
    finally:
        for task in (inputs, outputs):
            task.cancel()
        conmon.close()


async def _attach_in(socket_: WebSocket, conmon: socket.socket, bundle: str, wanted: Streams) -> None:
    loop = asyncio.get_running_loop()
    while (message := await socket_.receive()) is not None:
        match parse(message):
            case Data(channel, data) if channel == STDIN and wanted.stdin:
                for start in range(0, len(data), _READ_BYTES):
                    await loop.sock_sendall(conmon, data[start : start + _READ_BYTES])
            case End(channel) if channel == STDIN:
                conmon.shutdown(socket.SHUT_WR)
            case Resize(width, height):
                await asyncio.to_thread(_resize, bundle, width, height)
            case _:
                continue


def _resize(bundle: str, width: int, height: int) -> None:
    """Conmon's control pipe: message 1 is the terminal's size."""
    with contextlib.suppress(OSError):
        fd = os.open(f"{bundle}/ctl", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fd, f"1 {height} {width}\n".encode())
        finally:
            os.close(fd)


async def _attach_out(socket_: WebSocket, conmon: socket.socket, wanted: Streams) -> None:
    loop = asyncio.get_running_loop()
    while packet := await loop.sock_recv(conmon, _READ_BYTES + 1):
        if packet[0] == _ATTACH_STDOUT and wanted.stdout:
            await socket_.send(channel_message(STDOUT, packet[1:]))
        elif packet[0] == _ATTACH_STDERR and wanted.stderr:
            await socket_.send(channel_message(STDERR, packet[1:]))
