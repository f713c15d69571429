"""Numbers handed out from a range whose lowest part is left to those who choose their own.

Automatic choice takes from the upper, dynamic band while it lasts, so that fixed addresses stay free for
manifests that name them (KEP-3070, KEP-3668).
"""

import ipaddress
from random import Random

_TRIES = 16


class RangeFull(Exception):
    """No number of the range is free."""


class Pool:
    """The numbers first..last; `static_count` of them, from the low end, are chosen last."""

    def __init__(
        self, first: int, last: int, static_count: int, rng: Random, used: set[int] | None = None
    ) -> None:
        self.first = first
        self.last = last
        self.dynamic_first = min(first + static_count, last + 1)
        self.used: set[int] = used if used is not None else set()
        self._rng = rng

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    def take(self, number: int) -> bool:
        """False when it is taken already."""
        if number in self.used:
            return False
        self.used.add(number)
        return True

    def take_any(self) -> int:
        """A random free number of the dynamic band, else of the static one."""
        for low, high in ((self.dynamic_first, self.last), (self.first, self.dynamic_first - 1)):
            number = self._free_between(low, high)
            if number is not None:
                self.used.add(number)
                return number
        raise RangeFull("range is full")

    def _free_between(self, low: int, high: int) -> int | None:
        if low > high:
            return None
        for _ in range(_TRIES):
            number = self._rng.randint(low, high)
            if number not in self.used:
                return number
        if high - low + 1 <= sum(low <= number <= high for number in self.used):
            return None
        start = self._rng.randint(low, high)
        number = start
        while number in self.used:
            number = number + 1 if number < high else low
        return number

    def release(self, number: int) -> None:
        self.used.discard(number)


class AddressPool(Pool):
    """The host addresses of one CIDR: all but the network's own, and the broadcast address of IPv4.

    `used` is shared by ranges that may overlap.
    """

    def __init__(self, cidr: str, rng: Random, used: set[int] | None = None) -> None:
        network = ipaddress.ip_network(cidr)
        self.network = network
        self.family = "IPv6" if network.version == 6 else "IPv4"
        first = int(network.network_address) + 1
        last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
        size = max(last - first + 1, 0)
        super().__init__(first, max(last, first - 1), address_static_count(size), rng, used)

    def text(self, number: int) -> str:
        if self.family == "IPv6":
            return str(ipaddress.IPv6Address(number))
        return str(ipaddress.IPv4Address(number))


def address_static_count(size: int) -> int:
    """Between 16 and 256 addresses, a sixteenth of the range in between; none of a tiny range."""
    return min(max(16, size // 16), 256) if size > 16 else 0


def port_static_count(size: int) -> int:
    """Between 16 and 128 ports, a thirty-second of the range in between; none of a tiny range."""
    return min(max(16, size // 32), 128) if size > 16 else 0
