"""kubectl logs."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable

from kube.objects import Pod
from nodeagent.logs.cri import Selection, parse_record, render
from nodeagent.logs.disk import LogFile
from nodeagent.pods.containers import container_named
from nodeagent.pods.drive import PodWorker
from nodeagent.pods.times import epoch
from nodeagent.runtime.records import ContainerRecord
from nodeagent.server.routes import LogOptions
from nodeagent.server.socket import Refused, WebSocket

_POLL_S = 0.05
_QUIET_POLL_S = 0.25


def chosen_run(worker: PodWorker, container: str, options: LogOptions) -> ContainerRecord:
    """The run whose log is asked for. Raises Refused in the words kubectl users know."""
    pod = worker.pod
    if container_named(pod, container) is None:
        raise Refused(400, "BadRequest", f"container {container} is not valid for pod {pod.metadata.name}")
    if options.previous:
        record = worker.runtime.previous(container)
        if record is None:
            text = f'previous terminated container "{container}" in pod "{pod.metadata.name}" not found'
            raise Refused(400, "BadRequest", text)
        return record
    record = worker.runtime.latest(container)
    if record is None:
        raise Refused(400, "BadRequest", _waiting_text(worker, pod, container))
    return record


def _waiting_text(worker: PodWorker, pod: Pod, container: str) -> str:
    waiting = worker.facts.waiting.get(container)
    reason = waiting.reason if waiting else "ContainerCreating"
    if reason in {"ErrImagePull", "ImagePullBackOff"}:
        reason = "trying and failing to pull image"
    return f'container "{container}" in pod "{pod.metadata.name}" is waiting to start: {reason}'


async def log_chunks(
    worker: PodWorker, record: ContainerRecord, options: LogOptions, gone: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The log's text; with follow until the run has ended or the reader is gone."""
    try:
        file = LogFile(record.log_path, options.tail_lines)
    except FileNotFoundError:
        return
    left_bytes = options.limit_bytes
    chosen = Selection(_since(options), options.timestamps, options.stream)
    try:
        while True:
            ended = not _still_runs(worker, record)
            text = _next_text(file, chosen)
            if left_bytes is not None:
                text, left_bytes = text[:left_bytes], left_bytes - len(text)
            if text:
                yield text
            if (left_bytes is not None and left_bytes <= 0) or gone():
                return
            if not file.more() and not file.replaced():
                if ended or not options.follow:
                    return
                await asyncio.sleep(_POLL_S if text else _QUIET_POLL_S)
    finally:
        file.close()


async def send_log(socket_: WebSocket, chunks: AsyncIterator[bytes], *, as_text: bool) -> None:
    """Over a WebSocket, a message a chunk; `as_text` is the base64 flavour."""
    async for chunk in chunks:
        if chunk:
            await socket_.send(base64.b64encode(chunk) if as_text else chunk)
    await socket_.close()


def _next_text(file: LogFile, chosen: Selection) -> bytes:
    records = (record for line in file.read() if (record := parse_record(line)))
    return b"".join(render(records, chosen))


def _still_runs(worker: PodWorker, record: ContainerRecord) -> bool:
    return any(each.id == record.id and each.exit is None for each in worker.runtime.containers)


def _since(options: LogOptions) -> float | None:
    if options.since_s is not None:
        return time.time() - options.since_s
    try:
        return epoch(options.since_time) if options.since_time else None
    except ValueError as error:
        raise Refused(400, "BadRequest", f"sinceTime: {error}") from error
