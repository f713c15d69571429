"""The sockets of one forward line, opened when first needed and closed with the configuration."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from dns.upstream.targets import Target

if TYPE_CHECKING:
    import asyncio
    import ssl

    from dns.handlers.forward_options import Options
    from dns.upstream.https_socket import HttpsUpstream
    from dns.upstream.quick_socket import Done, QuickAsker
    from dns.upstream.socket import Upstream


class ExchangeFailed(Exception):
    """A server gave no answer; the text says which and how."""


class Pool:
    """One `Upstream` per target. asyncio and ssl are loaded with the first question."""

    failures: tuple[type[Exception], ...] = (ExchangeFailed,)

    def __init__(self, options: Options, targets: Sequence[Target]) -> None:
        self._options = options
        self._targets = tuple(targets)
        self._upstreams: list[Upstream | HttpsUpstream | None] = [None] * len(targets)
        self._background: set[asyncio.Task[None]] = set()
        self._quick: tuple[QuickAsker | None, ...] = (None,) * len(targets)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def exchange(self, index: int, packet: bytes, *, stream: bool) -> bytes:
        from dns.upstream.socket import UpstreamError

        upstream = self._upstreams[index]
        if upstream is None:
            upstream = self._upstreams[index] = self._open(self._targets[index])
        try:
            return await upstream.exchange(packet, stream=stream)
        except UpstreamError as problem:
            raise ExchangeFailed(str(problem)) from problem

    def soon(self, work: Callable[[], None]) -> None:
        """Have work done in the event loop; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(work)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        import asyncio

        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def ask_quickly(self, index: int, packet: bytes, done: Done) -> bool:
        """One attempt over UDP from any thread; False when it must be `exchange`."""
        quick = self._quick[index]
        return quick is not None and quick.ask(packet, done)

    @property
    def quick_count(self) -> int:
        """Questions that are on their way."""
        return sum(one.in_flight_count for one in self._quick if one is not None)

    async def _keep_quick(self) -> None:
        """Have quick sockets for the servers that are asked over UDP; until cancelled."""
        import asyncio

        options = self._options
        if options.force_tcp or options.source_address:
            return
        from dns.upstream.quick_socket import QuickAsker

        self._quick = tuple(
            QuickAsker(target, expire_s=options.expire_s, read_timeout_s=options.read_timeout_s)
            if target.transport == "dns"
            else None
            for target in self._targets
        )
        async with asyncio.TaskGroup() as group:
            for one in self._quick:
                if one is not None:
                    group.create_task(one.run())

    def counts(self) -> list[tuple[str, str, int, int]]:
        """Server, protocol, questions on a socket that was open, questions that opened one."""
        found = []
        for upstream in self._upstreams:
            if upstream is not None:
                found += [
                    (upstream.target.text, proto, upstream.hits[proto], upstream.misses[proto])
                    for proto in upstream.hits
                    if upstream.hits[proto] or upstream.misses[proto]
                ]
        for quick in self._quick:
            if quick is not None and (quick.asked_count or quick.opened_count):
                found.append((quick.target.text, "udp", quick.asked_count, quick.opened_count))
        return found

    async def run(self) -> None:
        """Wait to be cancelled, then close everything."""
        import asyncio

        self._loop = asyncio.get_running_loop()
        try:
            await self._keep_quick()
            await asyncio.Event().wait()
        finally:
            for task in list(self._background):
                task.cancel()
            for upstream in self._upstreams:
                if upstream is not None:
                    await upstream.close()

    def _open(self, target: Target) -> Upstream | HttpsUpstream:
        options = self._options
        if target.transport == "https":
            from dns.upstream.https_socket import HttpsUpstream

            return HttpsUpstream(
                target,
                self._tls("http/1.1"),
                method=options.doh_method,
                expire_s=options.expire_s,
                read_timeout_s=options.read_timeout_s,
                max_idle_count=options.max_idle_count,
                source_address=options.source_address,
            )
        from dns.upstream.socket import Upstream

        return Upstream(
            target,
            expire_s=options.expire_s,
            read_timeout_s=options.read_timeout_s,
            max_age_s=options.max_age_s,
            tls=self._tls() if target.transport == "tls" else None,
            source_address=options.source_address,
        )

    def _tls(self, *protocols: str) -> ssl.SSLContext:
        """CoreDNS's meaning of `tls`: one word is the CA, two are certificate and key, three are all."""
        import ssl

        files = self._options.tls or ()
        authority = files[0] if len(files) == 1 else files[2] if len(files) == 3 else None
        context = ssl.create_default_context(cafile=authority)
        if len(files) >= 2:
            context.load_cert_chain(files[0], files[1])
        if protocols:
            context.set_alpn_protocols(protocols)
        return context
