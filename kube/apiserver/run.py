"""The server put together: store, cache, bootstrap objects, upkeep, listener."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from random import Random, SystemRandom
from typing import NamedTuple

from kube.apiserver.access.authentication import Authenticator, KnownTokens, parse_token_file
from kube.apiserver.access.authorizers import authorizers
from kube.apiserver.access.bootstrap_tokens import BootstrapTokens
from kube.apiserver.access.bound_tokens import BoundTokens
from kube.apiserver.access.tokens import TokenSigner
from kube.apiserver.aggregation.availability_drive import Availability
from kube.apiserver.aggregation.own_drive import OwnServices, trust
from kube.apiserver.aggregation.services import Extensions
from kube.apiserver.computed.resource_metrics.socket import fetch_from_nodes
from kube.apiserver.computed.resource_metrics.summaries import NodeSummaries
from kube.apiserver.core import ApiServer
from kube.apiserver.customresources.catalog import Catalog
from kube.apiserver.customresources.drive import DefinitionUpkeep
from kube.apiserver.dynamic_admission.registrations import Registrations
from kube.apiserver.kinds.services import ServiceAllocator
from kube.apiserver.metrics import ServerMetrics
from kube.apiserver.outbound.calls import Caller, Silent
from kube.apiserver.outbound.socket import Callouts
from kube.apiserver.serving import serve
from kube.apiserver.state import Api, Settings, Turns
from kube.apiserver.upkeep import bootstrap
from kube.apiserver.upkeep.retention import EventExpiry, compact, forget
from kube.apiserver.upkeep.servers import Servers
from kube.apiserver.verbs import allocation
from kube.certs import Pki
from kube.store import Store
from kube.store.cache import WatchCache
from kube.store.disk import SqliteStore
from kube.store.etcd.options import EtcdOptions
from kube.store.memory import MemoryStore
from kube.store.timed import TimedStore


class ServerOptions(NamedTuple):
    """What the command line says beyond Settings.

    Objects are kept in etcd where it is given, else in `data_dir`, else (None) in memory.
    """

    data_dir: Path | None
    fsync: str = "full"
    token_auth_file: Path | None = None
    compaction_interval_s: float = 300.0
    etcd: EtcdOptions | None = None


async def open_api(
    store: Store,
    settings: Settings,
    *,
    signer: TokenSigner | None = None,
    summaries: NodeSummaries | None = None,
    clock: Callable[[], float] = time.time,
    rng: Random | None = None,
    alone: bool = True,
    callouts: Caller | None = None,
    extension_calls: Caller | None = None,
) -> Api:
    """The handlers' state on a store, bootstrap objects made; `alone`: no other server writes to the store."""
    metrics = ServerMetrics()
    store = TimedStore(store, metrics.observe_store)
    watch_cache = WatchCache(store)
    await watch_cache.start()
    rng = rng or SystemRandom()
    allocator = ServiceAllocator(settings.service_cidrs, settings.node_ports, rng=rng)
    allocation.follow(watch_cache, allocator)
    catalog = Catalog()
    catalog.follow(watch_cache)
    authorizer, policy = authorizers(settings.authorization_modes, watch_cache)
    registrations = Registrations(settings.disabled_admission)
    registrations.follow(watch_cache)
    extensions = Extensions()
    extensions.follow(watch_cache)
    api = Api(
        store=store,
        cache=watch_cache,
        clock=clock,
        rng=rng,
        settings=settings,
        allocator=allocator,
        authorizer=authorizer,
        metrics=metrics,
        catalog=catalog,
        turns=Turns(),
        signer=signer,
        tokens=BoundTokens(signer, watch_cache) if signer is not None else None,
        policy=policy,
        summaries=summaries,
        registrations=registrations,
        callouts=callouts or Silent(),
        extensions=extensions,
        extension_calls=extension_calls or Silent(),
    )
    await bootstrap.ensure(api)
    if alone:
        await bootstrap.point_to(api, [settings.advertise_address])
    return api


