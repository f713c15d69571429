"""The sockets of one forward line, opened when first needed and closed with the configuration."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from dns.upstream.targets import Target

if TYPE_CHECKING:
    import asyncio
    import ssl

    from dns.handlers.forward import Options
    from dns.upstream.socket import Upstream


class ExchangeFailed(Exception):
    """A server gave no answer; the text says which and how."""


class Pool:
    """One `Upstream` per target. asyncio and ssl are loaded with the first question."""

    failures: tuple[type[Exception], ...] = (ExchangeFailed,)

    def __init__(self, options: Options, targets: Sequence[Target]) -> None:
        self._options = options
        self._targets = tuple(targets)
        self._upstreams: list[Upstream | None] = [None] * len(targets)
        self._background: set[asyncio.Task[None]] = set()

    async def exchange(self, index: int, packet: bytes, *, stream: bool) -> bytes:
        from dns.upstream.socket import UpstreamError

        upstream = self._upstreams[index]
        if upstream is None:
            upstream = self._upstreams[index] = self._open(self._targets[index])
        try:
            return await upstream.exchange(packet, stream=stream)
        except UpstreamError as problem:
            raise ExchangeFailed(str(problem)) from problem

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        import asyncio

        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def run(self) -> None:
        """Wait to be cancelled, then close everything."""
        import asyncio

        try:
            await asyncio.Event().wait()
        finally:
            for task in list(self._background):
                task.cancel()
            for upstream in self._upstreams:
                if upstream is not None:
                    await upstream.close()

    def _open(self, target: Target) -> Upstream:
        from dns.upstream.socket import Upstream

        options = self._options
        return Upstream(
            target,
            expire_s=options.expire_s,
            read_timeout_s=options.read_timeout_s,
            tls=self._tls() if target.transport == "tls" else None,
            source_address=options.source_address,
        )

    def _tls(self) -> ssl.SSLContext:
        """CoreDNS's meaning of `tls`: one word is the CA, two are certificate and key, three are all."""
        import ssl

        files = self._options.tls or ()
        authority = files[0] if len(files) == 1 else files[2] if len(files) == 3 else None
        context = ssl.create_default_context(cafile=authority)
        if len(files) >= 2:
            context.load_cert_chain(files[0], files[1])
        return context
