"""static's verbs: nothing is kept, so there is nothing to release."""

from __future__ import annotations

from cni.spec.errors import CniError
from cni.spec.netconf import required_prev_result
from cni.static import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.call import Call
    from cni.spec.result import Result


def add(call: Call) -> Result:
    return config.parse(call)


def delete(call: Call) -> None:
    """Nothing is reserved."""


def check(call: Call) -> None:
    present = {ip.address for ip in required_prev_result(call.conf, "static").ips}
    for ip in config.parse(call).ips:
        if ip.address not in present:
            raise CniError(f"static: Failed to match addr {ip.address} on interface {call.ifname}")


def gc(call: Call) -> None:
    """Nothing is reserved."""


def status(call: Call) -> None:
    config.parse(call)
