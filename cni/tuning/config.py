"""tuning's configuration, pure."""

from __future__ import annotations

from cni.bridge.config import canonical_mac, requested_mac
from cni.spec.errors import CniError, decoding_failure
from cni.spec.gojson import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple

    from cni.call import Call
else:
    from linux.records import NamedTuple

DATA_DIR = "/run/cni/tuning"


class TuningConf(NamedTuple):
    """None: leave it as it is."""

    data_dir: str
    sysctl: Mapping[str, str]
    """Path under /proc/sys to value."""
    mac: str
    promisc: bool
    mtu: int
    all_multicast: bool | None
    tx_queue_length: int | None

    @property
    def changes_link(self) -> bool:
        wanted = (self.mac, self.promisc, self.mtu, self.all_multicast is not None)
        return any(wanted) or self.tx_queue_length is not None


def data_dir(call: Call) -> str:
    """All that DEL needs to know: it must not fail over settings that ADD has refused."""
    return call.conf.fields.text("dataDir") or DATA_DIR


def parse(call: Call) -> TuningConf:
    fields = call.conf.fields
    overrides = call.conf.args
    sysctl = _text_map(fields, "sysctl") | _text_map(overrides, "sysctl")
    return TuningConf(
        data_dir=data_dir(call),
        sysctl={sysctl_key(key, call.ifname): value for key, value in sysctl.items()},
        mac=_mac(call),
        promisc=_chosen(overrides, fields, "promisc").boolean("promisc"),
        mtu=_chosen(overrides, fields, "mtu").integer("mtu"),
        all_multicast=_optional_boolean(_chosen(overrides, fields, "allmulti"), "allmulti"),
        tx_queue_length=_chosen(overrides, fields, "txQLen").optional_integer("txQLen"),
    )


def _mac(call: Call) -> str:
    configured = call.conf.fields.text("mac")
    return requested_mac(call.conf, call.args) or (canonical_mac(configured) if configured else "")


def _chosen(overrides: Fields, fields: Fields, key: str) -> Fields:
    return overrides if key in overrides else fields


def _optional_boolean(fields: Fields, key: str) -> bool | None:
    return fields.boolean(key) if key in fields else None


def _text_map(fields: Fields, key: str) -> dict[str, str]:
    found = fields.mapping(key)
    for value in found.values():
        if not isinstance(value, str):
            raise decoding_failure(f'"{key}" must be an object of text')
    return found


def sysctl_key(key: str, ifname: str) -> str:
    """As a path: dots and slashes change places unless the first separator is a slash (sysctl(8))."""
    key = key.strip()
    first = min((place for place in (key.find("."), key.find("/")) if place >= 0), default=-1)
    if first >= 0 and key[first] == ".":
        key = key.translate(_SWAPPED)
    parts = ["" if part in (".", "..") else part for part in key.split("/")]
    if parts[0] != "net" or "" in parts:
        raise CniError(f"invalid net sysctl key: {key!r}: only keys under net can be set")
    return "/".join(ifname if part == "IFNAME" else part for part in parts)


_SWAPPED = str.maketrans("./", "/.")


def check_duplicates(stdin: bytes) -> None:
    """The same sysctl twice is a mistake that a JSON reader would hide (last wins)."""
    from cni.spec.gojson import pairs_of

    seen: set[str] = set()
    for key in pairs_of(stdin, "sysctl"):
        if key in seen:
            raise CniError(f"duplicated sysctl key present in the configuration: {key}")
        seen.add(key)


def allowed(key: str, allowlist: str) -> bool:
    """Is a key, as `net.ipv4.conf.IFNAME.…`, matched by a line of the allowlist? An absent list allows all."""
    import re

    patterns = [line.strip() for line in allowlist.splitlines() if line.strip()]
    return any(re.search(pattern, key) for pattern in patterns)
