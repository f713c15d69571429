"""Finding the network, calling its plugins, keeping the result for CHECK and DEL where libcni keeps it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from cni.attachments.disk import names_in
from cni.delegation.run import find
from cni.invoke.networks import Network, NetworkError, order, parse, stdin_of
from linux.execute import execute

_RESULTS = "/var/lib/cni/results"
_TIMEOUT_S = 120.0
_WITH_PREVIOUS = ("DEL", "CHECK")


class Attachment(NamedTuple):
    container_id: str
    netns: str
    ifname: str
    args: str


class PluginFailed(Exception):
    """A plugin's own words, with its name."""


def load(conf_dir: str, name: str) -> Network:
    for file in names_in(conf_dir):
        if file.endswith((".conflist", ".conf", ".json")):
            path = f"{conf_dir}/{file}"
            try:
                with open(path, encoding="utf-8") as opened:
                    network = parse(json.load(opened), path)
            except (OSError, ValueError) as error:
                raise NetworkError(f"{path}: {error}") from error
            if network.name == name:
                return network
    raise NetworkError(f"no network is called {name} in {conf_dir}")


def main(
    verb: str, network: Network, attachment: Attachment, bin_dirs: str, capability_args: Mapping[str, Any]
) -> int:
    """Prints the result of ADD."""
    path = f"{_RESULTS}/{network.name}-{attachment.container_id}-{attachment.ifname}"
    previous = _cached(path) if verb in _WITH_PREVIOUS else None
    for plugin in order(network, verb):
        body = stdin_of(network, plugin, previous, capability_args, {})
        output = _call(verb, str(plugin["type"]), body, attachment, bin_dirs)
        if verb == "ADD":
            previous = json.loads(output)
    if verb == "ADD":
        _keep(path, network, attachment, previous)
        json.dump(previous, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif verb == "DEL" and os.path.exists(path):
        os.unlink(path)
    return 0


def _call(verb: str, kind: str, body: Mapping[str, Any], attachment: Attachment, bin_dirs: str) -> bytes:
    env = {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": attachment.container_id,
        "CNI_NETNS": attachment.netns,
        "CNI_IFNAME": attachment.ifname,
        "CNI_ARGS": attachment.args,
        "CNI_PATH": bin_dirs,
        "PATH": os.environ.get("PATH", ""),
    }
    done = execute([find(kind, bin_dirs)], stdin=json.dumps(body).encode(), env=env, timeout_s=_TIMEOUT_S)
    sys.stderr.write(done.stderr.decode(errors="replace"))
    if done.code:
        try:
            error = json.loads(done.stdout)
            said = f"{error['msg']} (code {error['code']}) {error.get('details', '')}".rstrip()
        except (ValueError, KeyError):
            said = done.stdout.decode(errors="replace") or f"exit status {done.code}"
        raise PluginFailed(f"{verb} of {kind}: {said}")
    return done.stdout


def _cached(path: str) -> object:
    """None where ADD's result is gone or unreadable: DEL must do without."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file).get("result")
    except (OSError, ValueError, AttributeError):
        return None


def _keep(path: str, network: Network, attachment: Attachment, result: object) -> None:
    body = {
        "kind": "cniCacheV1",
        "containerId": attachment.container_id,
        "ifName": attachment.ifname,
        "networkName": network.name,
        "netns": attachment.netns,
        "result": result,
    }
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(body, file)
