"""Which servers a forward line names, and in which order they are tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from dns.handlers.forward_options import Options
from dns.upstream.targets import Target, is_address, parse_target, resolv_conf_targets

MAX_TARGETS = 15


def order(policy: str, count: int, turn: int, rng: Random) -> list[int]:
    """In which order servers are tried for one question."""
    if policy == "sequential" or count == 1:
        return list(range(count))
    if policy == "round_robin":
        start = turn % count
        return [*range(start, count), *range(start)]
    order_ = list(range(count))
    rng.shuffle(order_)
    return order_


def targets_of(
    options: Options,
    read_text: Callable[[str], str],
    lookup: Callable[[str, Sequence[str]], tuple[str, ...]],
) -> tuple[list[Target], list[str]]:
    """The servers that a line's words name, and what there is to say about them."""
    found: list[Target] = []
    notices: list[str] = []
    for place in options.places:
        if not place.startswith(("/", ".")):
            target = parse_target(place)
            name = target.server_name or options.tls_server_name
            if is_address(target.host.partition("%")[0]):
                found.append(msgspec.structs.replace(target, server_name=name))
                continue
            try:
                hosts = lookup(target.host, tuple(one.text for one in options.resolvers))
            except OSError as problem:
                raise options.line.error(f"plugin/forward: {target.host}: {problem.strerror}") from problem
            name = name or target.host.rstrip(".")
            found += [msgspec.structs.replace(target, host=host, server_name=name) for host in hosts]
            continue
        try:
            listed, said = resolv_conf_targets(place, read_text)
        except OSError as problem:
            raise options.line.error(f"plugin/forward: {place}: {problem.strerror}") from problem
        found += listed
        notices += said
    if len(found) > MAX_TARGETS:
        raise options.line.error(f"plugin/forward: more than {MAX_TARGETS} servers: {len(found)}")
    return list(dict.fromkeys(found)), notices
