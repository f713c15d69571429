"""The pages of the metrics server, as kube-proxy has them (v1.36); /debug only with enableProfiling."""

import asyncio
import gc
import html
import json
import platform
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from kproxy.configuration.config import Configuration
from kproxy.configuration.defaults import document
from kproxy.configuration.flags import level_of
from kproxy.metrics import process_disk
from kproxy.metrics.exposition import CONTENT_TYPE, Registry
from kproxy.pages.health import Answer
from kproxy.pages.serve import Request, text_answer
from linux import logging_kv
from linux.own_process import started_at_s

_DEBUG = "/debug/"
_WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees"
    " and is for debugging purposes only."
)
_HEAP_TYPES_SHOWN = 60


class Pages:
    """`mode`, `config` are asked for each time: both change while kproxy runs. `flags` as they were given."""

    def __init__(
        self,
        registry: Registry,
        *,
        mode: Callable[[], str],
        config: Callable[[], Configuration],
        flags: Mapping[str, str],
        version: Callable[[], str],
    ) -> None:
        self._registry = registry
        self._slis = Registry()
        process_disk.start_time(self._slis)
        self._mode = mode
        self._config = config
        self._flags = flags
        self._version = version
        self._pages: dict[str, Callable[[], Answer]] = {
            "/metrics": lambda: text_answer(200, self._registry.render(), CONTENT_TYPE),
            "/metrics/slis": lambda: text_answer(200, self._slis.render(), CONTENT_TYPE),
            "/healthz": lambda: text_answer(200, "ok"),
            "/proxyMode": lambda: text_answer(200, self._mode()),
            "/configz": self._configz,
            "/flagz": lambda: text_answer(200, flagz(self._flags)),
            "/statusz": self._statusz,
        }

    def answer(self, request: Request) -> Answer:
        page = self._pages.get(request.path)
        if page is not None:
            return page()
        if request.path.startswith(_DEBUG) and self._config().enable_profiling:
            return _debug(request)
        return not_found()

    def _configz(self) -> Answer:
        body = json.dumps({"kubeproxy.config.k8s.io": document(self._config())}, separators=(",", ":"))
        return text_answer(200, body, "application/json")

    def _statusz(self) -> Answer:
        began = started_at_s()
        text = statusz(began, time.time(), self._version(), sorted(self._pages))
        return text_answer(200, text)


def not_found() -> Answer:
    return text_answer(404, "404 page not found\n")


def flagz(flags: Mapping[str, str]) -> str:
    lines = [f"{name} {value}" for name, value in sorted(flags.items())]
    return "\n".join(["", "kproxy flagz", _WARNING, *lines, ""])


def statusz(started_s: float, now_s: float, version: str, paths: Iterable[str]) -> str:
    minutes, seconds = divmod(int(now_s - started_s), 60)
    hours, minutes = divmod(minutes, 60)
    began = time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(started_s))
    lines = [
        f"Started= {began}",
        f"Up= {hours} hr {minutes:02} min {seconds:02} sec",
        f"Python version= {platform.python_version()}",
        f"Binary version= {version}",
        f"Paths= {' '.join(paths)}",
    ]
    return "\n".join(["", "kproxy statusz", _WARNING, "", *lines, ""])


def _debug(request: Request) -> Answer:
    if request.path == "/debug/flags/v":
        return _verbosity(request)
    name = request.path.removeprefix("/debug/pprof/")
    if request.path in ("/debug/pprof", "/debug/pprof/"):
        links = "".join(f"<li><a href='{n}'>{html.escape(n)}</a></li>" for n in sorted(_PROFILES))
        page = f"<html><head><title>/debug/pprof/</title></head><body><ul>{links}</ul></body></html>\n"
        return text_answer(200, page, "text/html; charset=utf-8")
    profile = _PROFILES.get(name)
    if profile is None:
        return text_answer(404, "Unknown profile\n")
    return text_answer(200, "\n".join([*profile(), ""]))


def _verbosity(request: Request) -> Answer:
    """`curl -X PUT -d 4 …/debug/flags/v`, as with kube-proxy."""
    if request.method != "PUT":
        return text_answer(406, "unsupported http method\n", "text/plain")
    text = request.body.decode("latin-1")
    if not text.isdigit():
        return text_answer(
            400, f"failed to set klog.logging.verbosity {text}: write a number\n", "text/plain"
        )
    logging_kv.set_level(level_of(int(text)))
    return text_answer(200, f"successfully set klog.logging.verbosity to {text}", "text/plain")


def _tasks() -> Iterator[str]:
    """What kube-proxy's goroutines are to it: tasks and threads, and where each of them is."""
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        yield f"task {task.get_name()}: {task.get_coro()}"
        for frame in task.get_stack():
            yield from (line.rstrip() for line in traceback.format_stack(frame, 1))
    yield from _threads()


def _threads() -> Iterator[str]:
    frames = sys._current_frames()
    for thread in threading.enumerate():
        yield f"thread {thread.name}"
        yield from (line.rstrip() for line in traceback.format_stack(frames.get(thread.ident or 0)))


def _heap() -> Iterator[str]:
    """Live containers by type. What holds no other values, as text and numbers do, is not among them."""
    yield f"gc {gc.get_stats()} frozen {gc.get_freeze_count()}"
    counts = Counter(type(item).__qualname__ for item in gc.get_objects())
    for name, count in counts.most_common(_HEAP_TYPES_SHOWN):
        yield f"{count:10} {name}"


_PROFILES: dict[str, Callable[[], Iterator[str]]] = {
    "allocs": _heap,
    "goroutine": _tasks,
    "heap": _heap,
    "threadcreate": _threads,
}
