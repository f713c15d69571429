"""host-local's configuration: ranges, requested addresses, routes. Pure (SPEC of the plugin: spec B2)."""

from __future__ import annotations

from cni.spec import arguments
from cni.spec.addresses import IP, Cidr, parse_cidr, parse_ip, parse_ip_or_cidr
from cni.spec.errors import CniError
from cni.spec.gojson import Fields
from cni.spec.result import Route, read_route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    from cni.call import Call
else:
    from linux.records import NamedTuple

DATA_DIR = "/var/lib/cni/networks"


class Range(NamedTuple):
    """Addresses first to last of a subnet, the gateway left out."""

    subnet: Cidr
    first: IP
    last: IP
    gateway: IP

    def contains(self, ip: IP) -> bool:
        return ip.bits == self.first.bits and self.first.number <= ip.number <= self.last.number

    @property
    def text(self) -> str:
        return f"{self.first.text}-{self.last.text}"

    @property
    def capacity(self) -> int:
        inside = self.contains(self.gateway)
        return self.last.number - self.first.number + 1 - inside


class RangeSet(NamedTuple):
    """A pool: ADD takes one address of each set. All ranges are of one family."""

    ranges: tuple[Range, ...]

    def holding(self, ip: IP) -> Range | None:
        return next((item for item in self.ranges if item.contains(ip)), None)

    @property
    def text(self) -> str:
        return ",".join(item.text for item in self.ranges)

    @property
    def bits(self) -> int:
        return self.ranges[0].first.bits

    @property
    def capacity(self) -> int:
        return sum(item.capacity for item in self.ranges)


class IpamConf(NamedTuple):
    network: str
    version: str
    data_dir: str
    resolv_conf: str
    routes: tuple[Route, ...]
    sets: tuple[RangeSet, ...]
    requested: tuple[IP, ...]


def parse(call: Call) -> IpamConf:
    """CniError with upstream's words where users search for them."""
    conf = call.conf
    ipam = conf.ipam
    if "ipam" not in conf.fields:
        raise CniError("IPAM config missing 'ipam' key")
    sets = tuple(_range_sets(conf.runtime, ipam))
    if not sets:
        raise CniError("no IP ranges specified")
    _check_families(sets, conf.version)
    _check_overlaps(sets)
    return IpamConf(
        network=conf.name,
        version=conf.version,
        data_dir=ipam.text("dataDir") or DATA_DIR,
        resolv_conf=ipam.text("resolvConf"),
        routes=tuple(read_route(item) for item in ipam.objects("routes")),
        sets=sets,
        requested=_requested(call),
    )


def _range_sets(runtime: Fields, ipam: Fields) -> Iterator[RangeSet]:
    """The runtime's ranges, then the old-style subnet, then the configured ones."""
    yield from _listed(runtime, "ipRanges")
    if "subnet" in ipam:
        yield RangeSet((parse_range(ipam),))
    yield from _listed(ipam, "ranges")


def _listed(fields: Fields, key: str) -> Iterator[RangeSet]:
    for place, listed in enumerate(fields.array(key)):
        items = [Fields(value, f"ipam.{key}[{place}]") for value in listed or ()]
        if not items:
            raise CniError(f"invalid range set {place}: empty range set")
        ranges = tuple(parse_range(item) for item in items)
        if len({item.subnet.ip.bits for item in ranges}) > 1:
            raise CniError(f"invalid range set {place}: mixed address families")
        yield RangeSet(ranges)


def parse_range(fields: Fields) -> Range:
    subnet = _subnet(fields)
    text = subnet.text
    gateway = _address(fields, "gateway") or subnet.ip.plus(1)
    first = _inside(fields, "rangeStart", subnet) or subnet.ip.plus(1)
    # IPv6 has no broadcast address, so its last one may be used.
    highest = subnet.last if subnet.ip.bits == 128 else subnet.last.plus(-1)
    last = _inside(fields, "rangeEnd", subnet) or highest
    if gateway.bits != subnet.ip.bits:
        raise CniError(f"gateway {gateway.text} is of another family than subnet {text}")
    if first.number > last.number:
        raise CniError(f"rangeStart {first.text} is after rangeEnd {last.text} of {text}")
    return Range(subnet, first, last, gateway)


def _subnet(fields: Fields) -> Cidr:
    text = fields.text("subnet")
    try:
        subnet = parse_cidr(text)
    except ValueError as error:
        raise CniError(f"invalid range: {error}") from error
    if subnet.hosts < 2:
        raise CniError(f"Network {subnet.text} too small to allocate from")
    if subnet.network != subnet:
        raise CniError(
            f"Network has host bits set. For a subnet mask of length {subnet.prefix} "
            f"the network address is {subnet.network.ip.text}"
        )
    return subnet


def _address(fields: Fields, key: str) -> IP | None:
    text = fields.text(key)
    if not text:
        return None
    try:
        return parse_ip(text)
    except ValueError as error:
        raise CniError(f"{fields.where}.{key}: {error}") from error


def _inside(fields: Fields, key: str, subnet: Cidr) -> IP | None:
    ip = _address(fields, key)
    if ip is not None and not subnet.contains(ip):
        raise CniError(
            f"{'RangeStart' if key == 'rangeStart' else 'RangeEnd'} {ip.text} not in network {subnet.text}"
        )
    return ip


def _check_families(sets: tuple[RangeSet, ...], version: str) -> None:
    if version not in ("0.1.0", "0.2.0"):
        return
    for bits in (32, 128):
        if sum(item.bits == bits for item in sets) > 1:
            raise CniError(f"CNI version {version} does not support more than 1 address per family")


def _check_overlaps(sets: tuple[RangeSet, ...]) -> None:
    listed = [(place, item) for place, group in enumerate(sets) for item in group.ranges]
    for left, (place, one) in enumerate(listed):
        for other_place, other in listed[left + 1 :]:
            if one.first.bits == other.first.bits and one.first <= other.last and other.first <= one.last:
                what = f"range {one.text} overlaps with {other.text}"
                raise CniError(
                    what if place == other_place else f"range set {place} overlaps with {other_place}: {what}"
                )


def _requested(call: Call) -> tuple[IP, ...]:
    """CNI_ARGS, then args.cni, then runtimeConfig; a prefix is allowed and ignored."""
    texts = []
    from_args = arguments.parse(call.args).get("IP", "")
    if from_args:
        texts += from_args.split(",")
    texts += call.conf.args.texts("ips")
    texts += call.conf.runtime.texts("ips")
    requested: list[IP] = []
    for text in texts:
        try:
            ip = parse_ip_or_cidr(text.strip()).ip
        except ValueError as error:
            raise CniError(str(error)) from error
        if ip not in requested:
            requested.append(ip)
    return tuple(requested)
