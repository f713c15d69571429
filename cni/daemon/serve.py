"""The socket's server: a thread a call, all on the same store and under the same locks as the executables."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from _thread import start_new_thread

from cni import plugins, run, skel
from cni.call import RUN_DIR, World
from cni.daemon import lock_disk, places, wire
from cni.daemon.metrics import Metrics
from cni.daemon.queue_disk import Queue
from linux.logging_kv import get_logger

logger = get_logger("cni.daemon")
_BACKLOG = 1024
_REQUEST_TIMEOUT = struct.pack("@ll", 5, 0)  # struct timeval: whoever connects has 5 s to say what he wants
_PEER = struct.Struct("3i")


class Daemon:
    """`start` returns when calls are answered; `stop` when the last of them has been."""

    def __init__(
        self,
        *,
        name: str = "kcni daemon",
        socket_path: str = places.SOCKET,
        lock_path: str = places.LOCK,
        queue_path: str = places.QUEUE,
        run_dir: str = RUN_DIR,
    ) -> None:
        self.metrics = Metrics()
        self._name = name
        self._socket_path = socket_path
        self._lock_path = lock_path
        self._run_dir = run_dir
        self._queue_path = queue_path
        self._listener: socket.socket | None = None
        self._lock = -1
        self._calls = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._namespaces = _namespaces_of("self")

    def start(self) -> None:
        """Raises AlreadyRunning if there is another daemon."""
        self._lock = lock_disk.take(self._lock_path, self._name)
        with Queue(self._queue_path) as queue:
            done = queue.replay(self.perform)
            if done:
                logger.info("did the DELs that were waiting", count=done)
            self._listener = self._listen()
        threading.Thread(target=self._accept, name="cni-accept", daemon=True).start()

    def _listen(self) -> socket.socket:
        """Bound under another name first: nobody meets a socket that does not listen yet."""
        os.makedirs(os.path.dirname(self._socket_path), exist_ok=True)
        temporary = f"{self._socket_path}.{os.getpid()}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(temporary)
        finally:
            os.umask(mask)
        listener.listen(_BACKLOG)
        os.replace(temporary, self._socket_path)
        return listener

    def stop(self) -> None:
        """Take the socket away, then finish what has begun: from now on executables work by themselves."""
        if self._listener is None:
            return
        self._stopping.set()
        os.unlink(self._socket_path)
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            self._changed.wait_for(lambda: not self._calls)
        with Queue(self._queue_path) as queue:
            queue.replay(self.perform)
        os.close(self._lock)

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._calls += 1
            start_new_thread(self._answer, (connection,))  # a threading.Thread waits until it runs

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _REQUEST_TIMEOUT)
                answer = self._take(connection)
                connection.sendall(wire.encode_answer(answer))
            except (OSError, wire.BadRequest) as error:
                # The caller has gone. What it asked for is done and recorded: its DEL, or the reconciliation, ends it.
                logger.warning("a caller went away", error=error)
            finally:
                with self._changed:
                    self._calls -= 1
                    self._changed.notify_all()

    def _take(self, connection: socket.socket) -> wire.Answer:
        with connection.makefile("rb") as stream:
            request = wire.read_request(stream.read)
        connection.sendall(wire.HERE)
        if not self._shares_our_view(connection):
            return wire.Answer(wire.DO_IT_YOURSELF)
        return self.perform(request)

    def _shares_our_view(self, connection: socket.socket) -> bool:
        """Same network and mount namespaces: its paths mean the same here, and its host is ours."""
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        pid, _uid, _gid = _PEER.unpack(raw)
        return pid > 0 and _namespaces_of(str(pid)) == self._namespaces

    def perform(self, request: wire.Request) -> wire.Answer:
        """One call, as the executable would have done it."""
        started = time.monotonic()
        name = os.path.basename(request.launcher)
        verb = request.env.get("CNI_COMMAND", "")
        plugin = plugins.find(name)
        if plugin is None:
            return wire.Answer(wire.DO_IT_YOURSELF)
        errors: list[str] = []
        try:
            outcome = skel.run(
                plugin,
                plugins.load,
                request.env,
                lambda: request.stdin,
                self._world(request.launcher, errors),
            )
        except Exception as error:
            logger.exception("a call failed in an unforeseen way", plugin=name, verb=verb)
            outcome = skel.failed(error)
        took_s = time.monotonic() - started
        self.metrics.observe(name, verb, took_s, failed=outcome.code != 0)
        logger.info(
            "call",
            plugin=name,
            verb=verb,
            container=request.env.get("CNI_CONTAINERID"),
            interface=request.env.get("CNI_IFNAME"),
            code=outcome.code,
            took_ms=round(took_s * 1000, 2),
            trace=request.env.get("TRACEPARENT"),
            error=outcome.stdout.strip() if outcome.code else None,
        )
        return wire.Answer(outcome.code, outcome.stdout, outcome.stderr + "".join(errors))

    def _world(self, launcher: str, errors: list[str]) -> World:
        return run.world(launcher)._replace(stderr=errors.append, run_dir=self._run_dir)


def _namespaces_of(pid: str) -> tuple[int, ...]:
    try:
        return tuple(os.stat(f"/proc/{pid}/ns/{kind}").st_ino for kind in ("net", "mnt"))
    except OSError:
        return ()
