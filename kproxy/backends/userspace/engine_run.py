"""The thread that carries the bytes: one epoll, all listeners, streams and sessions."""

import heapq
import itertools
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from random import Random

from kproxy.backends.userspace.datagrams_run import Datagrams
from kproxy.backends.userspace.plan import Key, Route, choices
from kproxy.backends.userspace.streams_run import Stream, listen
from kproxy.forwarding import Endpoint, Remembered, ServiceForwarding, ServicePortName
from kproxy.node import NodeRules
from linux.logging_kv import get_logger

_log = get_logger("kproxy.userspace")
_ACCEPTS_A_TURN = 64
_ANSWER_S = 30.0
_CLIENTS_MAX = 1 << 16


class _Listener:
    def __init__(self, route: Route, opened: "socket.socket | Datagrams") -> None:
        self.route = route
        self.opened = opened


class Engine:
    """`update` is called by others; everything else happens in the engine's own thread."""

    def __init__(self, node: NodeRules, rng: Random | None = None) -> None:
        self._node = node
        self._rng = rng or Random()
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._ready: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._commands: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._listeners: dict[Key, _Listener] = {}
        self._streams: set[Stream] = set()
        self._clients: dict[tuple[ServicePortName, str], tuple[Endpoint, float]] = {}
        self._stopping = False
        self.watch(self._bell, select.EPOLLIN, lambda _events: self._take_commands())
        self._thread = threading.Thread(target=self._run, name="kproxy-userspace", daemon=True)
        self._thread.start()

    # For others.

    def update(self, listeners: Mapping[Key, Route | None], node: NodeRules) -> dict[Key, str]:
        """Open, change and close; what could not be opened, with why."""
        failed: dict[Key, str] = {}
        done = threading.Event()

        def command() -> None:
            try:
                self._node = node
                for key, route in listeners.items():
                    reason = self._set(key, route)
                    if reason:
                        failed[key] = reason
            finally:
                done.set()

        self._send(command)
        if not done.wait(_ANSWER_S):
            raise OSError(f"the forwarding thread did not answer within {_ANSWER_S:g} s")
        return failed

    def remembered(
        self, services: Iterable[tuple[ServiceForwarding, tuple[Endpoint, ...]]]
    ) -> list[Remembered]:
        """Clients with session affinity; endpoints that are gone are left out."""
        known, now_s = dict(self._clients), time.monotonic()
        kept = {service.name: (service.affinity_timeout_s or 0, ends) for service, ends in services}
        found = []
        for (name, client), (endpoint, at_s) in known.items():
            timeout_s, ends = kept.get(name, (0, ()))
            left_s = timeout_s - (now_s - at_s)
            if left_s > 0 and endpoint in ends:
                found.append(Remembered(name, client, endpoint, left_s))
        return found

    def remember(self, timeouts_s: Mapping[ServicePortName, int], clients: Iterable[Remembered]) -> None:
        """As if each had come when its time began."""
        now_s = time.monotonic()
        added = {
            (c.service, c.client): (c.endpoint, now_s - timeouts_s[c.service] + c.left_s)
            for c in clients
            if c.service in timeouts_s
        }
        self._send(lambda: self._clients.update(added))

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._listeners)

    @property
    def stream_count(self) -> int:
        return len(self._streams)

    def stop_accepting(self) -> None:
        """Streams go on, new ones are somebody else's; datagrams are relayed until the end."""

        def command() -> None:
            for key in [key for key in self._listeners if key.protocol == "TCP"]:
                self._close(self._listeners.pop(key))

        self._send(command)

    def stop(self) -> None:
        def command() -> None:
            self._stopping = True

        if not self._stopping:
            self._send(command)
            self._thread.join(_ANSWER_S)

    def _send(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        os.eventfd_write(self._bell, 1)

    # The loop that streams and datagrams see.

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        self._callbacks[fd] = callback
        self._epoll.register(fd, events)

    def forget(self, fd: int) -> None:
        if self._callbacks.pop(fd, None) is not None:
            with suppress(OSError):
                self._epoll.unregister(fd)

    def again(self, callback: Callable[[], None]) -> None:
        self._ready.append(callback)

    def at(self, when_s: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when_s, next(self._numbers), callback))

    def _run(self) -> None:
        while not self._stopping:
            timeout_s = 0.0 if self._ready else -1.0
            if self._timers and not self._ready:
                timeout_s = max(0.0, self._timers[0][0] - time.monotonic())
            for fd, events in self._epoll.poll(timeout_s):
                callback = self._callbacks.get(fd)
                if callback is not None:
                    self._call(lambda callback=callback, events=events: callback(events))  # type: ignore[misc]
            for _ in range(len(self._ready)):
                self._call(self._ready.popleft())
            now_s = time.monotonic()
            while self._timers and self._timers[0][0] <= now_s:
                self._call(heapq.heappop(self._timers)[2])
        self._close_all()

    @staticmethod
    def _call(callback: Callable[[], None]) -> None:
        """One broken connection must not stop the others."""
        try:
            callback()
        except Exception:
            _log.exception("a connection was given up")

    def _take_commands(self) -> None:
        os.eventfd_read(self._bell)
        while self._commands:
            self._commands.popleft()()

    def _close_all(self) -> None:
        for listener in self._listeners.values():
            self._close(listener)
        for stream in list(self._streams):
            stream.close(reset=True)
        self._listeners.clear()
        self._epoll.close()
        os.close(self._bell)

    # Listeners.

    def _set(self, key: Key, route: Route | None) -> str:
        known = self._listeners.get(key)
        if route is None:
            if known is not None:
                del self._listeners[key]
                self._close(known)
            return ""
        if known is not None:
            known.route = route
            if isinstance(known.opened, Datagrams):
                known.opened.keep_only(frozenset((*route.inside, *route.outside)))
            return ""
        try:
            self._open(key, route)
        except OSError as error:
            return f"{error.strerror}"
        return ""

    def _open(self, key: Key, route: Route) -> None:
        if key.protocol == "UDP":
            opened: socket.socket | Datagrams = Datagrams(
                self, key.ip, key.port, lambda client: self._for_client(key, client)
            )
        else:
            opened = listening = listen(key.ip, key.port)
            self.watch(listening.fileno(), select.EPOLLIN, lambda _events: self._accept(key, listening))
        self._listeners[key] = _Listener(route, opened)

    def _close(self, listener: _Listener) -> None:
        if not isinstance(listener.opened, Datagrams):
            self.forget(listener.opened.fileno())
        listener.opened.close()

    def _accept(self, key: Key, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_A_TURN):
            try:
                client, address = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                _log.warning("a connection could not be accepted", error=str(error))
                return
            client.setblocking(False)
            self._take(key, client, address[0])

    def _take(self, key: Key, client: socket.socket, source: str) -> None:
        listener = self._listeners.get(key)
        route = listener.route if listener is not None else None
        offered = self._ordered(key, route, source) if route is not None else []
        if route is None or not offered:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            return
        stream = Stream(
            self, client, offered, lambda chosen: self._remember(route, source, chosen), self._streams.discard
        )
        if not stream.closed:
            self._streams.add(stream)

    def _for_client(self, key: Key, source: str) -> Endpoint | None:
        listener = self._listeners.get(key)
        if listener is None:
            return None
        offered = self._ordered(key, listener.route, source)
        if not offered:
            return None
        self._remember(listener.route, source, offered[0])
        return offered[0]

    def _ordered(self, key: Key, route: Route, source: str) -> list[Endpoint]:
        """By chance, the one that the client had last time first."""
        offered = list(choices(route, self._node, source, own_address=source == key.ip))
        self._rng.shuffle(offered)
        if route.affinity_timeout_s is not None:
            last = self._clients.get((route.name, source))
            if (
                last is not None
                and last[0] in offered
                and time.monotonic() - last[1] < route.affinity_timeout_s
            ):
                offered.remove(last[0])
                offered.insert(0, last[0])
        return offered

    def _remember(self, route: Route, source: str, chosen: Endpoint) -> None:
        if route.affinity_timeout_s is None:
            return
        if len(self._clients) >= _CLIENTS_MAX:  # the half that was heard of last
            latest = sorted(self._clients.items(), key=lambda item: item[1][1])[_CLIENTS_MAX // 2 :]
            self._clients = dict(latest)
        self._clients[(route.name, source)] = (chosen, time.monotonic())
