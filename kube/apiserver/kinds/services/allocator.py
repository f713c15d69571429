"""ServiceAllocator: which addresses and node ports are taken, and by that the fields of new Services."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from kube.apiserver.kinds.services.families import family_of, settle_families
from kube.apiserver.kinds.services.needs import (
    HEADLESS,
    drop_unneeded,
    is_headless,
    keep_allocated,
    may_have_node_ports,
    needs_health_check_port,
    needs_node_ports,
    normalize_cluster_ips,
)
from kube.apiserver.kinds.services.pools import AddressPool, Pool, RangeFull, port_static_count
from kube.apiserver.status import FieldError, StatusError, internal_error, invalid_value

Object = dict[str, Any]
Spec = dict[str, Any]

# The label values by which IPAddress objects made for Services are known (KEP-1880).
MANAGED_BY = "ipallocator.k8s.io"


class ServiceAllocator:
    """In memory; the caller keeps its order with the store by holding one lock around both.

    `assign` reserves at once. Then call `settle` when the write succeeded, `revert` when it did not or
    was a dry run; `release` after a deletion.
    """

    def __init__(
        self,
        cidrs: Sequence[str],
        node_ports: tuple[int, int] = (30_000, 32_767),
        *,
        rng: Random | None = None,
    ) -> None:
        self._rng = rng or Random()
        first, last = node_ports
        self._ports = Pool(first, last, port_static_count(last - first + 1), self._rng)
        self._taken: dict[str, set[int]] = {"IPv4": set(), "IPv6": set()}  # in whatever range
        self._first = tuple(cidrs)
        self._addresses: list[AddressPool] = []
        self.set_cidrs(())
        self._families = tuple(dict.fromkeys(pool.family for pool in self._addresses))

    @property
    def families(self) -> tuple[str, ...]:
        """The cluster's IP families, the default one first."""
        return self._families

    def set_cidrs(self, more: Iterable[str]) -> None:
        """The ranges in use beside the first ones; what is taken stays so, in ranges that come later, too."""
        networks = dict.fromkeys(ipaddress.ip_network(cidr) for cidr in (*self._first, *more))
        self._addresses = [
            AddressPool(str(network), self._rng, self._taken["IPv6" if network.version == 6 else "IPv4"])
            for network in networks
        ]

    def rebuild(
        self, services: Iterable[Mapping[str, Any]], ip_addresses: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        """Takes what stored Services, and IPAddress objects of others, hold; forgets the rest."""
        self._ports.used.clear()
        for taken in self._taken.values():
            taken.clear()
        for service in services:
            spec = service.get("spec") or {}
            self._take_all(_addresses_of(spec), _ports_of(spec))
        self._take_all({(item.get("metadata") or {}).get("name", "") for item in ip_addresses}, set())

    def assign(self, new: Object, old: Object | None = None) -> list[FieldError]:
        """Fills in families, clusterIP(s), nodePorts and healthCheckNodePort of `new` in place.

        On errors nothing stays reserved. StatusError 500 when a range is full.
        """
        spec = new.setdefault("spec", {})
        before: Spec | None = None
        if old is not None:
            before = old.get("spec") or {}
            normalize_cluster_ips(spec, before)
            keep_allocated(spec, before)
            drop_unneeded(spec, before)
        else:
            normalize_cluster_ips(spec, None)
        errors = settle_families(spec, before, self._families)
        if errors:
            return errors
        reserved = _Reserved(self)
        try:
            errors = self._assign_addresses(spec, before, reserved)
            errors = errors or self._assign_ports(spec, before, reserved)
        except StatusError:
            reserved.undo()
            raise
        if errors:
            reserved.undo()
        return errors

    def settle(self, new: Object, old: Object) -> None:
        """After an update: frees what `old` held and `new` does not."""
        before, spec = old.get("spec") or {}, new.get("spec") or {}
        self._free(_addresses_of(before) - _addresses_of(spec), _ports_of(before) - _ports_of(spec))

    def revert(self, new: Object, old: Object | None = None) -> None:
        """After a write that failed: frees what `new` was given beyond `old`."""
        before, spec = (old or {}).get("spec") or {}, new.get("spec") or {}
        self._free(_addresses_of(spec) - _addresses_of(before), _ports_of(spec) - _ports_of(before))

    def release(self, service: Object) -> None:
        """After a deletion."""
        spec = service.get("spec") or {}
        self._free(_addresses_of(spec), _ports_of(spec))

    def ip_address_objects(self, service: Object) -> list[Object]:
        """The IPAddress objects that show a Service's addresses as taken, without server-set metadata."""
        metadata = service.get("metadata") or {}
        parent = {
            "group": "",
            "resource": "services",
            "namespace": metadata.get("namespace", ""),
            "name": metadata.get("name", ""),
        }
        return [
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "IPAddress",
                "metadata": {
                    "name": str(ipaddress.ip_address(address)),
                    "labels": {
                        "ipaddress.kubernetes.io/ip-family": family_of(address),
                        "ipaddress.kubernetes.io/managed-by": MANAGED_BY,
                    },
                },
                "spec": {"parentRef": parent},
            }
            for address in sorted(_addresses_of(service.get("spec") or {}))
        ]

    def _assign_addresses(self, spec: Spec, old: Spec | None, reserved: "_Reserved") -> list[FieldError]:
        if spec.get("type") == "ExternalName" or is_headless(spec):
            return []
        addresses: list[str] = list(spec.get("clusterIPs") or ())
        held = _addresses_of(old or {})
        for index, family in enumerate(spec.get("ipFamilies") or ()):
            if index >= len(addresses):
                addresses.append(reserved.any_address(self._pools(family), family))
            elif addresses[index] not in held:
                why = reserved.address(self._pools(family), addresses[index])
                if why:
                    detail = f"failed to allocate IP {addresses[index]}: {why}"
                    return [invalid_value("spec.clusterIPs", addresses, detail)]
        spec["clusterIPs"] = addresses
        if addresses:
            spec["clusterIP"] = addresses[0]
        return []

    def _assign_ports(self, spec: Spec, old: Spec | None, reserved: "_Reserved") -> list[FieldError]:
        held = _ports_of(old or {})
        if may_have_node_ports(spec):
            errors = self._assign_node_ports(spec, held, reserved)
            if errors:
                return errors
        if not needs_health_check_port(spec):
            return []
        asked = spec.get("healthCheckNodePort")
        if not asked:
            spec["healthCheckNodePort"] = reserved.any_port(self._ports)
        elif asked not in held:
            why = reserved.port(self._ports, asked)
            if why:
                raise internal_error(f"failed to allocate requested HealthCheck NodePort {asked}: {why}")
        return []

    def _assign_node_ports(self, spec: Spec, held: set[int], reserved: "_Reserved") -> list[FieldError]:
        """One number may serve the same port in several protocols, else each port has its own."""
        shared: dict[int, int] = {}
        for port in spec.get("ports") or ():
            if port.get("nodePort"):
                shared.setdefault(port.get("port", 0), port["nodePort"])
        taken: set[int] = set()
        automatic = needs_node_ports(spec)
        for index, port in enumerate(spec.get("ports") or ()):
            asked = port.get("nodePort")
            if not asked and not automatic:
                continue
            number = asked or shared.get(port.get("port", 0))
            if not number:
                number = reserved.any_port(self._ports)
                shared[port.get("port", 0)] = number
                taken.add(number)
            elif number not in held and number not in taken:
                why = reserved.port(self._ports, number)
                if why:
                    return [invalid_value(f"spec.ports[{index}].nodePort", number, why)]
                taken.add(number)
            port["nodePort"] = number
        return []

    def _pools(self, family: str) -> list[AddressPool]:
        return [pool for pool in self._addresses if pool.family == family]

    def _take_all(self, addresses: Iterable[str], ports: Iterable[int]) -> None:
        for address in addresses:
            with suppress(ValueError):
                self._taken[family_of(address)].add(int(ipaddress.ip_address(address)))
        for port in ports:
            self._ports.take(port)

    def _free(self, addresses: Iterable[str], ports: Iterable[int]) -> None:
        for address in addresses:
            with suppress(ValueError):
                self._taken[family_of(address)].discard(int(ipaddress.ip_address(address)))
        for port in ports:
            self._ports.release(port)

    def pool_of(self, address: str) -> AddressPool | None:
        """The range that holds the address."""
        try:
            number = ipaddress.ip_address(address)
        except ValueError:
            return None
        family = "IPv6" if number.version == 6 else "IPv4"
        for pool in self._addresses:
            if pool.family == family and int(number) in pool:
                return pool
        return None


