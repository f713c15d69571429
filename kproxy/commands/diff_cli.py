"""`kproxy diff`: what manifests would change, against other files or against the API server."""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import cast

import msgspec

from kproxy import surroundings
from kproxy.addresses import IPV4, IPV6
from kproxy.backends.registry import BACKENDS
from kproxy.commands.diff import Difference, difference
from kproxy.commands.manifests_disk import objects_of_files
from kproxy.commands.view_run import (
    add_node_options,
    configuration_of,
    intake_of,
    objects_of_server,
    only_node,
    surroundings_of,
    traced_mode,
)
from kproxy.configuration.config import Configuration
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.run import node_name
from kube.objects import NamespacedName, key_of
from kube.objects.value import Object
from linux import logging_kv

_EXAMPLES = """examples:
  kproxy diff -f manifests/ --kubeconfig kube-proxy.kubeconfig
  kproxy diff --from before/ -f after/ --node worker --node-ip 192.168.0.2 -o json
"""
_FAMILY_NAMES = {IPV4: "IPv4", IPV6: "IPv6"}


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kproxy diff",
        description="What a change would do to this node's traffic and rules. Ends with 1 if anything differs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "-f",
        "--file",
        "--filename",
        action="append",
        default=[],
        required=True,
        help="manifests: a file or a folder",
    )
    made.add_argument(
        "--from", dest="before", action="append", default=[], help="the state before; without it the API's"
    )
    made.add_argument("--whole", action="store_true", help="-f is everything: what it lacks is removed")
    add_node_options(made, config="KubeProxyConfiguration; its mode's rules are compared")
    made.add_argument("--kubeconfig", default="", help="without --from: where to read the state before")
    made.add_argument("-o", "--output", default="text", choices=("text", "json"))
    return made


def diff_command(arguments: Sequence[str]) -> int:
    """0: nothing differs, 1: something does, as diff ends."""
    parsed = _parser().parse_args(arguments)
    logging_kv.setup("kproxy", "warning")
    config = configuration_of(parsed)
    live = not parsed.before
    before = asyncio.run(objects_of_server(config)) if live else list(objects_of_files(parsed.before))
    given = list(objects_of_files(parsed.file))
    after = given if parsed.whole else overlaid(before, given)
    name = parsed.node or only_node(after) or node_name(config)
    found = [
        _difference(config, parsed, (before, after), name, family=family, live=live)
        for family in _FAMILY_NAMES
    ]
    found = [one for one in found if not one.is_empty]
    if parsed.output == "json":
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        for one in found:
            _print(one)
    return int(bool(found))


def overlaid(before: Iterable[Object], given: Iterable[Object]) -> list[Object]:
    """As after `kubectl apply`: what is given takes the place of what has its kind and name."""
    merged: dict[tuple[type[Object], NamespacedName], Object] = {(type(o), key_of(o)): o for o in before}
    for item in given:
        merged[type(item), key_of(item)] = item
    return list(merged.values())


def _difference(
    config: Configuration,
    parsed: argparse.Namespace,
    states: tuple[list[Object], list[Object]],
    name: str,
    *,
    family: int,
    live: bool,
) -> Difference:
    tables: list[ForwardingTable] = []
    rules: list[list[str]] = []
    for objects in states:
        around = surroundings_of(parsed, objects, name, live=live)
        table = intake_of(config, around, objects, family).tables[family]
        tables.append(table)
        rules.append(_lines(config, table, surroundings.node_rules(config, around, family)))
    return difference(_FAMILY_NAMES[family], tables[0], tables[1], rules[0], rules[1])


def _lines(config: Configuration, table: ForwardingTable, node: NodeRules) -> list[str]:
    """[] where the mode's rules cannot be said as lines."""
    entry = next((e for e in BACKENDS if e.name == traced_mode(config)), None)
    if entry is None:
        return []
    package = entry.module.rpartition(".")[0]
    try:
        module = import_module(f"{package}.lines")
    except ModuleNotFoundError as error:
        if error.name != f"{package}.lines":
            raise
        return []
    return cast("Callable[[ForwardingTable, NodeRules], list[str]]", module.lines)(table, node)


def _print(found: Difference) -> None:
    for service in found.services:
        print(f"{service.change:8} {service.service} {service.protocol} {found.family}")
        for line in service.behaviour:
            print(f"    {line}")
    print(f"rules {found.family}: {len(found.rules_removed)} removed, {len(found.rules_added)} added")
    for line in found.rules_removed:
        print(f"  - {line}")
    for line in found.rules_added:
        print(f"  + {line}")
