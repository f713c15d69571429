"""bandwidth's configuration, pure. Rates and bursts are in bits; what the container receives is "ingress"."""

from __future__ import annotations

from cni.spec.digest import sha512_hex
from cni.spec.errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from cni.call import Call
    from cni.spec.gojson import Fields
    from cni.spec.result import Interface, Result
else:
    from linux.records import NamedTuple

LATENCY_US = 25_000
_IFB_CHARS = 15
_MAX_BURST_BYTES = (1 << 32) - 1


class Limits(NamedTuple):
    """0: no limit in that direction."""

    ingress_rate: int
    ingress_burst: int
    egress_rate: int
    egress_burst: int

    @property
    def any(self) -> bool:
        return bool(self.ingress_rate or self.egress_rate)


def parse(call: Call) -> Limits | None:
    """The configuration's own limits, else the runtime's; None where nobody sets any."""
    fields = call.conf.fields
    keys = ("ingressRate", "ingressBurst", "egressRate", "egressBurst")
    source = fields if any(key in fields for key in keys) else None
    if source is None and "bandwidth" in call.conf.runtime:
        source = call.conf.runtime.fields("bandwidth")
    return None if source is None else _limits(source)


def _limits(fields: Fields) -> Limits:
    found = Limits(
        *(fields.unsigned(key) for key in ("ingressRate", "ingressBurst", "egressRate", "egressBurst"))
    )
    for direction, rate, burst in (
        ("ingress", found.ingress_rate, found.ingress_burst),
        ("egress", found.egress_rate, found.egress_burst),
    ):
        if rate and not burst:
            raise CniError("if rate is set, burst must also be set")
        if burst and not rate:
            raise CniError("if burst is set, rate must also be set")
        if burst // 8 >= _MAX_BURST_BYTES:
            raise CniError("burst cannot be more than 4GB")
        if rate and rate < 8:
            raise CniError(f"{direction} rate is {rate} bits per second: less than a byte")
    return found


def ifb_names(network: str, container_id: str, ifname: str) -> tuple[str, str]:
    """The device that what the container sends is led through: upstream's name, and one of the interface's own."""
    keys = (network + container_id, f"{network}{container_id}/{ifname}")
    first, second = (f"bwp{sha512_hex(key)}"[:_IFB_CHARS] for key in keys)
    return first, second


def host_interface_candidates(prev: Result) -> tuple[Interface, ...]:
    return tuple(item for item in prev.interfaces if not item.sandbox)
