"""The result of ADD and its shapes in each version of the specification, pure.

Values are of the newest version; `to_json` writes any version, `from_json` reads any.
"""

from __future__ import annotations

from cni.spec import versions
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError, decoding_failure
from cni.spec.gojson import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    from linux.records import NamedTuple

_WITH_IP_VERSION = ("0.3.0", "0.3.1", "0.4.0")
_IP4_IP6 = ("0.1.0", "0.2.0")


class Interface(NamedTuple):
    """A network interface; sandbox is "" on the host and CNI_NETNS verbatim in the container."""

    name: str
    mac: str = ""
    sandbox: str = ""
    mtu: int = 0
    socket_path: str = ""
    pci_id: str = ""


class IPConfig(NamedTuple):
    """One address; interface is an index into the result's interfaces, 0 included."""

    address: str
    gateway: str = ""
    interface: int | None = None

    @property
    def version(self) -> str:
        return "6" if ":" in self.address else "4"


class Route(NamedTuple):
    """A route for the container; what is None was not given."""

    dst: str
    gw: str = ""
    mtu: int = 0
    advmss: int = 0
    priority: int = 0
    table: int | None = None
    scope: int | None = None

    @property
    def version(self) -> str:
        return "6" if ":" in self.dst else "4"


class DNS(NamedTuple):
    nameservers: tuple[str, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Result(NamedTuple):
    interfaces: tuple[Interface, ...] = ()
    ips: tuple[IPConfig, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = DNS()


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", 0, None, ())}


def dns_json(dns: DNS) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in _without_empty(dns._asdict()).items()
    }


def _route_json(route: Route, *, newest: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"dst": route.dst}
    if route.gw:
        body["gw"] = route.gw
    if newest:
        # 0 is a meaning of table and scope (unspec, universe), of the others it is "unset".
        body |= _without_empty({"mtu": route.mtu, "advmss": route.advmss, "priority": route.priority})
        body |= {
            key: value for key, value in (("table", route.table), ("scope", route.scope)) if value is not None
        }
    return body


def _interface_json(interface: Interface, *, newest: bool) -> dict[str, Any]:
    body = {"name": interface.name}
    rest = {"mac": interface.mac, "sandbox": interface.sandbox}
    if newest:
        rest |= {"mtu": interface.mtu, "socketPath": interface.socket_path, "pciID": interface.pci_id}  # type: ignore[dict-item]
    return body | _without_empty(rest)


def _ip_json(ip: IPConfig, *, with_version: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"version": ip.version} if with_version else {}
    if ip.interface is not None:
        body["interface"] = ip.interface
    body["address"] = ip.address
    if ip.gateway:
        body["gateway"] = ip.gateway
    return body


def to_json(result: Result, version: str) -> dict[str, Any]:
    """The object to print for a configuration of that version."""
    if version in _IP4_IP6:
        return _to_ip4_ip6(result, version)
    newest = versions.at_least(version, "1.1.0")
    with_version = version in _WITH_IP_VERSION
    body: dict[str, Any] = {"cniVersion": version}
    if result.interfaces:
        body["interfaces"] = [_interface_json(item, newest=newest) for item in result.interfaces]
    if result.ips:
        body["ips"] = [_ip_json(item, with_version=with_version) for item in result.ips]
    if result.routes:
        body["routes"] = [_route_json(item, newest=newest) for item in result.routes]
    dns = dns_json(result.dns)
    if dns or with_version:
        body["dns"] = dns
    return body


def _to_ip4_ip6(result: Result, version: str) -> dict[str, Any]:
    """Before 0.3.0: the first address of each family; interfaces have no place."""
    body: dict[str, Any] = {"cniVersion": version}
    for family, key in (("4", "ip4"), ("6", "ip6")):
        first = next((ip for ip in result.ips if ip.version == family), None)
        if first is None:
            continue
        part: dict[str, Any] = {"ip": first.address}
        if first.gateway:
            part["gateway"] = first.gateway
        routes = [r for r in result.routes if r.version == family]
        if routes:
            part["routes"] = [_route_json(route, newest=False) for route in routes]
        body[key] = part
    if len(body) == 1:
        raise CniError("cannot convert: no valid IP addresses")
    return body | {"dns": dns_json(result.dns)}


def from_json(value: Any, version: str) -> Result:
    """Reads a result; version is the configuration's, for results that name none."""
    fields = Fields(value, "result")
    version = fields.text("cniVersion") or version
    if version not in versions.ALL:
        raise decoding_failure(f'unsupported CNI result version "{version}"')
    if version in _IP4_IP6:
        return _from_ip4_ip6(fields)
    return Result(
        interfaces=tuple(_read_interface(item) for item in fields.objects("interfaces")),
        ips=tuple(_read_ip(item) for item in fields.objects("ips")),
        routes=tuple(read_route(item) for item in fields.objects("routes")),
        dns=read_dns(fields.fields("dns")),
    )


def _from_ip4_ip6(fields: Fields) -> Result:
    ips: list[IPConfig] = []
    routes: list[Route] = []
    for key in ("ip4", "ip6"):
        if key not in fields:
            continue
        part = fields.fields(key)
        ips.append(IPConfig(_cidr(part.text("ip"), part.where), part.text("gateway")))
        routes += [read_route(item) for item in part.objects("routes")]
    return Result(ips=tuple(ips), routes=tuple(routes), dns=read_dns(fields.fields("dns")))


def _cidr(text: str, where: str) -> str:
    try:
        return parse_cidr(text).text
    except ValueError as error:
        raise decoding_failure(f"{where}: {error}") from error


def _read_interface(fields: Fields) -> Interface:
    return Interface(
        name=fields.text("name"),
        mac=fields.text("mac"),
        sandbox=fields.text("sandbox"),
        mtu=fields.integer("mtu"),
        socket_path=fields.text("socketPath"),
        pci_id=fields.text("pciID"),
    )


def _read_ip(fields: Fields) -> IPConfig:
    return IPConfig(
        address=_cidr(fields.text("address"), fields.where),
        gateway=fields.text("gateway"),
        interface=fields.optional_integer("interface"),
    )


def read_route(fields: Fields) -> Route:
    dst = parse_route_dst(fields)
    return Route(
        dst=dst,
        gw=fields.text("gw"),
        mtu=fields.integer("mtu"),
        advmss=fields.integer("advmss"),
        priority=fields.integer("priority"),
        table=fields.optional_integer("table"),
        scope=fields.optional_integer("scope"),
    )


def parse_route_dst(fields: Fields) -> str:
    """Canonical; host bits stay, as the reference has it, and are cleared for the kernel."""
    try:
        return parse_cidr(fields.text("dst")).text
    except ValueError as error:
        raise decoding_failure(f"{fields.where}.dst: {error}") from error


def read_dns(fields: Fields) -> DNS:
    return DNS(
        nameservers=fields.texts("nameservers"),
        domain=fields.text("domain"),
        search=fields.texts("search"),
        options=fields.texts("options"),
    )
