"""Rules of Endpoints and EndpointSlices."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.names import ip_errors, label_errors, label_key_errors, subdomain_errors
from kube.apiserver.kinds.validation.containers import PROTOCOLS
from kube.apiserver.kinds.validation.rules import Errors, each, immutable, needed, one_of, port_number
from kube.apiserver.kinds.validation.services import special_address_errors
from kube.apiserver.status import duplicate, required, too_many

Object = dict[str, Any]

ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
MAX_ENDPOINTS = 1000
MAX_ADDRESSES = 100
MAX_PORTS = 20_000


def endpoints(obj: Object, errors: Errors) -> None:
    for index, subset in enumerate(obj.get("subsets") or ()):
        here = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(required(here, "must specify `addresses` or `notReadyAddresses`"))
        for name in ("addresses", "notReadyAddresses"):
            for number, address in enumerate(subset.get(name) or ()):
                _address(errors, f"{here}.{name}[{number}]", address)
        ports = subset.get("ports") or ()
        for number, port in enumerate(ports):
            _port(errors, f"{here}.ports[{number}]", port, named=len(ports) > 1)


def _address(errors: Errors, where: str, address: Object) -> None:
    ip = address.get("ip") or ""
    each(errors, f"{where}.ip", ip, ip_errors(ip) or special_address_errors(ip))
    if address.get("hostname"):
        each(errors, f"{where}.hostname", address["hostname"], label_errors(address["hostname"]))
    if address.get("nodeName"):
        each(errors, f"{where}.nodeName", address["nodeName"], subdomain_errors(address["nodeName"]))


def _port(errors: Errors, where: str, port: Object, *, named: bool) -> None:
    if port.get("name"):
        each(errors, f"{where}.name", port["name"], label_errors(port["name"]))
    elif named:
        errors.append(required(f"{where}.name"))
    port_number(errors, f"{where}.port", port.get("port", 0))
    if needed(errors, f"{where}.protocol", port.get("protocol")):
        one_of(errors, f"{where}.protocol", port["protocol"], PROTOCOLS)


def endpoint_slice(obj: Object, errors: Errors) -> None:
    kind = obj.get("addressType")
    if needed(errors, "addressType", kind):
        one_of(errors, "addressType", kind, ADDRESS_TYPES)
    items = obj.get("endpoints") or ()
    if len(items) > MAX_ENDPOINTS:
        errors.append(too_many("endpoints", len(items), MAX_ENDPOINTS))
        return
    for index, endpoint in enumerate(items):
        _endpoint(errors, f"endpoints[{index}]", endpoint, kind)
    _slice_ports(errors, obj.get("ports") or ())


def _endpoint(errors: Errors, where: str, endpoint: Object, kind: Any) -> None:
    addresses = endpoint.get("addresses") or ()
    if not addresses:
        errors.append(required(f"{where}.addresses", "must contain at least 1 address"))
    elif len(addresses) > MAX_ADDRESSES:
        errors.append(too_many(f"{where}.addresses", len(addresses), MAX_ADDRESSES))
    for index, address in enumerate(addresses):
        each(errors, f"{where}.addresses[{index}]", address, _address_errors(address, kind))
    if endpoint.get("hostname"):
        each(errors, f"{where}.hostname", endpoint["hostname"], label_errors(endpoint["hostname"]))
    if endpoint.get("nodeName"):
        each(errors, f"{where}.nodeName", endpoint["nodeName"], subdomain_errors(endpoint["nodeName"]))
    zones = (endpoint.get("hints") or {}).get("forZones") or ()
    names = [zone.get("name") for zone in zones]
    for index, name in enumerate(names):
        if name in names[:index]:
            errors.append(duplicate(f"{where}.hints.forZones[{index}].name", name))


def _address_errors(address: str, kind: Any) -> list[str]:
    if kind == "FQDN":
        return subdomain_errors(address)
    sentences = ip_errors(address)
    if sentences:
        return sentences
    version = ipaddress.ip_address(address).version
    if kind == "IPv4" and version != 4:
        return ["must be an IPv4 address"]
    if kind == "IPv6" and version != 6:
        return ["must be an IPv6 address"]
    return special_address_errors(address)


def _slice_ports(errors: Errors, ports: Sequence[Object]) -> None:
    if len(ports) > MAX_PORTS:
        errors.append(too_many("ports", len(ports), MAX_PORTS))
        return
    names = set()
    for index, port in enumerate(ports):
        here = f"ports[{index}]"
        name = port.get("name") or ""
        if name:
            each(errors, f"{here}.name", name, label_errors(name))
        if name in names:
            errors.append(duplicate(f"{here}.name", name))
        names.add(name)
        if needed(errors, f"{here}.protocol", port.get("protocol")):
            one_of(errors, f"{here}.protocol", port["protocol"], PROTOCOLS)
        if port.get("port") is not None:
            port_number(errors, f"{here}.port", port["port"])
        if port.get("appProtocol"):
            each(errors, f"{here}.appProtocol", port["appProtocol"], label_key_errors(port["appProtocol"]))


def endpoint_slice_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(errors, "addressType", new.get("addressType"), old.get("addressType"))
