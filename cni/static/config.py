"""static's configuration, pure."""

from __future__ import annotations

from cni.spec import arguments
from cni.spec.addresses import IP, Cidr, parse_cidr, parse_ip
from cni.spec.errors import CniError
from cni.spec.result import IPConfig, Result, read_dns, read_route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.call import Call
    from cni.spec.gojson import Fields


def parse(call: Call) -> Result:
    """The result as it will be: args.cni.ips and runtimeConfig.ips replace the configured addresses."""
    conf = call.conf
    if "ipam" not in conf.fields:
        raise CniError("IPAM config missing 'ipam' key")
    ipam = conf.ipam
    addresses = [_configured(item) for item in ipam.objects("addresses")]
    given = arguments.parse(call.args)
    addresses += [_from_arguments(text.strip()) for text in given.get("IP", "").split(",") if text]
    addresses = _with_gateways(addresses, given.get("GATEWAY", ""))
    for texts in (conf.args.texts("ips"), conf.runtime.texts("ips")):
        if texts:
            addresses = [_listed(text) for text in texts]
    _check_families(addresses, conf.version)
    return Result(
        ips=tuple(IPConfig(cidr.text, gateway.text if gateway else "") for cidr, gateway in addresses),
        routes=tuple(read_route(item) for item in ipam.objects("routes")),
        dns=read_dns(ipam.fields("dns")),
    )


def _configured(item: Fields) -> tuple[Cidr, IP | None]:
    gateway = item.text("gateway")
    address = _cidr(item.text("address"), "the 'address' field is expected to be")
    return address, _gateway(gateway) if gateway else None


def _from_arguments(text: str) -> tuple[Cidr, IP | None]:
    return _cidr(text, "the 'ip' field is expected to be"), None


def _listed(text: str) -> tuple[Cidr, IP | None]:
    return _cidr(text, "an entry in the 'ips' field is NOT"), None


def _cidr(text: str, complaint: str) -> Cidr:
    try:
        return parse_cidr(text)
    except ValueError as error:
        raise CniError(f"{complaint} in CIDR notation, got: '{text}'") from error


def _gateway(text: str) -> IP:
    try:
        return parse_ip(text.strip())
    except ValueError as error:
        raise CniError(f"invalid gateway address: {text}") from error


def _with_gateways(addresses: list[tuple[Cidr, IP | None]], texts: str) -> list[tuple[Cidr, IP | None]]:
    """Each gateway goes to the addresses whose network holds it."""
    for text in filter(None, texts.split(",")):
        gateway = _gateway(text)
        addresses = [(cidr, gateway if cidr.contains(gateway) else present) for cidr, present in addresses]
    return addresses


def _check_families(addresses: list[tuple[Cidr, IP | None]], version: str) -> None:
    if version not in ("0.1.0", "0.2.0"):
        return
    for bits in (32, 128):
        if sum(cidr.ip.bits == bits for cidr, _ in addresses) > 1:
            raise CniError(f"CNI version {version} does not support more than 1 address per family")
