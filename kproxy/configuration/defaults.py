"""The configuration in force, its defaults filled in, as /configz and --write-config-to show it. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kproxy.configuration.config import API_VERSION, KIND, Configuration
from kproxy.configuration.duration import format_duration, parse_duration_s

_DEFAULT_MODE = "ClusterCIDR"
_LOGGING: Mapping[str, object] = {
    "format": "text",
    "flushFrequency": "5s",
    "verbosity": 0,
}
_LOGGING_OPTIONS = {"text": {"infoBufferSize": "0"}, "json": {"infoBufferSize": "0"}}
_BIT = 14
_CONFIG_SYNC_PERIOD_S = 900.0
_WINDOWS = "windowsRunAsService"


def defaulted(config: Configuration) -> Configuration:
    """As kube-proxy fills it in: periods and masqueradeAll where the mode that is used has them, and there alone."""
    mode = config.effective_mode
    tracked = _filled(
        config.conntrack,
        max_per_core=32_768,
        min=131_072,
        tcp_established_timeout="24h",
        tcp_close_wait_timeout="1h",
    )
    primary = ("primary",) if mode in ("nftables", "auto") else None
    period_s = parse_duration_s(config.config_sync_period) or _CONFIG_SYNC_PERIOD_S
    return msgspec.structs.replace(
        config,
        mode=mode,
        feature_gates=config.feature_gates or None,
        logging=_logging(config.logging or {}),
        healthz_bind_address=config.healthz_address,
        metrics_bind_address=config.metrics_address,
        detect_local_mode=config.detect_local_mode or _DEFAULT_MODE,
        node_port_addresses=config.node_port_addresses or primary or config.node_port_addresses,
        oom_score_adj=-999 if config.oom_score_adj is None else config.oom_score_adj,
        conntrack=_said_in_full(
            tracked, "tcp_established_timeout", "tcp_close_wait_timeout", "udp_timeout", "udp_stream_timeout"
        ),
        config_sync_period=format_duration(period_s),
        port_range="",
        **_sections(config),
    )


def _sections(config: Configuration) -> dict[str, Any]:
    periods = {
        "sync_period": format_duration(config.sync_period_s),
        "min_sync_period": format_duration(config.min_sync_period_s),
    }
    idle = {"sync_period": "0s", "min_sync_period": "0s"}
    found: dict[str, Any] = {
        "iptables": _filled(config.iptables, masquerade_bit=_BIT, localhost_node_ports=True),
        "nftables": _filled(config.nftables, masquerade_bit=_BIT),
        "ipvs": _said_in_full(config.ipvs, "tcp_timeout", "tcp_fin_timeout", "udp_timeout"),
    }
    where = "nftables" if config.section_name == "nftables" else "iptables"
    for name, section in found.items():
        changes: dict[str, Any] = dict(periods if name == config.section_name else idle)
        if name != "ipvs":
            changes["masquerade_all"] = config.section.masquerade_all and name == where
        found[name] = msgspec.structs.replace(section, **changes)
    return found


def _logging(written: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in written.items() if value}
    options = {
        name: {**default, **(given.get("options", {}).get(name) or {})}
        for name, default in _LOGGING_OPTIONS.items()
    }
    return {**_LOGGING, **given, "options": options}


def _said_in_full(section: Any, *durations: str) -> Any:
    """Durations as Go prints them."""
    said = {name: format_duration(parse_duration_s(getattr(section, name))) for name in durations}
    return msgspec.structs.replace(section, **said)


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
    if not found["featureGates"]:
        del found["featureGates"]
    return found
