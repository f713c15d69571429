"""`kproxy top`: live connections by service and endpoint on this node, as the kernel tracks and counts them."""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence

import msgspec

from kproxy import surroundings
from kproxy.addresses import IPV4, IPV6
from kproxy.backends.registry import BACKENDS, BackendError, Counting
from kproxy.commands.manifests_disk import objects_of_files
from kproxy.commands.top import NOTHING_COUNTED, Counted, Flow, Row, rows
from kproxy.commands.view_run import (
    configuration_of,
    intake_of,
    objects_of_server,
    surroundings_of,
    traced_mode,
)
from kproxy.configuration.config import Configuration
from kproxy.forwarding import Endpoint
from kproxy.metrics.counters import by_endpoint, by_service
from kproxy.node import NodeRules
from kproxy.run import node_name
from kube.objects.value import Object
from linux import logging_kv
from linux.conntrack.socket import Conntrack
from linux.conntrack.wire import STATUS_DESTINATION_NAT

_EXAMPLES = """examples:
  kproxy top --config /var/lib/kube-proxy/config.conf
  kproxy top --kubeconfig kube-proxy.kubeconfig --watch 2 --limit 10
"""


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kproxy top",
        description="Live connections by service and endpoint: the busiest first.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "-f", "--file", "--filename", action="append", default=[], help="objects; without it the API's"
    )
    made.add_argument("--config", metavar="FILE", help="KubeProxyConfiguration of the running proxy")
    made.add_argument("--cluster-cidr", default="", help=argparse.SUPPRESS)
    made.add_argument("--kubeconfig", default="", help="where to read the objects")
    made.add_argument("--node", default="", help="this node's name, if it is not the host's")
    made.add_argument("--limit", type=int, default=20, metavar="N", help="services shown; 20 unless told")
    made.add_argument("--watch", type=float, default=0.0, metavar="SECONDS", help="again and again")
    made.add_argument("-o", "--output", default="text", choices=("text", "json"))
    made.set_defaults(node_ip=[])
    return made


def top_command(arguments: Sequence[str]) -> int:
    parsed = _parser().parse_args(arguments)
    logging_kv.setup("kproxy", "warning")
    config = configuration_of(parsed)
    while True:
        objects = (
            list(objects_of_files(parsed.file)) if parsed.file else asyncio.run(objects_of_server(config))
        )
        _print(list(_rows(config, parsed, objects))[: parsed.limit], parsed.output)
        if not parsed.watch:
            return 0
        time.sleep(parsed.watch)


def _rows(config: Configuration, parsed: argparse.Namespace, objects: list[Object]) -> Iterator[Row]:
    around = surroundings_of(parsed, objects, parsed.node or node_name(config), live=True)
    found: list[Row] = []
    for family in (IPV4, IPV6):
        node = surroundings.node_rules(config, around, family)
        table = intake_of(config, around, objects, family).tables[family]
        found += rows(table, node, _flows(family), _counted(config, node))
    yield from sorted(found, key=lambda row: -row.live)


def _flows(family: int) -> Iterator[Flow]:
    try:
        with Conntrack() as table:
            entries = table.entries(ipv6=family == IPV6)
    except OSError as error:
        raise BackendError(f"connection tracking cannot be read ({error}): run as root") from error
    for entry in entries:
        if entry.status & STATUS_DESTINATION_NAT and not entry.has_ended:
            sent, answer = entry.original, entry.reply
            endpoint = str(Endpoint(ip=answer.source, port=answer.source_port))
            yield Flow(sent.destination, sent.destination_port, sent.protocol, endpoint)


def _counted(config: Configuration, node: NodeRules) -> Counted:
    """Nothing where the mode counts nothing or writes nothing here."""
    entry = next((e for e in BACKENDS if e.name == traced_mode(config)), None)
    if entry is None:
        return NOTHING_COUNTED
    try:
        (backend,) = entry.load()({node.family: node}, own_table=False).values()
        if not isinstance(backend, Counting):
            return NOTHING_COUNTED
        return Counted(by_service(backend.service_counts()), by_endpoint(backend.endpoint_counts()))
    except (BackendError, OSError):
        return NOTHING_COUNTED


def _print(found: Sequence[Row], output: str) -> None:
    if output == "json":
        print(json.dumps(msgspec.to_builtins(found)), flush=True)
        return
    print(f"{'LIVE':>7} {'NEW':>9}  SERVICE / ENDPOINT")
    for row in found:
        total = "-" if row.new_total is None else row.new_total
        print(f"{row.live:7} {total:>9}  {row.service} {row.protocol}")
        for endpoint in row.endpoints:
            new = "" if endpoint.new_total is None else endpoint.new_total
            print(f"{endpoint.live:7} {new:>9}    {endpoint.address}")
    print(flush=True)
