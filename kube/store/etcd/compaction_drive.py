"""Compaction every now and then, by the server whose turn it is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kube.store.contract import StoreError
from kube.store.etcd import wire
from kube.store.etcd.cluster_drive import Cluster
from kube.store.etcd.compaction import KEY, Look, Step, lost, won
from kube.store.etcd.wire import EtcdError

_log = logging.getLogger(__name__)


async def compact_periodically(
    cluster: Cluster, compact: Callable[[int], Awaitable[None]], period_s: float
) -> None:
    """Until cancelled; failures wait for the next period."""
    look = Look()
    while True:
        await asyncio.sleep(period_s)
        try:
            look, bound = await claim(cluster, look)
            if bound:
                await compact(bound)
                _log.info("compacted etcd up to revision %d", bound)
        except (StoreError, EtcdError) as error:
            _log.warning("etcd was not compacted: %s; next attempt in %g s", error, period_s)


async def claim(cluster: Cluster, look: Look) -> Step:
    """Try to take the turn behind the last one seen."""
    request = wire.claim_request(KEY, look.version, b"%d" % look.revision)
    answer = wire.decode_txn(await cluster.ask(wire.TXN, request, repeatable=False))
    newest = answer.header.revision
    if answer.succeeded:
        return won(look, newest)
    found = answer.responses[0].response_range if answer.responses else None
    return lost(found.kvs[0].version if found is not None and found.kvs else 0, newest)
