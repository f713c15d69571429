"""Following etcd's watch: live and for ever, or from an old revision up to where the live one is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from kube.store.contract import Change, Compacted, Unavailable
from kube.store.etcd import wire
from kube.store.etcd.cluster_drive import Cluster
from kube.store.etcd.feed import Feed
from kube.store.etcd.gateway_socket import Lines
from kube.store.etcd.options import Keyspace
from kube.store.etcd.progress import Progress
from kube.store.etcd.wire import EtcdError, WatchAnswer

_log = logging.getLogger(__name__)

CHECK_PERIOD_S = 10.0
LATE_S = 2.0  # behind etcd's word that a revision is there
GIVE_UP_S = 10.0
LINE_TIMEOUT_S = 5.0  # of history, which etcd has at hand
HISTORY_ATTEMPTS = 5


class Follower:
    """The live watch. `deliver` gets the changes; `resync` closes a gap whose history is compacted."""

    def __init__(
        self,
        cluster: Cluster,
        feed: Feed,
        deliver: Callable[[Sequence[Change]], None],
        resync: Callable[[], Awaitable[None]],
    ) -> None:
        self.progress = Progress(feed.revision)
        self.feed = feed
        self._cluster = cluster
        self._deliver = deliver
        self._resync = resync
        self._lines: Lines | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._follow()
            except Compacted as gone:
                _log.warning(
                    "the watch missed changes that are compacted (%s): reading everything anew", gone
                )
                await self._close_gap()
            except Unavailable:
                pass  # said, and waited for, by the cluster
            except Exception:
                _log.exception("a watch of the store failed")

    async def _follow(self) -> None:
        endpoint, lines = await self._cluster.follow(wire.watch_request(self.feed.revision + 1))
        self.feed.restart()
        self._lines = lines
        try:
            async with lines:
                while True:
                    answer = await _next(lines, self.feed.revision + 1)
                    if answer.created:
                        await readable(self._cluster, self.feed.revision)
                    self._take(answer)
        except (OSError, EtcdError) as error:
            self._cluster.failed(endpoint, error)
        finally:
            self._lines = None

    def _take(self, answer: WatchAnswer) -> None:
        changes = self.feed.take(answer)
        try:
            if changes:
                self._deliver(changes)
        finally:
            self.progress.advance(self.feed.revision)

    async def _close_gap(self) -> None:
        try:
            await self._resync()
        except (Unavailable, Compacted, EtcdError) as error:
            _log.warning("reading everything anew failed: %s; trying again", error)
            await asyncio.sleep(1)

    async def watch_over(self) -> None:
        """Until cancelled: a watch that keeps silent though etcd goes on is given up for another server's."""
        while True:
            await asyncio.sleep(CHECK_PERIOD_S)
            before = self.progress.revision
            try:
                newest = await newest_revision(self._cluster)
            except (Unavailable, EtcdError) as error:
                _log.warning("etcd does not answer: %s", error)
                continue
            try:
                await self.reach(newest, before)
            except Unavailable as error:
                _log.error("%s", error)

    async def reach(self, revision: int, before: int) -> None:
        """Until the revision, which etcd said it is at, is delivered. A watch that is late is begun anew.

        `before` is the revision that was delivered here when etcd was asked. Raises Unavailable.
        """
        if revision < before:
            raise Unavailable(
                f"etcd went back from revision {before} to {revision}: it was restored from an old backup; "
                "restart every API server on it"
            )
        if await self.progress.reach(revision, LATE_S):
            return
        if self._lines is not None:
            self._lines.give_up(f"revision {revision} did not come through the watch within {LATE_S:g} s")
        if not await self.progress.reach(revision, GIVE_UP_S):
            raise Unavailable(
                f"etcd is at revision {revision}, its watch keeps silent behind {self.progress.revision}"
            )


async def _next(lines: Lines, start: int) -> WatchAnswer:
    """The next answer; raises Compacted, EtcdError, ConnectionResetError."""
    line = await lines.next()
    if lines.reader.status != 200:
        raise wire.failure(lines.reader.status, line)
    message = wire.decode_watch(line)
    if message.error is not None:
        raise EtcdError(wire.UNAVAILABLE, message.error.message)
    answer = message.result or WatchAnswer()
    if answer.compact_revision:
        raise Compacted(start, answer.compact_revision)
    if answer.canceled:
        raise ConnectionResetError(answer.cancel_reason or "the server cancelled the watch")
    return answer


async def newest_revision(cluster: Cluster) -> int:
    """What no server is ahead of: a read that a quorum confirms."""
    return wire.decode_range(
        await cluster.ask(wire.RANGE, wire.range_request(b"\0", keys_only=True))
    ).header.revision


async def readable(cluster: Cluster, revision: int) -> None:
    """Raises Compacted when history behind the revision is not whole any more."""
    request = wire.range_request(b"\0", revision=max(revision, 1), keys_only=True)
    try:
        await cluster.ask(wire.RANGE, request)
    except EtcdError as error:
        if error.compacted:
            raise Compacted(revision, await _compact_revision(cluster)) from error
        if not error.future:  # a server that lags behind will get there
            raise


async def oldest_revision(cluster: Cluster) -> int:
    """The revision etcd is compacted up to, 0 for never."""
    try:
        await readable(cluster, 0)
    except Compacted as gone:
        return gone.oldest
    return 0


async def _compact_revision(cluster: Cluster) -> int:
    """Only a watch from before it is told the number."""
    _, lines = await cluster.follow(wire.watch_request(1))
    try:
        async with lines, asyncio.timeout(LINE_TIMEOUT_S):
            while True:
                await _next(lines, 1)
    except Compacted as gone:
        return gone.oldest
    except (OSError, TimeoutError, EtcdError) as error:
        raise Unavailable(f"etcd does not say up to where it is compacted: {error}") from error


async def catch_up(
    cluster: Cluster,
    keyspace: Keyspace,
    after: int,
    live: Progress,
    deliver: Callable[[Sequence[Change]], None],
) -> int:
    """Deliver what happened behind `after` until as far as the live watch; returns the last revision, at once.

    Raises Compacted, Unavailable.
    """
    feed = Feed(keyspace, after)
    for _ in range(HISTORY_ATTEMPTS):
        endpoint, lines = await cluster.follow(wire.watch_request(feed.revision + 1, prev_kv=True))
        feed.restart()
        try:
            async with lines:
                await _read_until(lines, feed, live, deliver)
                await readable(cluster, after)  # else something between was compacted before it was sent
                await _read_until(lines, feed, live, deliver)
                return feed.revision
        except TimeoutError as error:
            await readable(cluster, after)
            cluster.failed(endpoint, error)
        except (OSError, EtcdError) as error:
            cluster.failed(endpoint, error)
    raise Unavailable(f"etcd does not tell what happened behind revision {feed.revision}")


async def _read_until(
    lines: Lines, feed: Feed, live: Progress, deliver: Callable[[Sequence[Change]], None]
) -> None:
    """Deliver until the feed is where the live watch is by then; raises what _next does, and TimeoutError."""
    while feed.revision < live.revision:
        async with asyncio.timeout(LINE_TIMEOUT_S):
            answer = await _next(lines, feed.revision + 1)
        changes = feed.take(answer)
        if changes:
            deliver(changes)
