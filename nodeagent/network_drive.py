"""The node's pod network: its CNI configuration, the ways to other nodes, the daemon behind the executables."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from kube.client import Client
from linux.logging_kv import get_logger
from nodeagent.cni import disk
from nodeagent.cni.apply import Cni
from nodeagent.cni.conflist import InvalidConfiguration, NetworkList, podnet_conflist
from nodeagent.cni.daemon_drive import CniDaemon
from nodeagent.options import Options
from nodeagent.places import Places
from nodeagent.runtime.records import SandboxRecord

if TYPE_CHECKING:
    from nodeagent.overlay.drive import Overlay

logger = get_logger("knode.network")
_NOT_READY = "NetworkPluginNotReady"
_NO_RANGES = "cni config uninitialized: the node waits for its pod ranges (spec.podCIDRs)"


class NodeNetwork:
    """`list` is what pods are attached to, once it is there."""

    def __init__(self, options: Options, places: Places) -> None:
        self._options = options
        self._mark = places.overlay_mark
        self._overlay: Overlay | None = None
        self._daemon = CniDaemon()
        self._configured = asyncio.Event()
        self._why_not = _NO_RANGES
        self.list: NetworkList | None = None

    @property
    def not_ready(self) -> tuple[str, str]:
        """Reason and message, ("", "") when there is a network."""
        return ("", "") if self.list else (_NOT_READY, self._why_not)

    async def start(
        self,
        client: Client,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        changed: Callable[[], None],
    ) -> None:
        """`changed()` asks for `configure`. A node without an overlay does not load its code."""
        if self._options.cni_daemon:
            _ = spawn(self._daemon.run(self._configured))
        if self._options.network != "none":
            from nodeagent.overlay.drive import Overlay
            from nodeagent.overlay.plan import overlay_settings

            os.makedirs(os.path.dirname(self._mark), exist_ok=True)
            self._overlay = Overlay(client, overlay_settings(self._options), self._mark, changed)
            _ = spawn(self._overlay.run())
        elif os.path.exists(self._mark):
            from nodeagent.overlay.drive import remove_leftovers

            await asyncio.to_thread(remove_leftovers, self._mark)

    def configure(self, ranges: tuple[str, ...], cni: Cni) -> bool:
        """Write the configuration for the node's ranges; False while one has to wait for the overlay."""
        if self._overlay and not self._overlay.ready:
            return False
        data = podnet_conflist(
            ranges,
            data_dir=f"{self._options.cni_cache_dir}/networks",
            mtu=self._options.mtu or (self._overlay.pod_mtu_bytes if self._overlay else 0),
            portmap=cni.has_plugin("portmap"),
        )
        disk.write_conflist(self._options.cni_conf_dir, data)
        self.load()
        self._configured.set()
        logger.info("network configured", ranges=",".join(ranges))
        return True

    def load(self) -> None:
        """Take up the configuration that is there.

        Somebody else's counts, but not while our own is to come: pods would be attached to the wrong network.
        """
        if self._options.network != "none" and not disk.is_written(self._options.cni_conf_dir):
            return
        try:
            self.list = disk.load_network(self._options.cni_conf_dir)
        except InvalidConfiguration as error:
            self.list, self._why_not = None, str(error)

    def free_attachments(self, cni: Cni, sandboxes: list[SandboxRecord]) -> None:
        """Addresses of sandboxes that a crash or a reboot took away. Before any pod is attached; blocks."""
        if self.list is None:
            return
        valid = frozenset(each.id for each in sandboxes if not each.torn_down)
        for error in cni.collect_garbage(self.list, valid):
            logger.warning("an attachment could not be collected", error=error)

    def metrics(self) -> str:
        """Blocks: stores and links are read."""
        return (self._overlay.metrics() if self._overlay else "") + self._daemon.metrics()