class _Reserved:
    """What one assign has taken, so that it can be given back whole."""

    def __init__(self, allocator: ServiceAllocator) -> None:
        self._allocator = allocator
        self._taken: list[tuple[Pool, int]] = []

    def undo(self) -> None:
        for pool, number in self._taken:
            pool.release(number)

    def any_address(self, pools: Sequence[AddressPool], family: str) -> str:
        for pool in pools:
            try:
                number = pool.take_any()
            except RangeFull:
                continue
            self._taken.append((pool, number))
            return pool.text(number)
        raise internal_error(f"failed to allocate a serviceIP: range of {family} is full")

    def address(self, pools: Sequence[AddressPool], address: str) -> str:
        """Why the address cannot be had, "" when it was."""
        pool = self._allocator.pool_of(address)
        if pool is None:
            ranges = ", ".join(str(pool.network) for pool in pools)
            return (
                f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {ranges}"
            )
        number = int(ipaddress.ip_address(address))
        if not pool.take(number):
            return "provided IP is already allocated"
        self._taken.append((pool, number))
        return ""

    def any_port(self, pool: Pool) -> int:
        try:
            number = pool.take_any()
        except RangeFull as error:
            raise internal_error("failed to allocate a nodePort: range is full") from error
        self._taken.append((pool, number))
        return number

    def port(self, pool: Pool, number: int) -> str:
        """Why the port cannot be had, "" when it was."""
        if number not in pool:
            valid = f"{pool.first}-{pool.last}"
            return f"provided port is not in the valid range. The range of valid ports is {valid}"
        if not pool.take(number):
            return "provided port is already allocated"
        self._taken.append((pool, number))
        return ""


def _addresses_of(spec: Spec) -> set[str]:
    if spec.get("type") == "ExternalName":
        return set()
    addresses = set(spec.get("clusterIPs") or ())
    if spec.get("clusterIP"):
        addresses.add(spec["clusterIP"])
    addresses.discard(HEADLESS)
    return addresses


def _ports_of(spec: Spec) -> set[int]:
    ports = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    if spec.get("healthCheckNodePort"):
        ports.add(spec["healthCheckNodePort"])
    return ports
