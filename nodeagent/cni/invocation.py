"""What one call of a CNI plugin is given (environment, stdin) and what its answer means; libcni's rules."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from nodeagent.cni.conflist import NetworkList, version_at_least


class Attachment(NamedTuple):
    """One sandbox on one network."""

    container_id: str
    netns: str
    if_name: str = "eth0"
    args: tuple[tuple[str, str], ...] = ()
    capability_args: Mapping[str, Any] = {}

    @property
    def args_text(self) -> str:
        return ";".join(f"{key}={value}" for key, value in self.args)


class PluginError(Exception):
    """A plugin refused. `code` is of the CNI specification, 999 for what fits nowhere else."""

    def __init__(self, plugin: str, code: int, message: str) -> None:
        super().__init__(f'plugin type="{plugin}" failed: {message}')
        self.code = code


def pod_attachment(
    sandbox_id: str,
    netns: str,
    *,
    namespace: str,
    name: str,
    uid: str,
    port_mappings: tuple[dict[str, object], ...],
) -> Attachment:
    """With the arguments that Kubernetes runtimes always send."""
    return Attachment(
        container_id=sandbox_id,
        netns=netns,
        args=(
            ("IgnoreUnknown", "1"),
            ("K8S_POD_NAMESPACE", namespace),
            ("K8S_POD_NAME", name),
            ("K8S_POD_INFRA_CONTAINER_ID", sandbox_id),
            ("K8S_POD_UID", uid),
        ),
        capability_args={"portMappings": list(port_mappings)} if port_mappings else {},
    )


def environment(verb: str, attachment: Attachment, bin_dirs: str, path: str) -> dict[str, str]:
    """CNI_* for the verb; `path` is PATH for what the plugin itself may start."""
    values = {"CNI_COMMAND": verb, "CNI_PATH": bin_dirs, "PATH": path}
    if verb == "GC":  # concerns no single attachment
        return values
    values |= {
        "CNI_CONTAINERID": attachment.container_id,
        "CNI_NETNS": attachment.netns,
        "CNI_IFNAME": attachment.if_name,
    }
    if attachment.args:
        values["CNI_ARGS"] = attachment.args_text
    return values


def stdin(
    network: NetworkList,
    plugin: Mapping[str, Any],
    attachment: Attachment,
    previous: Mapping[str, Any] | None,
) -> bytes:
    """The plugin's configuration with what the runtime injects: name, cniVersion, prevResult, runtimeConfig."""
    config = {**plugin, "name": network.name, "cniVersion": network.cni_version}
    if previous is not None:
        config["prevResult"] = previous
    wanted = plugin.get("capabilities") or {}
    runtime = {key: value for key, value in attachment.capability_args.items() if wanted.get(key)}
    if runtime:
        config["runtimeConfig"] = runtime
    return json.dumps(config).encode()


def previous_for_teardown(network: NetworkList, cached: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """DEL and CHECK get the cached result, but only from 0.4.0 on."""
    return cached if version_at_least(network.cni_version, "0.4.0") else None


def parse_result(network: NetworkList, plugin: str, output: str) -> dict[str, Any]:
    """An ADD's result; one that lacks its version gets the network's. Raises PluginError."""
    try:
        result = json.loads(output) if output.strip() else None
    except ValueError as error:
        raise PluginError(plugin, 999, f"unreadable result: {output[:200]!r}") from error
    if result is None:
        return {"cniVersion": network.cni_version}
    if not isinstance(result, dict):
        raise PluginError(plugin, 999, f"unreadable result: {output[:200]!r}")
    if not result.get("cniVersion"):
        result["cniVersion"] = network.cni_version
    return result


def plugin_error(plugin: str, output: str, stderr: str) -> PluginError:
    """From what a failed plugin printed: error JSON on stdout, else plain text."""
    if not output.strip():
        text = stderr.strip() or "netplugin failed with no error message"
        return PluginError(plugin, 999, f"netplugin failed: {text!r}" if stderr.strip() else text)
    try:
        body = json.loads(output)
        message, details = str(body.get("msg", "")), str(body.get("details", "") or "")
        return PluginError(
            plugin, int(body.get("code", 999)), f"{message}; {details}" if details else message
        )
    except (ValueError, AttributeError):
        return PluginError(
            plugin, 999, f"netplugin failed but error parsing its diagnostic message {output[:200]!r}"
        )


def addresses(result: Mapping[str, Any], netns: str) -> tuple[str, ...]:
    """The sandbox's addresses without prefix lengths, in the result's order; old results have ip4 and ip6."""
    old = [result[key]["ip"] for key in ("ip4", "ip6") if result.get(key)]
    if old:
        return tuple(text.partition("/")[0] for text in old)
    interfaces = result.get("interfaces") or []
    found = []
    for entry in result.get("ips") or ():
        index = entry.get("interface")
        if index is not None and interfaces and interfaces[index].get("sandbox", netns) != netns:
            continue
        found.append(str(entry["address"]).partition("/")[0])
    return tuple(found)


def cache_entry(network: NetworkList, attachment: Attachment, result: Mapping[str, Any]) -> bytes:
    """Libcni's cache file, so that other tools on the node can read it."""
    import base64

    config = {"name": network.name, "cniVersion": network.cni_version, "plugins": list(network.plugins)}
    body = {
        "kind": "cniCacheV1",
        "containerId": attachment.container_id,
        "config": base64.b64encode(json.dumps(config).encode()).decode(),
        "ifName": attachment.if_name,
        "networkName": network.name,
        "netns": attachment.netns,
        "cniArgs": [list(pair) for pair in attachment.args],
        "capabilityArgs": dict(attachment.capability_args),
        "result": result,
    }
    return json.dumps(body).encode()
