"""A cache on each node: takes addresses on a link of its own and keeps their packets out of connection tracking.

nodecache 169.254.20.10 10.96.0.10 {
    interface nodelocaldns
    no_rules
}
"""

from __future__ import annotations

from ipaddress import ip_address

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, no_args, one_line, one_word, unknown_option

DEFAULT_ADDRESS = "169.254.20.10"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    addresses: tuple[str, ...]
    interface: str = "nodelocaldns"
    rules: bool = True


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    addresses = []
    for word in line.words or (DEFAULT_ADDRESS,):
        try:
            addresses.append(str(ip_address(word)))
        except ValueError:
            raise line.error(f"nodecache takes addresses, found {word!r}") from None
    interface, rules = "nodelocaldns", True
    for option in line.body:
        match option.name.text:
            case "interface":
                interface = one_word(option)
                if not 0 < len(interface) < 16:
                    raise option.error(f"{interface!r} is no interface name: 1 to 15 characters")
            case "no_rules":
                no_args(option)
                rules = False
            case _:
                raise unknown_option("nodecache", option)
    return Options(addresses=tuple(addresses), interface=interface, rules=rules)


def build(options: Options, site: Site, following: Serve) -> Serve:
    world = site.world
    port = site.block.keys[0].port
    errors = world.registry.counter(
        "coredns_nodecache_setup_errors_total",
        "The number of errors during periodic network setup for node-cache.",
        "errortype",
    )
    for kind in ("interface_add", "rules"):
        errors.add(0, kind)

    async def start() -> None:
        from dns.nodecache import apply

        try:
            apply.setup_link(options.interface, options.addresses)
        except OSError as problem:
            errors.add(1, "interface_add")
            world.log(
                "error", f"plugin/nodecache: {options.interface}: {problem}: the addresses are not taken"
            )
        if not options.rules:
            return
        try:
            apply.setup_rules(options.addresses, port)
        except OSError as problem:
            errors.add(1, "rules")
            world.log("error", f"plugin/nodecache: {problem}: packets to the cache are tracked")

    def stop() -> None:
        from dns.nodecache import apply

        apply.teardown(options.interface, options.addresses, rules=options.rules)

    world.startup.append(start)
    world.cleanup.append(stop)
    return following
