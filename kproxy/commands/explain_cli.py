"""`kproxy explain`: from files with nothing running, or from the API server and the kernel of this node."""

import argparse
import asyncio
import json
from collections.abc import Sequence

import msgspec

from kproxy import surroundings
from kproxy.addresses import canonical_ip, family_of
from kproxy.backends.registry import BACKENDS
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
from kproxy.explain import Explanation, Said, explain
from kproxy.run import node_name
from kproxy.walk import Packet, is_local_address
from linux import logging_kv

_EXAMPLES = """examples:
  kproxy explain 10.244.1.7 10.96.0.10:53 --proto udp --kubeconfig kube-proxy.kubeconfig
  kproxy explain -f objects.yaml --node worker --node-ip 192.168.0.2 203.0.113.9 192.168.0.2:30080 -o json
"""
# What tells these modes apart for some packets: see the README beside each.
_OWN_WAYS = {
    "ipvs": "IPVS decides by address and port alone",
    "userspace": "connections end at this node and begin anew",
}


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kproxy explain",
        description="What happens to the first packet of a connection, and why.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("source", metavar="SRC", type=_address, help="IP address it comes from")
    made.add_argument(
        "destination", metavar="DST:PORT", type=_address_and_port, help="an IPv6 address in brackets"
    )
    made.add_argument("--proto", default="tcp", type=str.lower, choices=("tcp", "udp", "sctp"))
    made.add_argument(
        "--in-iface", default="", help="interface it comes in by; eth0 unless the node sends it"
    )
    made.add_argument(
        "-f",
        "--file",
        "--filename",
        action="append",
        default=[],
        metavar="FILE",
        help="objects, - for standard input; then nothing need be running",
    )
    add_node_options(made, config="KubeProxyConfiguration; its mode is explained")
    made.add_argument("--kubeconfig", default="", help="without -f: where to read the objects")
    made.add_argument("-o", "--output", default="text", choices=("text", "json"))
    return made


def explain_command(arguments: Sequence[str]) -> int:
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if family_of(parsed.source) != family_of(parsed.destination[0]):
        parser.error("SRC and DST are of different IP families")
    logging_kv.setup("kproxy", "warning")
    config = configuration_of(parsed)
    packet, family = _packet(parsed), family_of(parsed.source)
    objects = list(objects_of_files(parsed.file)) if parsed.file else asyncio.run(objects_of_server(config))
    name = parsed.node or (only_node(objects) if parsed.file else "") or node_name(config)
    around = surroundings_of(parsed, objects, name, live=not parsed.file)
    intake = intake_of(config, around, objects, family)
    node = surroundings.node_rules(config, around, family)
    if not packet.in_interface and not is_local_address(node, packet.source):
        packet = msgspec.structs.replace(packet, in_interface="eth0")
    mode = traced_mode(config)
    tracer = next(e for e in BACKENDS if e.name == mode).tracer()
    said = Said(
        planned=tracer.planned(intake.tables[family], node, packet),
        live=None if parsed.file else tracer.live(node, packet),
        own_way=_OWN_WAYS.get(mode, ""),
    )
    _print(explain(intake, node, packet, said), parsed.output)
    return 0


def _packet(parsed: argparse.Namespace) -> Packet:
    destination, port = parsed.destination
    return Packet(
        source=parsed.source,
        destination=destination,
        port=port,
        protocol=parsed.proto.upper(),
        in_interface=parsed.in_iface,
    )


def _address(text: str) -> str:
    found = canonical_ip(text.removeprefix("[").removesuffix("]"))
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address")
    return found


def _address_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: write it as 10.96.0.10:53 or [fd00::1]:53")
    return _address(host), int(port)


def _print(found: Explanation, output: str) -> None:
    if output == "json":
        print(json.dumps(msgspec.to_builtins(found)))
        return
    print(f"verdict     {found.verdict}")
    if found.service:
        print(f"service     {found.service}")
    if found.targets:
        print(f"targets     {', '.join(found.targets)}")
        print(f"masquerade  {'yes' if found.masquerade else 'no'}")
    for line in found.because:
        print(f"  - {line}")
