"""Pods that use more of the node's disk than they may: emptyDir's sizeLimit, limits of ephemeral-storage."""

import os
from collections.abc import Iterator

from kube.objects import Pod
from kube.scheduler.quantity import units
from nodeagent.places import Places
from nodeagent.runtime.records import PodRuntime


def excess(places: Places, pod: Pod, runtime: PodRuntime) -> str:
    """Why the pod has to leave, "" if it may stay. Reads folders, only of pods with such limits."""
    uid = pod.metadata.uid
    for volume in pod.spec.volumes:
        limit = volume.empty_dir.size_limit if volume.empty_dir else None
        on_disk = volume.empty_dir and volume.empty_dir.medium != "Memory"
        limit_bytes = units(str(limit)) if limit and on_disk else 0
        if limit_bytes and size_bytes(places.empty_dir(uid, volume.name)) > limit_bytes:
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    for container in pod.spec.containers:
        limit = container.resources.limits.get("ephemeral-storage")
        record = runtime.latest(container.name)
        if limit and record and record.running:
            used_bytes = size_bytes(places.writable_layer(uid, record.name, record.attempt))
            used_bytes += size_bytes(places.log_dir(uid, record.name))
            if used_bytes > units(str(limit)):
                return f'Container {container.name} exceeded its local ephemeral storage limit "{limit}". '
    return ""


def size_bytes(folder: str) -> int:
    """What the files below really take; 0 for what is absent."""
    return sum(_blocks(folder)) * 512


def _blocks(folder: str) -> Iterator[int]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield entry.stat(follow_symlinks=False).st_blocks
                    if entry.is_dir(follow_symlinks=False):
                        yield from _blocks(entry.path)
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return
