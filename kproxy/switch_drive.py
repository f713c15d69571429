"""A changed configuration takes effect while traffic passes: the new backend is complete before the old one's rules go."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from kproxy.backends.registry import BACKENDS, Backend, BackendError, Entry, clean_beside
from kproxy.configuration import config_disk
from kproxy.configuration.config import ConfigError, Configuration
from kproxy.configuration.validation import validate
from kproxy.drive import Proxy
from kproxy.forwarding import ForwardingTable
from kproxy.translations_socket import KeptTranslations
from linux.inotify import FileWatch
from linux.logging_kv import get_logger

_log = get_logger("kproxy.switch")
_QUIET_S = 0.05  # several writes of one change are read once
_DRAIN_MAX_S = 3600.0
_DRAIN_LOOK_S = 0.5
_KEPT_LOOK_S = 30.0
_WITHOUT_TRANSLATIONS = ("userspace",)

Load = Callable[[], Configuration]
Make = Callable[[Configuration], dict[int, Backend]]
Attend = Callable[[Mapping[int, Backend]], Awaitable[None]]
LetGo = Callable[[int, ForwardingTable], None]
# Bound at the start: they hold until the next one.
_AT_START = (
    "client_connection",
    "hostname_override",
    "healthz_bind_address",
    "metrics_bind_address",
    "bind_address_hard_fail",
    "conntrack",
    "oom_score_adj",
)


@runtime_checkable
class Draining(Protocol):
    """A backend whose connections end with it."""

    def drain(self) -> None:
        """Take no new ones."""

    @property
    def connection_count(self) -> int: ...


def needs_restart(old: Configuration, new: Configuration) -> tuple[str, ...]:
    """The changed fields that only a new start takes up."""
    return tuple(name for name in _AT_START if getattr(old, name) != getattr(new, name))


class Switch:
    """Owns the backends of a running proxy. `attend` runs beside them (monitor, counters) until they change.

    `let_go` of one family: what connection tracking holds of a mode that relayed datagrams is to be translated now.
    """

    def __init__(
        self,
        proxy: Proxy,
        backends: dict[int, Backend],
        *,
        make: Make,
        attend: Attend,
        let_go: LetGo = lambda _family, _table: None,
        entries: Sequence[Entry] = BACKENDS,
    ) -> None:
        self._proxy = proxy
        self.backends = backends
        self._make = make
        self._attend = attend
        self._let_go = let_go
        self._entries = entries
        self._cleaning = threading.Lock()  # a mode's rules are not removed while it is being taken up
        self._changed = asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def mode(self) -> str:
        return next(iter(self.backends.values())).name

    async def run(self) -> None:
        """Attends to whichever backends serve, until cancelled."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as tasks:
                attending = tasks.create_task(_as_coroutine(self._attend(self.backends)))
                await self._changed.wait()
                attending.cancel()

    async def follow(self, path: str, load: Load | None = None) -> None:
        """Take up each change of the configuration file; one that cannot be right is said and passed over."""
        watch = FileWatch(path)
        told = asyncio.Event()
        loop = asyncio.get_running_loop()

        def heard() -> None:
            watch.drain()
            told.set()

        loop.add_reader(watch.fileno(), heard)
        text = _text(path)
        try:
            while True:
                await told.wait()
                await asyncio.sleep(_QUIET_S)
                told.clear()
                now = _text(path)
                if now is None or now == text:
                    continue
                text = now
                self.take_up(load or (lambda: config_disk.load(path)))
        finally:
            loop.remove_reader(watch.fileno())
            watch.close()

    def take_up(self, load: Load) -> None:
        """What fails leaves everything as it was."""
        try:
            config = load()
            validate(config)
            late = needs_restart(self._proxy.config, config)
            if late:
                _log.warning("these fields count from the next start on", fields=",".join(late))
            if config.effective_mode == self._proxy.config.effective_mode:
                self._proxy.reconfigure(config)
                _log.info("configuration taken up", mode=self.mode)
                return
            self._switch(config)
        except (ConfigError, BackendError, OSError) as error:
            _log.error("the changed configuration is not taken up", error=str(error))

    def _switch(self, config: Configuration) -> None:
        made = self._make(config)
        old, mode = self.backends, self.mode
        if next(iter(made.values())).name == mode:
            for backend in made.values():
                backend.close()
            self._proxy.reconfigure(config)
            return
        with self._cleaning:
            try:
                self._proxy.switch(config, made)
            except (BackendError, OSError):
                for backend in made.values():
                    backend.close()
                raise
            self.backends = made
        self._changed.set()
        self._release(old)
        _log.info("proxy mode switched", before=mode, now=self.mode)
        task = asyncio.ensure_future(self._retire(old, self.mode))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _release(self, old: Mapping[int, Backend]) -> None:
        for family, backend in old.items():
            if backend.name in _WITHOUT_TRANSLATIONS:
                self._let_go(family, self._proxy.intake.tables[family])

    async def _retire(self, old: Mapping[int, Backend], mode: str) -> None:
        """Connections that end with their backend may end first; rules go at once, they would only grow stale."""
        draining = [backend for backend in old.values() if isinstance(backend, Draining)]
        try:
            for backend in draining:
                backend.drain()
            async with asyncio.timeout(_DRAIN_MAX_S):
                while any(backend.connection_count for backend in draining):  # noqa: ASYNC110 - the count is another thread's
                    await asyncio.sleep(_DRAIN_LOOK_S)
        except TimeoutError:
            _log.warning("connections of the old mode are ended", waited_s=_DRAIN_MAX_S)
        finally:
            for closing in old.values():
                closing.close()
            self._release(old)  # it may have answered datagrams until now
        if mode == self.mode:
            await self.clean_others()

    async def clean_others(self) -> None:
        """Remove the rules of all other modes; returns when nothing of them is needed, or after an hour."""
        mode = self.mode
        kept = self._keep_translations(self.backends) if mode in _WITHOUT_TRANSLATIONS else None
        try:
            for entry in self._entries:
                await asyncio.to_thread(self._clean, entry)
            if kept is not None:
                async with asyncio.timeout(_DRAIN_MAX_S):
                    while mode == self.mode and await asyncio.to_thread(kept.is_needed):  # noqa: ASYNC110 - as above
                        await asyncio.sleep(_KEPT_LOOK_S)
        except TimeoutError:
            _log.warning("connections of the old mode are translated no more", waited_s=_DRAIN_MAX_S)
        finally:
            if kept is not None:
                kept.close()

    def _clean(self, entry: Entry) -> None:
        with self._cleaning:
            try:
                clean_beside(entry, self.mode)
            except (BackendError, OSError) as error:
                _log.warning("rules of another mode stay", mode=entry.name, error=str(error))

    @staticmethod
    def _keep_translations(families: Iterable[int]) -> KeptTranslations | None:
        try:
            return KeptTranslations(families)
        except OSError as error:  # what cannot be used has translated nothing
            _log.debug("no nat chain is kept", error=str(error))
            return None

    async def close(self) -> None:
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for backend in self.backends.values():
            backend.close()


async def _as_coroutine(waited: Awaitable[None]) -> None:
    await waited


def _text(path: str) -> bytes | None:
    """None between two versions of the file."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return None
