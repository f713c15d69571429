"""The server process: opens what a configuration asks for, takes a new one while it answers, and ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from dns import disk
from dns.answering.responder import Responder
from dns.answering.server import Router
from dns.build import Configuration, Place, assemble, parse
from dns.corefile.tokens import CorefileError
from dns.handlers.request import Request, Response, Result, failed
from dns.handlers.site import Task, World
from dns.http.serve import HttpServers
from dns.listener_serve import Listener, listen
from dns.metrics import Registry
from dns.process_disk import connection_limit, fit_memory, watch_process
from dns.tcp.crowd import Crowd
from dns.upstream.lookup_socket import host_addresses
from linux.logging_kv import get_logger

if TYPE_CHECKING:
    from dns.crew_run import Seat

MAX_REENTRIES = 10
SERIAL_EVERY_S = 1.0
# Other threads of this process get the interpreter no longer than this at a time while queries wait.
SWITCH_INTERVAL_S = 0.0005

_logger = get_logger("kdns")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The command line's part of the configuration."""

    corefile: str
    default_port: int = 53
    memory_bytes: int = 60 << 20  # what the process should stay under


class ServerProcess:
    """Runs until SIGTERM or SIGINT; SIGUSR1 reads the Corefile again."""

    def __init__(self, settings: Settings, seat: Seat | None = None) -> None:
        self._settings = settings
        self._seat = seat
        self._registry = Registry()
        self._rng: Random = SystemRandom()
        self._fast_rng = Random(self._rng.getrandbits(64))
        self._secret = os.urandom(32)
        self._listeners: dict[Place, Listener] = {}
        self._crowd = Crowd(connection_limit())
        self._http = HttpServers()
        self._configuration: Configuration | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._late: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._reload_now = asyncio.Event()
        self._serial_waits = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._panics = self._registry.counter(
            "coredns_panics_total", "A metrics that counts the number of panics."
        )
        self._hashes = self._registry.gauge(
            "coredns_reload_version_info",
            "A metric with labels hash and value for the running Corefile.",
            "hash",
            "value",
        )
        self._reload_failures = self._registry.counter(
            "coredns_reload_failed_total", "Counter of the number of failed reload attempts."
        )
        self._reload_failures.add(0)
        watch_process(self._registry)
        self._collectors = list(self._registry.collectors)

    async def run(self) -> None:
        """Raises CorefileError for a bad Corefile, OSError for an address that cannot be had."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        self._loop.add_signal_handler(signal.SIGUSR1, self._reload_now.set)
        seat = self._seat
        if seat is not None and seat.is_first:
            self._registry.others = seat.others
        elif seat is not None:
            self._loop.add_reader(seat.fileno(), seat.answer, self._registry)
        configuration = self._load(self._read())
        try:
            await self._take(configuration)
            in_use = (replace(place, port=held.port).text for place, held in self._listeners.items())
            http = {"http": ",".join(self._http.in_use)} if self._http.in_use else {}
            _logger.info("serving", addresses=",".join(in_use), **http, pid=os.getpid())
            await self._until_stopped()
        finally:
            await self._end()

    def _read(self) -> str:
        path = self._settings.corefile
        if path == "stdin":
            return sys.stdin.read()
        return Path(path).read_text()

    def _load(self, text: str) -> Configuration:
        path = self._settings.corefile
        parsed = parse(
            text,
            file=os.path.basename(path),
            environment=os.environ,
            importer=disk.importer(os.path.dirname(path) or "."),
            default_port=self._settings.default_port,
        )
        world = World(
            clock=time.monotonic,
            now=time.time,
            rng=self._fast_rng,
            read_text=disk.read_text,
            lookup=host_addresses,
            resolve=self._resolve,
            invalidate=self._invalidate,
            local_ips=self._local_ips,
            log=_logger.log,
            schedule=self._schedule,
            hostname=socket.gethostname(),
            secret=self._secret,
            registry=self._registry,
            is_first=self._seat is None or self._seat.is_first,
        )
        found = assemble(parsed, world, text=text, addresses_of=disk.interface_addresses)
        if not world.is_first:  # the first worker serves HTTP, and puts away what was set up
            world.routes.clear()
            world.cleanup.clear()
        return found

    async def _take(self, new: Configuration) -> None:
        """Make a configuration the one that answers. On an error the old one stays as it was."""
        world = new.world
        tasks = [self._begin_task(task) for task in world.tasks if not task.asks_us]
        opened: dict[Place, Listener] = {}
        try:
            await asyncio.gather(*(start() for start in world.startup))
            for place, router in new.routers.items():
                if place not in self._listeners:
                    opened[place] = await listen(place, new, self._crowd, partial(self._responder, router))
                    opened[place].datagrams.router = opened[place].streams.router = router
            await self._http.take(world.routes)
        except BaseException:
            for task in tasks:
                task.cancel()
            for listener in opened.values():
                listener.close()
            raise
        self._listeners.update(opened)
        for place in [place for place in self._listeners if place not in new.routers]:
            self._listeners.pop(place).close()
        old_tasks, self._tasks = self._tasks, tasks
        # Collectors of the former handlers go with them.
        self._registry.collectors[:] = [*self._collectors, self._settle, *world.collectors]
        self._hashes.values.clear()
        self._hashes.set(1, "sha512", hashlib.sha512(new.text.encode()).hexdigest())
        self._configuration = new
        for place, listener in self._listeners.items():
            for responder in (listener.datagrams, listener.streams):
                responder.take(new.routers[place])
        fit_memory(self._responders(), self._settings.memory_bytes)
        for listener in opened.values():
            if listener.udp is not None:
                listener.udp.start()
        for notice in world.notices:
            _logger.warning(notice)
        tasks += [self._begin_task(task) for task in world.tasks if task.asks_us]
        if old_tasks:
            await asyncio.sleep(0)
            for task in old_tasks:
                task.cancel()

    def _begin_task(self, task: Task) -> asyncio.Task[None]:
        return asyncio.ensure_future(self._keep_running(task))

    async def _keep_running(self, task: Task) -> None:
        """A handler's own work; when it breaks it is said and begun again."""
        while True:
            try:
                await task.run()
            except asyncio.CancelledError:
                raise
            except Exception as problem:
                _logger.error(
                    "background work failed, it starts again", plugin=task.name, error=repr(problem)
                )
                await asyncio.sleep(1.0)
            else:
                return

    def _responder(self, router: Router, proto: str) -> Responder:
        return Responder(
            router,
            proto=proto,
            clock=time.monotonic,
            rng=self._fast_rng,
            schedule=self._schedule,
            panicked=self._panicked,
        )

    async def _until_stopped(self) -> None:
        """Look for a changed Corefile until told to stop."""
        digest = self._digest()
        while not self._stopping.is_set():
            assert self._configuration is not None
            world = self._configuration.world
            wait_s = None
            if world.reload_every_s:
                wait_s = world.reload_every_s + (self._fast_rng.random() - 0.5) * world.reload_jitter_s
            stop = asyncio.ensure_future(self._stopping.wait())
            now = asyncio.ensure_future(self._reload_now.wait())
            await asyncio.wait((stop, now), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            now.cancel()
            if self._stopping.is_set():
                return
            forced = self._reload_now.is_set()
            self._reload_now.clear()
            current = self._digest()
            if forced or current != digest:
                digest = current
                await self._reload()

    def _digest(self) -> str:
        with contextlib.suppress(OSError):
            if self._settings.corefile != "stdin":
                return hashlib.sha512(self._read().encode()).hexdigest()
        return ""

    async def _reload(self) -> None:
        try:
            await self._take(self._load(self._read()))
        except (CorefileError, OSError) as problem:
            self._reload_failures.add(1)
            _logger.error("the Corefile was not taken, the former one stays", error=problem)
        else:
            _logger.info("the Corefile was read again")

    async def _end(self) -> None:
        """Lame duck, then close. Answers on their way are waited for."""
        configuration = self._configuration
        if configuration is not None:
            self._http.stop("/ready")
            if configuration.world.lameduck_s:
                _logger.info("shutting down", lameduck_s=configuration.world.lameduck_s)
                await asyncio.sleep(configuration.world.lameduck_s)
        for listener in self._listeners.values():
            listener.close()
        if self._late:
            await asyncio.wait(self._late, timeout=2.0)
        self._http.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for clean in configuration.world.cleanup if configuration is not None else ():
            try:
                clean()
            except OSError as problem:
                _logger.error("could not clean up", error=problem)

    def _schedule(self, awaited: Awaitable[Response], done: Callable[[Response], None]) -> None:
        """Called from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._begin, awaited, done)

    def _begin(self, awaited: Awaitable[Response], done: Callable[[Response], None]) -> None:
        task = asyncio.ensure_future(self._finish(awaited, done))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _finish(self, awaited: Awaitable[Response], done: Callable[[Response], None]) -> None:
        try:
            response = await awaited
        except Exception as problem:
            self._panicked(problem)
            response = failed("", "internal error")
        done(response)

    def _panicked(self, problem: BaseException) -> None:
        self._panics.add(1)
        _logger.error("a handler failed", error=repr(problem))

    def _resolve(self, request: Request) -> Result:
        """A handler's own question, answered by the blocks of the server it came from, or of any."""
        if request.depth > MAX_REENTRIES:
            return failed("", "too many questions in turn: do aliases form a circle?")
        assert self._configuration is not None
        routers = self._configuration.routers
        router = next((one for one in routers.values() if one.server == request.server), None)
        return (router or next(iter(routers.values()))).answer(request)

    def _responders(self) -> list[tuple[Responder, Responder]]:
        return [(one.datagrams, one.streams) for one in self._listeners.values()]

    def _invalidate(self, keys: frozenset[str]) -> None:
        """Forget the answers made from what changed. What shows the zone's serial follows within a second."""
        if "all" in keys:
            fit_memory(self._responders(), self._settings.memory_bytes)
        for pair in self._responders():
            for responder in pair:
                if "all" in keys:
                    responder.forget()
                else:
                    responder.invalidate(keys)
        if not self._serial_waits and self._loop is not None and "serial" not in keys:
            self._serial_waits = True
            self._loop.call_later(SERIAL_EVERY_S, self._serial_changed)

    def _serial_changed(self) -> None:
        self._serial_waits = False
        self._invalidate(frozenset(("serial",)))

    def _settle(self) -> None:
        for pair in self._responders():
            for responder in pair:
                responder.settle()

    def _local_ips(self) -> tuple[str, ...]:
        hosts = [place.host for place in (self._configuration.routers if self._configuration else ())]
        if "" in hosts or not hosts:
            return disk.own_addresses()
        from ipaddress import ip_address

        return tuple(host for host in hosts if not ip_address(host).is_loopback)
