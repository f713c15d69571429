"""The bridge plugin's configuration, pure. Defaults and limits are the reference plugin's (spec B1)."""

from __future__ import annotations

from cni.spec import arguments
from cni.spec.errors import CniError, decoding_failure
from cni.spec.netconf import NetConf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from cni.spec.gojson import Fields
else:
    from linux.records import NamedTuple

BRIDGE = "cni0"
_HIGHEST_VLAN = 4094
BACKENDS = ("", "iptables", "nftables")


class BridgeConf(NamedTuple):
    """What ADD makes; each field is the JSON key of the same words."""

    network: str
    bridge: str
    is_gateway: bool
    is_default_gateway: bool
    force_address: bool
    ip_masq: bool
    ip_masq_backend: str
    mtu: int | None
    """None: not given, the kernel's default; 0: "auto", the smallest of the uplinks."""
    hairpin: bool
    promisc: bool
    vlan: int
    trunk: tuple[int, ...]
    """VLANs that pass tagged."""
    preserve_default_vlan: bool
    mac_spoof_check: bool
    enable_dad: bool
    mac: str
    """"" when nobody asks for one."""
    leave_down: bool
    """disableContainerInterface."""
    isolated: bool
    ipam_type: str


def parse(conf: NetConf, args: str) -> BridgeConf:
    fields = conf.fields
    is_default_gateway = fields.boolean("isDefaultGateway")
    vlan = fields.integer("vlan")
    if not 0 <= vlan <= _HIGHEST_VLAN:
        raise CniError(f"invalid VLAN ID {vlan} (must be between 0 and {_HIGHEST_VLAN})")
    return BridgeConf(
        network=conf.name,
        bridge=fields.text("bridge") or BRIDGE,
        is_gateway=fields.boolean("isGateway") or is_default_gateway,
        is_default_gateway=is_default_gateway,
        force_address=fields.boolean("forceAddress"),
        ip_masq=fields.boolean("ipMasq"),
        ip_masq_backend=fields.text("ipMasqBackend"),
        mtu=_mtu(fields),
        hairpin=fields.boolean("hairpinMode"),
        promisc=fields.boolean("promiscMode"),
        vlan=vlan,
        trunk=_trunk(fields),
        preserve_default_vlan=fields.boolean("preserveDefaultVlan"),
        mac_spoof_check=fields.boolean("macspoofchk"),
        enable_dad=fields.boolean("enabledad"),
        mac=requested_mac(conf, args),
        leave_down=fields.boolean("disableContainerInterface"),
        isolated=fields.boolean("portIsolation"),
        ipam_type=conf.ipam.text("type"),
    )


def check(found: BridgeConf) -> None:
    """What no ADD can make; DEL goes on all the same, so that a chain with such a mistake can be taken down."""
    if found.hairpin and found.promisc:
        raise CniError("cannot set hairpin mode and promiscuous mode at the same time")
    if found.ip_masq_backend not in BACKENDS:
        raise CniError(f'unknown ipmasq backend "{found.ip_masq_backend}": use "iptables" or "nftables"')
    if found.leave_down and found.ipam_type:
        raise CniError("cannot use IPAM when DisableContainerInterface flag is set")


def _mtu(fields: Fields) -> int | None:
    """A number, or "auto"; 0 is unset as upstream has it."""
    if fields.raw("mtu") == "auto":
        return 0
    given = fields.integer("mtu")
    if given < 0:
        raise decoding_failure(f'"mtu" must not be negative, not {given}')
    return given or None


def _trunk(fields: Fields) -> tuple[int, ...]:
    found: set[int] = set()
    for item in fields.objects("vlanTrunk"):
        low, high, single = (item.optional_integer(key) for key in ("minID", "maxID", "id"))
        if low is not None and high is not None:
            found.update(_trunk_range(low, high))
        elif high is not None:
            raise CniError("minID and maxID should be configured simultaneously, minID is missing")
        elif low is not None:
            raise CniError("minID and maxID should be configured simultaneously, maxID is missing")
        if single is not None:
            if not 0 <= single <= _HIGHEST_VLAN:
                raise CniError("incorrect trunk id parameter")
            found.add(single)
    return tuple(sorted(found))


def _trunk_range(low: int, high: int) -> range:
    if not 0 < low <= _HIGHEST_VLAN:
        raise CniError("incorrect trunk minID parameter")
    if not 0 < high <= _HIGHEST_VLAN:
        raise CniError("incorrect trunk maxID parameter")
    if low > high:
        raise CniError("minID is greater than maxID in trunk parameter")
    return range(low, high + 1)


def requested_mac(conf: NetConf, args: str) -> str:
    """CNI_ARGS, overridden by args.cni, overridden by runtimeConfig; lower-case with colons, or ""."""
    candidates = (
        conf.runtime.text("mac"),
        conf.args.text("mac"),
        arguments.parse(args).get("MAC", ""),
        conf.fields.text("mac"),
    )
    text = next((candidate for candidate in candidates if candidate), "")
    return canonical_mac(text) if text else ""


def canonical_mac(text: str) -> str:
    digits = text.replace(":", "").replace("-", "").lower()
    if len(digits) != 12 or any(digit not in "0123456789abcdef" for digit in digits):
        raise CniError(f"invalid MAC address {text}: write six pairs of hexadecimal digits with colons")
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))
