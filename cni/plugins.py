"""The plugins: name of the executable, module, versions. The one place to add one."""

from __future__ import annotations

from cni.spec import versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from cni.call import Implementation
else:
    from linux.records import NamedTuple


class Plugin(NamedTuple):
    """One executable. Its module has add, delete, check, gc and status (cni.call.Implementation)."""

    name: str
    module: str
    supported: tuple[str, ...] = versions.ALL

    @property
    def about(self) -> str:
        return f"CNI {self.name} plugin v0.1.0 (podnet)"


PLUGINS = (
    Plugin("bandwidth", "cni.bandwidth.apply", versions.ALL[2:]),
    Plugin("bridge", "cni.bridge.apply"),
    Plugin("firewall", "cni.firewall.apply", versions.ALL[4:]),
    Plugin("host-local", "cni.host_local.apply"),
    Plugin("loopback", "cni.loopback.apply"),
    Plugin("portmap", "cni.portmap.apply"),
    Plugin("ptp", "cni.ptp.apply"),
    Plugin("static", "cni.static.apply"),
    Plugin("tuning", "cni.tuning.apply"),
)


def find(name: str) -> Plugin | None:
    return next((plugin for plugin in PLUGINS if plugin.name == name), None)


def load(plugin: Plugin) -> Implementation:
    module: Implementation = __import__(plugin.module, fromlist=["add"])
    return module
