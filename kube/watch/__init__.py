"""Mirrors of the API's objects and the queues that work on their changes."""

from kube.watch.backoff import Backoff
from kube.watch.informer import Informer
from kube.watch.queue import WorkQueue
from kube.watch.running import running

__all__ = ["Backoff", "Informer", "WorkQueue", "running"]
