"""What `explain` and `diff` look at: configuration, objects from files or the API server, the node as it is said to be."""

import argparse
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from kproxy import node_socket, surroundings
from kproxy.addresses import IPV4, IPV6, canonical_ip
from kproxy.backends.registry import BACKENDS
from kproxy.commands.manifests_disk import KINDS
from kproxy.configuration.config import Configuration
from kproxy.configuration.validation import validate
from kproxy.intake import Intake
from kproxy.run import client_of
from kproxy.surroundings import Surroundings
from kube.objects import (
    HEADLESS_LABEL,
    PROXY_NAME_LABEL,
    EndpointSlice,
    Node,
    Service,
    ServiceCIDR,
    decode,
    encode,
    key_of,
)
from kube.objects.value import Object


def add_node_options(parser: argparse.ArgumentParser, *, config: str) -> None:
    """The node whose view is wanted, as `configuration_of` and `surroundings_of` read it; `config`: help."""
    parser.add_argument("--config", metavar="FILE", help=config)
    parser.add_argument("--cluster-cidr", default="", help="without --config: pods' ranges")
    parser.add_argument("--node", default="", help="name of the node whose view is wanted")
    parser.add_argument(
        "--node-ip",
        action="extend",
        type=_addresses,
        default=[],
        metavar="IP",
        help="address of that node, the primary first; more with commas, or given again",
    )


def _addresses(text: str) -> list[str]:
    found = [canonical_ip(part.strip()) for part in text.split(",")]
    if None in found:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address")
    return [ip for ip in found if ip is not None]


def configuration_of(parsed: argparse.Namespace) -> Configuration:
    if parsed.config:
        from kproxy.configuration import config_disk

        config = config_disk.load(parsed.config)
    else:
        config = Configuration(cluster_cidr=parsed.cluster_cidr)
    if parsed.kubeconfig:
        connection = msgspec.structs.replace(config.client_connection, kubeconfig=parsed.kubeconfig)
        config = msgspec.structs.replace(config, client_connection=connection)
    validate(config)
    return config


def traced_mode(config: Configuration) -> str:
    return BACKENDS[0].name if config.mode == "auto" else config.effective_mode


async def objects_of_server(config: Configuration) -> list[Object]:
    client = client_of(config)
    try:
        found: list[Object] = []
        for kind in KINDS.values():
            found += (await client.list(kind)).items
        return found
    finally:
        await client.close()


def only_node(objects: Iterable[Object]) -> str:
    names = [o.metadata.name for o in objects if isinstance(o, Node)]
    return names[0] if len(names) == 1 else ""


def surroundings_of(
    parsed: argparse.Namespace, objects: list[Object], name: str, *, live: bool
) -> Surroundings:
    node = next((o for o in objects if isinstance(o, Node) and o.metadata.name == name), None)
    given: tuple[str, ...] = tuple(parsed.node_ip)
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


def intake_of(config: Configuration, around: Surroundings, objects: Iterable[Object], family: int) -> Intake:
    """Without what a proxy does not even watch."""
    intake = Intake((family,), surroundings.place(config, around))
    for item in objects:
        if isinstance(item, Service):
            if PROXY_NAME_LABEL not in item.metadata.labels:
                intake.set_service(key_of(item), item)
        elif isinstance(item, EndpointSlice) and HEADLESS_LABEL not in item.metadata.labels:
            intake.set_slice(key_of(item), item)
    intake.refresh()
    return intake
