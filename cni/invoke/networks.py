"""Configuration lists and what each plugin of one is told, pure (SPEC.md 1.1.0, sections 1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cni.spec import versions


class NetworkError(Exception):
    """What is wrong with a configuration, and where."""


class Network(NamedTuple):
    name: str
    version: str
    plugins: tuple[Mapping[str, Any], ...]


def parse(body: object, source: str) -> Network:
    """A .conflist, or a single plugin's .conf."""
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or not body["name"]:
        raise NetworkError(f"{source}: the network has no name")
    plugins = body.get("plugins", [body])
    if not isinstance(plugins, list) or not plugins:
        raise NetworkError(f"{source}: there are no plugins in the list")
    for plugin in plugins:
        if not isinstance(plugin, dict) or not isinstance(plugin.get("type"), str):
            raise NetworkError(f"{source}: a plugin has no type")
    return Network(body["name"], choose_version(body), tuple(plugins))


def choose_version(body: Mapping[str, Any]) -> str:
    """The highest that both sides know, of cniVersion and cniVersions."""
    offered = [body.get("cniVersion") or versions.OLDEST, *body.get("cniVersions", ())]
    known = [version for version in offered if version in versions.ALL]
    return max(known, key=versions.parse) if known else str(offered[0])


def stdin_of(
    network: Network,
    plugin: Mapping[str, Any],
    previous: object,
    capability_args: Mapping[str, Any],
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The plugin's own configuration with what the runtime adds; capability arguments as far as it asks for them."""
    asked = plugin.get("capabilities") or {}
    runtime = {key: value for key, value in capability_args.items() if asked.get(key)}
    body = {**plugin, **extra, "name": network.name, "cniVersion": network.version}
    if runtime:
        body["runtimeConfig"] = {**plugin.get("runtimeConfig", {}), **runtime}
    if previous is not None:
        body["prevResult"] = previous
    return body


def order(network: Network, verb: str) -> Sequence[Mapping[str, Any]]:
    """DEL goes backwards."""
    return tuple(reversed(network.plugins)) if verb == "DEL" else network.plugins
