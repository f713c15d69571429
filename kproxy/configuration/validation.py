"""What kube-proxy 1.36 refuses of a configuration is refused here, by the name of the field."""

from collections.abc import Mapping, Sequence
from typing import Any

from kproxy.addresses import canonical_cidr, canonical_ip, family_of
from kproxy.configuration import feature_gates
from kproxy.configuration.config import ConfigError, Configuration, split_address
from kproxy.configuration.duration import parse_duration_s

MODES = ("", "auto", "nftables", "iptables", "ipvs", "userspace")
DETECT_LOCAL_MODES = ("", "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
_HIDDEN_METRICS_OF = "1.35"  # the minor version before the one that is followed
_SECTIONS = ("iptables", "nftables", "ipvs")
_RANGE_EXAMPLE = "write it like 10.100.0.0/16 or fde4:8dba:82e1::/48"


def validate(config: Configuration) -> None:
    """Raises ConfigError for the first thing that cannot be right; says what may stand there.

    Of the sections of the modes only the one in use counts, but durations have to be readable everywhere.
    """
    _one_of("mode", config.mode, MODES)
    _one_of("detectLocalMode", config.detect_local_mode, DETECT_LOCAL_MODES)
    _check_logging(config.logging or {}, config.feature_gates or {})
    _check_versions(config)
    _check_durations(config)
    _check_periods(config)
    _check_detector(config)
    _check_addresses(config)
    _check_numbers(config)
    _check_ranges("nodePortAddresses", config.node_port_addresses or (), word="primary")
    if config.effective_mode == "ipvs":
        _check_ranges("ipvs.excludeCIDRs", config.ipvs.exclude_cidrs or ())


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        known = ", ".join(name for name in allowed if name)
        raise ConfigError(f"{field}: {value!r} is unknown; it may be {known} or empty")


def _check_logging(written: Mapping[str, Any], gates: Mapping[str, bool]) -> None:
    _one_of("logging.format", str(written.get("format") or ""), ("", "text", "json"))
    verbosity = written.get("verbosity") or 0
    if not isinstance(verbosity, int) or verbosity < 0:
        raise ConfigError(f"logging.verbosity: {verbosity!r} is no number from 0 on")
    if written.get("vmodule") and written.get("format") == "json":
        raise ConfigError("logging.vmodule: only supported for the text format")
    if gates.get("LoggingAlphaOptions") or gates.get("AllAlpha"):
        return
    for name, options in (written.get("options") or {}).items():
        buffer = options.get("infoBufferSize") if isinstance(options, Mapping) else None
        if buffer not in (None, 0, "", "0"):
            raise ConfigError(
                f"logging.options.{name}.infoBufferSize: feature LoggingAlphaOptions is disabled"
            )


def _check_versions(config: Configuration) -> None:
    """What differs from release to release, in the words of 1.36."""
    try:
        feature_gates.check(config.feature_gates or {})
    except feature_gates.GateError as error:
        raise ConfigError(str(error)) from error
    hidden = config.show_hidden_metrics_for_version
    if hidden not in ("", _HIDDEN_METRICS_OF):
        raise ConfigError(
            f"showHiddenMetricsForVersion: {hidden!r}: must be omitted or have the value '{_HIDDEN_METRICS_OF}'; "
            "only the previous minor version is allowed"
        )


def _seconds(name: str, written: str | None) -> float:
    try:
        return parse_duration_s("0" if written is None else written)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def _check_durations(config: Configuration) -> None:
    """All can be read; what is in use is not negative. 0 of configSyncPeriod is its default."""
    tracked, ipvs = config.conntrack, config.ipvs
    in_use = {
        "configSyncPeriod": config.config_sync_period,
        "conntrack.tcpEstablishedTimeout": tracked.tcp_established_timeout,
        "conntrack.tcpCloseWaitTimeout": tracked.tcp_close_wait_timeout,
        "conntrack.udpTimeout": tracked.udp_timeout,
        "conntrack.udpStreamTimeout": tracked.udp_stream_timeout,
    }
    of_ipvs = {
        "ipvs.tcpTimeout": ipvs.tcp_timeout,
        "ipvs.tcpFinTimeout": ipvs.tcp_fin_timeout,
        "ipvs.udpTimeout": ipvs.udp_timeout,
    }
    for name, written in (in_use | of_ipvs).items():
        counts = name in in_use or config.effective_mode == "ipvs"
        if _seconds(name, written) < 0 and counts:
            raise ConfigError(f"{name}: {written!r} is negative")


def _check_periods(config: Configuration) -> None:
    for name in _SECTIONS:
        section = getattr(config, name)
        sync_s = _seconds(f"{name}.syncPeriod", section.sync_period)
        least_s = _seconds(f"{name}.minSyncPeriod", section.min_sync_period)
        if name != config.section_name:
            continue
        if sync_s < 0:
            raise ConfigError(f"{name}.syncPeriod: {section.sync_period!r} must be greater than 0")
        if not 0 <= least_s <= (sync_s or 30.0):
            raise ConfigError(
                f"{name}.minSyncPeriod: {section.min_sync_period!r} must be within 0 and syncPeriod"
            )


def _check_detector(config: Configuration) -> None:
    """Each mode has what it asks for; what it does not ask for is not looked at."""
    match config.detect_local_mode:
        case "" | "ClusterCIDR" if config.cluster_cidr:
            cidrs = config.cluster_cidr.split(",")
            _check_ranges("clusterCIDR", cidrs)
            families = {family_of(cidr) for cidr in cidrs}
            if len(cidrs) > len(families):
                raise ConfigError("clusterCIDR: at most one range of each IP family")
        case "BridgeInterface" if not config.detect_local.bridge_interface:
            raise ConfigError("detectLocal.bridgeInterface: must be set with detectLocalMode BridgeInterface")
        case "InterfaceNamePrefix" if not config.detect_local.interface_name_prefix:
            raise ConfigError(
                "detectLocal.interfaceNamePrefix: must be set with detectLocalMode InterfaceNamePrefix"
            )


def _check_addresses(config: Configuration) -> None:
    if canonical_ip(config.bind_address) is None:
        raise ConfigError(f"bindAddress: {config.bind_address!r} is no IP address")
    for name, address in (
        ("healthzBindAddress", config.healthz_address),
        ("metricsBindAddress", config.metrics_address),
    ):
        if not address:
            continue
        try:
            host, port = split_address(address)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
        if canonical_ip(host) is None or not 0 < port < 65536:
            raise ConfigError(f"{name}: {address!r} is not IP:port, with a port from 1 to 65535")


def _check_numbers(config: Configuration) -> None:
    bits = {"iptables.masqueradeBit": config.iptables.masquerade_bit}
    if config.section_name == "nftables":
        bits["nftables.masqueradeBit"] = config.nftables.masquerade_bit
    for name, bit in bits.items():
        if bit is not None and not 0 <= bit <= 31:
            raise ConfigError(f"{name}: {bit} is not within 0 to 31")
    for name, number in (
        ("conntrack.maxPerCore", config.conntrack.max_per_core),
        ("conntrack.min", config.conntrack.min),
        ("clientConnection.burst", config.client_connection.burst),
    ):
        if number is not None and number < 0:
            raise ConfigError(f"{name}: {number} is less than 0")
    if config.oom_score_adj is not None and not -1000 <= config.oom_score_adj <= 1000:
        raise ConfigError(f"oomScoreAdj: {config.oom_score_adj} is not within -1000 to 1000")


def _check_ranges(field: str, cidrs: Sequence[str], *, word: str = "") -> None:
    """Every one is a range, or the word is the only one."""
    if word and word in cidrs:
        if len(cidrs) > 1:
            raise ConfigError(f"{field}: {word!r} must stand alone")
        return
    for cidr in cidrs:
        if canonical_cidr(cidr) is None:
            other = f", nor {word!r}" if word else ""
            raise ConfigError(f"{field}: {cidr!r} is no range{other}: {_RANGE_EXAMPLE}")