@asynccontextmanager
async def in_memory(
    settings: Settings | None = None,
    *,
    clock: Callable[[], float] = time.time,
    rng: Random | None = None,
    store: Store | None = None,
    callouts: Caller | None = None,
    extension_calls: Caller | None = None,
) -> AsyncIterator[ApiServer]:
    """A server without socket and file, for tests; it calls nobody but through what it is given."""
    kept = store or MemoryStore()
    api = await open_api(
        kept,
        settings or Settings(),
        clock=clock,
        rng=rng,
        callouts=callouts,
        extension_calls=extension_calls,
    )
    upkeep = asyncio.ensure_future(DefinitionUpkeep(api).run())
    try:
        yield ApiServer(api)
    finally:
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)
        api.cache.stop()
        await kept.close()


@asynccontextmanager
async def serving(
    pki: Pki, listening: socket.socket, settings: Settings, options: ServerOptions
) -> AsyncIterator[ApiServer]:
    """Serve over TLS on the socket until the block ends. Raises OSError, StoreError, ValueError."""
    signer = TokenSigner(pki.service_account_key.read_bytes())
    tokens = parse_token_file(options.token_auth_file.read_text()) if options.token_auth_file else {}
    store = await _open_store(options)
    try:
        node_tls, monotonic = _node_tls(pki), asyncio.get_running_loop().time
        summaries = NodeSummaries(fetch_from_nodes(node_tls), monotonic)
        callouts = Callouts()
        proxy_files = str(pki.certificate("front-proxy-client")), str(pki.key("front-proxy-client"))
        extension_calls = Callouts(*proxy_files)
        api = await open_api(
            store,
            settings,
            signer=signer,
            summaries=summaries,
            alone=options.etcd is None,
            callouts=callouts,
            extension_calls=extension_calls,
        )
        known = KnownTokens(tokens, BootstrapTokens(api.cache))
        api = api._replace(known_tokens=known)
        server = ApiServer(api)
        authenticator = Authenticator(known, api.tokens)
        front = serve.Front(server, authenticator, node_tls, api.clock, extension_calls.tls)
        listener = serve.Listener(front)
        tls = serve.server_tls(str(pki.certificate("server")), str(pki.key("server")), str(pki.ca))
        await listener.start(listening, tls)
        # Servers that share an etcd take turns in compacting it; its store does that.
        tidy = forget if options.etcd is not None else compact
        upkeep = [
            asyncio.ensure_future(tidy(api, options.compaction_interval_s)),
            asyncio.ensure_future(EventExpiry(api).run()),
            asyncio.ensure_future(DefinitionUpkeep(api).run()),
            asyncio.ensure_future(OwnServices(api, trust(pki.ca, pki.front_proxy_ca)).run()),
            asyncio.ensure_future(Availability(api).run()),
        ]
        if options.etcd is not None:
            upkeep.append(asyncio.ensure_future(Servers(api, monotonic).run()))
        try:
            yield server
        finally:
            for task in upkeep:
                task.cancel()
            await listener.stop()
            callouts.close()
            extension_calls.close()
            await asyncio.gather(*upkeep, return_exceptions=True)
            api.cache.stop()
    finally:
        await store.close()


async def _open_store(options: ServerOptions) -> Store:
    if options.etcd is not None:
        from kube.store.etcd.drive import EtcdStore

        return await EtcdStore.open(options.etcd)
    if options.data_dir is not None:
        return await SqliteStore.open(options.data_dir / "state.db", fsync=options.fsync)
    return MemoryStore()


def _node_tls(pki: Pki) -> Callable[[], ssl.SSLContext]:
    """Loaded with the first exec, not at start."""

    @cache
    def context() -> ssl.SSLContext:
        name = "kubelet-client"
        return serve.node_tls(str(pki.certificate(name)), str(pki.key(name)), str(pki.ca))

    return context
