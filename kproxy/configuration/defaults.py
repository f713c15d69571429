"""The configuration in force, its defaults filled in, as /configz and --write-config-to show it. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kproxy.configuration.config import API_VERSION, KIND, Configuration
from kproxy.configuration.duration import format_duration

_DEFAULT_MODE = "ClusterCIDR"
_LOGGING: Mapping[str, object] = {
    "format": "text",
    "flushFrequency": "5s",
    "verbosity": 0,
    "options": {"text": {"infoBufferSize": "0"}, "json": {"infoBufferSize": "0"}},
}
_WINDOWS = "windowsRunAsService"


def defaulted(config: Configuration) -> Configuration:
    """Periods are filled in for the mode that is used, as kube-proxy does it."""
    mode = config.effective_mode
    section = {"iptables": "iptables", "ipvs": "ipvs"}.get(mode, "nftables")
    periods = {
        "sync_period": format_duration(config.sync_period_s),
        "min_sync_period": format_duration(config.min_sync_period_s),
    }
    bit = 14
    sections: dict[str, Any] = {
        "iptables": _filled(config.iptables, masquerade_bit=bit, localhost_node_ports=True),
        "nftables": _filled(config.nftables, masquerade_bit=bit),
        "ipvs": config.ipvs,
    }
    sections[section] = msgspec.structs.replace(sections[section], **periods)
    primary = ("primary",) if mode in ("nftables", "auto") else ()
    return msgspec.structs.replace(
        config,
        mode=mode,
        logging={**_LOGGING, **(config.logging or {})},
        healthz_bind_address=config.healthz_address,
        metrics_bind_address=config.metrics_address,
        detect_local_mode=config.detect_local_mode or _DEFAULT_MODE,
        node_port_addresses=config.node_port_addresses or primary,
        oom_score_adj=-999 if config.oom_score_adj is None else config.oom_score_adj,
        conntrack=_filled(
            config.conntrack,
            max_per_core=32_768,
            min=131_072,
            tcp_established_timeout="24h0m0s",
            tcp_close_wait_timeout="1h0m0s",
        ),
        config_sync_period="15m0s" if config.config_sync_period == "0s" else config.config_sync_period,
        **sections,
    )


def _filled(section: Any, **defaults: object) -> Any:
    """With the defaults of what is None."""
    missing = {name: value for name, value in defaults.items() if getattr(section, name) is None}
    return msgspec.structs.replace(section, **missing)


def document(config: Configuration) -> dict[str, Any]:
    """As it would be written in a file."""
    found: dict[str, Any] = {"kind": KIND, "apiVersion": API_VERSION}
    found |= msgspec.to_builtins(defaulted(config))
    if not found[_WINDOWS]:
        del found[_WINDOWS]
    if found["featureGates"] is None:
        del found["featureGates"]
    return found
