"""kcni daemon."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

from cni import run
from cni.daemon import heal_apply, reconcile_apply, usage_run
from cni.daemon.events_run import Watch
from cni.daemon.serve import Daemon
from linux import logging_kv
from linux.logging_kv import get_logger

logger = get_logger("cni.daemon")
_SWITCH_INTERVAL_S = 0.0005  # calls are short: a thread that reads the kernel's news must not hold them up


class Service:
    """The daemon with its watch; what knode starts inside itself as well."""

    def __init__(self, name: str = "kcni daemon") -> None:
        self.daemon = Daemon(name=name)
        self._world = run.world("")._replace(stderr=lambda text: logger.warning(text.strip()))
        self._watch: Watch | None = None

    def start(self) -> None:
        """Answers calls when it returns. Raises AlreadyRunning."""
        self.daemon.start()
        self._watch = Watch(self._heal, self._reconcile)
        self._watch.start()

    def stop(self) -> None:
        self.daemon.stop()
        if self._watch is not None:
            self._watch.stop()

    def _heal(self) -> bool:
        """True: look again soon."""
        healed = heal_apply.heal(self._world)
        self.daemon.metrics.healed += healed.mended
        if self._watch is not None:
            self._watch.follow(healed.uplink_mtus)
        return healed.busy > 0

    def _reconcile(self) -> None:
        self.daemon.metrics.forgotten += reconcile_apply.reconcile(self._world, self.daemon.perform)

    def metrics(self) -> str:
        """Blocks: stores and links are read."""
        return self.daemon.metrics.render(usage_run.usage(self._world))


def main(metrics_address: str, level: str, *, json: bool) -> int:
    """Until SIGTERM or SIGINT."""
    logging_kv.setup("kcni", level, json=json)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    service = Service()
    service.start()
    close_metrics = _serve_metrics(service, metrics_address) if metrics_address else None
    print("kcni daemon: ready", flush=True)
    done.wait()
    service.stop()
    if close_metrics is not None:
        close_metrics()
    return 0


def collect_once() -> int:
    """What the daemon does every ten seconds, once."""
    logging_kv.setup("kcni", "warning")
    performer = Daemon()
    world = run.world("")
    count = reconcile_apply.reconcile(world, performer.perform)
    sys.stdout.write(f"{count} attachments and addresses forgotten\n")
    return 0


def _serve_metrics(service: Service, address: str) -> Callable[[], None]:
    from cni.daemon.metrics_serve import serve  # its HTTP server costs knode, which does not need it, 30 ms

    return serve(address, service.metrics)
