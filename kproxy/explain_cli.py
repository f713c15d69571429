"""`kproxy explain`: from files with nothing running, or from the API server and the kernel of this node."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kproxy import node_socket, surroundings
from kproxy.addresses import IPV4, IPV6, canonical_ip, family_of
from kproxy.backends.registry import BACKENDS
from kproxy.config import ConfigError, Configuration, validate
from kproxy.explain import Explanation, RulesSay, explain
from kproxy.intake import Intake
from kproxy.run import client_of, node_name
from kproxy.surroundings import Surroundings
from kproxy.walk import Packet
from kube.objects import EndpointSlice, Node, Service, ServiceCIDR, decode, encode, key_of
from kube.objects.value import Object
from linux import logging_kv

_KINDS: dict[str, type[Object]] = {
    "Service": Service,
    "EndpointSlice": EndpointSlice,
    "Node": Node,
    "ServiceCIDR": ServiceCIDR,
}
_EXAMPLES = """examples:
  kproxy explain 10.244.1.7 10.96.0.10:53 --proto udp --kubeconfig kube-proxy.kubeconfig
  kproxy explain -f objects.yaml --node worker --node-ip 192.168.0.2 203.0.113.9 192.168.0.2:30080 -o json
"""


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kproxy explain",
        description="What happens to the first packet of a connection, and why.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("source", metavar="SRC", help="IP address it comes from")
    made.add_argument("destination", metavar="DST:PORT", help="an IPv6 address in brackets")
    made.add_argument("--proto", default="tcp", choices=("tcp", "udp", "sctp"))
    made.add_argument(
        "--in-iface", default="", help="interface it comes in by; eth0 unless the node sends it"
    )
    made.add_argument(
        "-f", "--file", action="append", default=[], help="objects; then nothing need be running"
    )
    made.add_argument("--config", metavar="FILE", help="KubeProxyConfiguration; its mode is explained")
    made.add_argument("--cluster-cidr", default="", help="without --config: pods' ranges")
    made.add_argument("--node", default="", help="name of the node whose view is wanted")
    made.add_argument(
        "--node-ip", action="append", default=[], help="address of that node, the primary first"
    )
    made.add_argument("--kubeconfig", default="", help="without -f: where to read the objects")
    made.add_argument("-o", "--output", default="text", choices=("text", "json"))
    return made


def explain_command(arguments: Sequence[str]) -> int:
    parsed = _parser().parse_args(arguments)
    logging_kv.setup("kproxy", "warning")
    config = _config(parsed)
    packet, family = _packet(parsed)
    objects = list(_from_files(parsed.file)) if parsed.file else asyncio.run(_from_server(config))
    name = parsed.node or (_only_node(objects) if parsed.file else "") or node_name(config)
    around = _surroundings(parsed, objects, name, live=not parsed.file)
    intake = _intake(config, around, objects, family)
    node = surroundings.node_rules(config, around, family)
    if not packet.in_interface and packet.source not in around.addresses:
        packet = msgspec.structs.replace(packet, in_interface="eth0")
    entry = next((e for e in BACKENDS if e.name == _traced_mode(config)), None)
    said: list[RulesSay] = []
    if entry is not None:
        tracer = entry.tracer()
        said.append(tracer.planned(intake.tables[family], node, packet))
        if not parsed.file:
            live = tracer.live(node, packet)
            said += [live] if live is not None else []
    _print(explain(intake, node, packet, said), parsed.output)
    return 0


def surroundings_name(config: Configuration) -> str:
    import socket

    return (config.hostname_override or socket.gethostname()).lower()


def _traced_mode(config: Configuration) -> str:
    return BACKENDS[0].name if config.mode == "auto" else config.effective_mode


def _config(parsed: argparse.Namespace) -> Configuration:
    if parsed.config:
        from kproxy import config_disk

        config = config_disk.load(parsed.config)
    else:
        config = Configuration(cluster_cidr=parsed.cluster_cidr)
    if parsed.kubeconfig:
        connection = msgspec.structs.replace(config.client_connection, kubeconfig=parsed.kubeconfig)
        config = msgspec.structs.replace(config, client_connection=connection)
    validate(config)
    return config


def _packet(parsed: argparse.Namespace) -> tuple[Packet, int]:
    source = canonical_ip(parsed.source)
    host, colon, port = parsed.destination.rpartition(":")
    destination = canonical_ip(host.strip("[]"))
    if source is None or destination is None or not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigError("write SRC as an IP address and DST:PORT as 10.96.0.10:53 or [fd00::1]:53")
    if family_of(source) != family_of(destination):
        raise ConfigError("SRC and DST are of different IP families")
    packet = Packet(
        source=source,
        destination=destination,
        port=int(port),
        protocol=parsed.proto.upper(),
        in_interface=parsed.in_iface,
    )
    return packet, family_of(source)


def _from_files(paths: Iterable[str]) -> Iterator[Object]:
    import yaml

    for path in paths:
        try:
            text = sys.stdin.read() if path == "-" else Path(path).read_text()
            documents = list(yaml.safe_load_all(text))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"-f {path}: {error}") from error
        for document in documents:
            yield from _objects(document, path)


def _objects(document: Any, path: str) -> Iterator[Object]:
    if not isinstance(document, dict):
        return
    if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _objects(item, path)
        return
    kind = _KINDS.get(str(document.get("kind")))
    if kind is None:
        return
    metadata = document.setdefault("metadata", {})
    if kind.resource.namespaced:
        metadata.setdefault("namespace", "default")
    try:
        yield decode(kind, json.dumps(document, default=str).encode())
    except msgspec.DecodeError as error:
        raise ConfigError(f"-f {path}: {document['kind']} {metadata.get('name')}: {error}") from error


async def _from_server(config: Configuration) -> list[Object]:
    client = client_of(config)
    try:
        found: list[Object] = []
        for kind in _KINDS.values():
            found += (await client.list(kind)).items
        return found
    finally:
        await client.close()


def _only_node(objects: Iterable[Object]) -> str:
    names = [o.metadata.name for o in objects if isinstance(o, Node)]
    return names[0] if len(names) == 1 else ""


def _surroundings(
    parsed: argparse.Namespace, objects: list[Object], name: str, *, live: bool
) -> Surroundings:
    node = next((o for o in objects if isinstance(o, Node) and o.metadata.name == name), None)
    given = tuple(ip for text in parsed.node_ip if (ip := canonical_ip(text)) is not None)
    if len(given) != len(parsed.node_ip):
        raise ConfigError("--node-ip takes an IP address, once for each")
    addresses = given
    if given:
        node = _with_addresses(node, name, given)
    elif live:
        addresses = node_socket.local_addresses()
    elif node is not None:
        addresses = tuple(ip for a in node.status.addresses if (ip := canonical_ip(a.address)) is not None)
    cidrs = {cidr for o in objects if isinstance(o, ServiceCIDR) for cidr in o.spec.cidrs}
    return Surroundings(
        node_name=name,
        node=node,
        addresses=tuple(sorted(addresses)),
        service_cidrs=tuple(sorted(cidrs)),
        bridge_filtered=node_socket.bridge_filtered() if live else frozenset((IPV4, IPV6)),
    )


def _with_addresses(node: Node | None, name: str, ips: tuple[str, ...]) -> Node:
    """The Node as if these were its addresses."""
    document: dict[str, Any] = json.loads(encode(node)) if node is not None else {"metadata": {"name": name}}
    document.setdefault("status", {})["addresses"] = [{"type": "InternalIP", "address": ip} for ip in ips]
    return decode(Node, json.dumps(document).encode())


def _intake(config: Configuration, around: Surroundings, objects: Iterable[Object], family: int) -> Intake:
    intake = Intake((family,), surroundings.place(config, around))
    for item in objects:
        if isinstance(item, Service):
            if "service.kubernetes.io/service-proxy-name" not in item.metadata.labels:
                intake.set_service(key_of(item), item)
        elif isinstance(item, EndpointSlice):
            intake.set_slice(key_of(item), item)
    intake.refresh()
    return intake


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
