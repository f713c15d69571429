"""KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) with kube-proxy's defaults and checks (v1.36).

Read strictly first; unknown fields are then left out and named in a warning, as kube-proxy does it.
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from kproxy.addresses import canonical_cidr, canonical_ip, family_of
from kproxy.configuration import feature_gates
from kproxy.configuration.duration import parse_duration_s

API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"
KIND = "KubeProxyConfiguration"
MODES = ("", "auto", "nftables", "iptables", "ipvs", "userspace")
_HIDDEN_METRICS_OF = (
    "1.35"  # the minor version before the one that is followed: all that kube-proxy 1.36 takes
)
DETECT_LOCAL_MODES = ("", "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
_ABBREVIATIONS = {"Cidr": "CIDR", "Cidrs": "CIDRs", "Arp": "ARP", "Qps": "QPS"}
_HOST_PORT = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<four>[^:]*)):(?P<port>\d{1,5})\Z")


class ConfigError(Exception):
    """The message names the field and what it may be."""


def _json_name(attribute: str) -> str:
    first, *rest = attribute.split("_")
    return first + "".join(_ABBREVIATIONS.get(word.capitalize(), word.capitalize()) for word in rest)


class _Section(msgspec.Struct, frozen=True, kw_only=True, rename=_json_name):
    pass


class ClientConnection(_Section, frozen=True, kw_only=True):
    kubeconfig: str = ""
    accept_content_types: str = ""
    content_type: str = "application/vnd.kubernetes.protobuf"
    qps: float = 5
    burst: int = 10


class DetectLocal(_Section, frozen=True, kw_only=True):
    bridge_interface: str = ""
    interface_name_prefix: str = ""


class IptablesSection(_Section, frozen=True, kw_only=True):
    masquerade_bit: int | None = None
    masquerade_all: bool = False
    localhost_node_ports: bool | None = None
    sync_period: str = "0s"
    min_sync_period: str = "0s"


class IpvsSection(_Section, frozen=True, kw_only=True):
    sync_period: str = "0s"
    min_sync_period: str = "0s"
    scheduler: str = ""
    exclude_cidrs: tuple[str, ...] | None = None
    strict_arp: bool = msgspec.field(default=False, name="strictARP")
    tcp_timeout: str = "0s"
    tcp_fin_timeout: str = "0s"
    udp_timeout: str = "0s"


class NftablesSection(_Section, frozen=True, kw_only=True):
    masquerade_bit: int | None = None
    masquerade_all: bool = False
    sync_period: str = "0s"
    min_sync_period: str = "0s"


class ConntrackSection(_Section, frozen=True, kw_only=True):
    max_per_core: int | None = None
    min: int | None = None
    tcp_established_timeout: str | None = None
    tcp_close_wait_timeout: str | None = None
    tcp_be_liberal: bool = False
    udp_timeout: str = "0s"
    udp_stream_timeout: str = "0s"


class WinkernelSection(_Section, frozen=True, kw_only=True):
    network_name: str = ""
    source_vip: str = ""
    enable_dsr: bool = msgspec.field(default=False, name="enableDSR")
    root_hns_endpoint_name: str = msgspec.field(default="", name="rootHnsEndpointName")
    forward_health_check_vip: bool = msgspec.field(default=False, name="forwardHealthCheckVip")


class Configuration(_Section, frozen=True, kw_only=True):
    """Durations and addresses as written; `None` where a default depends on another field."""

    api_version: str = API_VERSION
    kind: str = KIND
    feature_gates: dict[str, bool] | None = None
    client_connection: ClientConnection = ClientConnection()
    logging: dict[str, Any] | None = None
    hostname_override: str = ""
    bind_address: str = "0.0.0.0"
    healthz_bind_address: str | None = None
    metrics_bind_address: str | None = None
    bind_address_hard_fail: bool = False
    enable_profiling: bool = False
    show_hidden_metrics_for_version: str = ""
    mode: str = ""
    iptables: IptablesSection = IptablesSection()
    ipvs: IpvsSection = IpvsSection()
    nftables: NftablesSection = NftablesSection()
    winkernel: WinkernelSection = WinkernelSection()
    detect_local_mode: str = ""
    detect_local: DetectLocal = DetectLocal()
    cluster_cidr: str = ""
    node_port_addresses: tuple[str, ...] | None = None
    oom_score_adj: int | None = None
    conntrack: ConntrackSection = ConntrackSection()
    config_sync_period: str = "0s"
    port_range: str = ""
    windows_run_as_service: bool = False

    @property
    def effective_mode(self) -> str:
        """An empty mode is iptables, as in kube-proxy."""
        return self.mode or "iptables"

    @property
    def section(self) -> IptablesSection | NftablesSection:
        """Where the mode's masquerading and periods are written; ipvs has its masquerading in iptables."""
        return self.nftables if self.effective_mode in ("nftables", "auto", "userspace") else self.iptables

    @property
    def sync_period_s(self) -> float:
        written = self.ipvs.sync_period if self.mode == "ipvs" else self.section.sync_period
        return parse_duration_s(written) or 30.0

    @property
    def min_sync_period_s(self) -> float:
        """0 unless written: what kube-proxy's rest of a second spares, a change of one service does not cost."""
        written = self.ipvs.min_sync_period if self.mode == "ipvs" else self.section.min_sync_period
        default_s = 1.0 if self.effective_mode == "iptables" else 0.0
        return parse_duration_s(written) or default_s

    @property
    def masquerade_bit(self) -> int:
        return 14 if self.section.masquerade_bit is None else self.section.masquerade_bit

    @property
    def healthz_address(self) -> str:
        """Where health is served; "" : nowhere."""
        return self._served_at(self.healthz_bind_address, 10256, "0.0.0.0", "::")

    @property
    def metrics_address(self) -> str:
        return self._served_at(self.metrics_bind_address, 10249, "127.0.0.1", "::1")

    def _served_at(self, written: str | None, port: int, any4: str, any6: str) -> str:
        if written is None:
            return f"[{any6}]:{port}" if ":" in self.bind_address else f"{any4}:{port}"
        if written and not _HOST_PORT.match(written):
            return f"[{written}]:{port}" if ":" in written else f"{written}:{port}"
        return written


def split_address(text: str) -> tuple[str, int]:
    """`IP:port` or `[IP]:port`."""
    found = _HOST_PORT.match(text)
    if found is None:
        raise ConfigError(f"{text!r} is not IP:port")
    return found["six"] or found["four"] or "", int(found["port"])


def from_mapping(data: Mapping[str, Any]) -> tuple[Configuration, tuple[str, ...]]:
    """The configuration, and the paths of fields that nobody knows."""
    if data.get("apiVersion") != API_VERSION or data.get("kind") != KIND:
        raise ConfigError(
            f"this is {data.get('apiVersion')} {data.get('kind')}: kproxy reads {API_VERSION} {KIND}"
        )
    unknown: list[str] = []
    known = _known_only(data, Configuration, "", unknown)
    try:
        return msgspec.convert(known, Configuration), tuple(unknown)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the configuration is not valid: {error}") from error


def _known_only(data: Mapping[str, Any], of: type[msgspec.Struct], path: str, unknown: list[str]) -> Any:
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(of)}
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if name not in fields:
            unknown.append(f"{path}{name}")
            continue
        kind = fields[name]
        is_section = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        if value is None and not (kind is type(None) or type(None) in get_args(kind)):
            continue  # YAML's empty value: the default
        kept[name] = (
            _known_only(value, kind, f"{path}{name}.", unknown)
            if is_section and isinstance(value, Mapping)
            else value
        )
    return kept


def validate(config: Configuration) -> None:
    """Raises ConfigError for the first thing that cannot be right; says what may stand there."""
    _one_of("mode", config.mode, MODES)
    _one_of("detectLocalMode", config.detect_local_mode, DETECT_LOCAL_MODES)
    _check_logging(config.logging or {})
    _check_versions(config)
    _check_durations(config)
    _check_detector(config)
    if canonical_ip(config.bind_address) is None:
        raise ConfigError(f"bindAddress: {config.bind_address!r} is no IP address")
    for name, address in (
        ("healthzBindAddress", config.healthz_address),
        ("metricsBindAddress", config.metrics_address),
    ):
        if address:
            host, port = split_address(address)
            if canonical_ip(host) is None or port > 65535:
                raise ConfigError(f"{name}: {address!r} is not IP:port")
    _check_numbers(config)
    _check_ranges(config)


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        known = ", ".join(name for name in allowed if name)
        raise ConfigError(f"{field}: {value!r} is unknown; it may be {known} or empty")


def _check_logging(written: Mapping[str, Any]) -> None:
    _one_of("logging.format", str(written.get("format", "")), ("", "text", "json"))
    verbosity = written.get("verbosity", 0)
    if not isinstance(verbosity, int) or verbosity < 0:
        raise ConfigError(f"logging.verbosity: {verbosity!r} is no number from 0 on")


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


def _check_durations(config: Configuration) -> None:
    """All can be read, and none is negative; 0 of configSyncPeriod is its default."""
    tracked, ipvs = config.conntrack, config.ipvs
    for name, written in (
        ("configSyncPeriod", config.config_sync_period),
        ("conntrack.tcpEstablishedTimeout", tracked.tcp_established_timeout),
        ("conntrack.tcpCloseWaitTimeout", tracked.tcp_close_wait_timeout),
        ("conntrack.udpTimeout", tracked.udp_timeout),
        ("conntrack.udpStreamTimeout", tracked.udp_stream_timeout),
        ("ipvs.tcpTimeout", ipvs.tcp_timeout),
        ("ipvs.tcpFinTimeout", ipvs.tcp_fin_timeout),
        ("ipvs.udpTimeout", ipvs.udp_timeout),
    ):
        try:
            seconds = parse_duration_s(written or "0")
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error
        if seconds < 0:
            raise ConfigError(f"{name}: {written!r} is negative")


def _check_detector(config: Configuration) -> None:
    """The two modes that ask for an interface need its name."""
    for mode, field, name in (
        ("BridgeInterface", "bridgeInterface", config.detect_local.bridge_interface),
        ("InterfaceNamePrefix", "interfaceNamePrefix", config.detect_local.interface_name_prefix),
    ):
        if config.detect_local_mode == mode and not name:
            raise ConfigError(f"detectLocal.{field}: must be set with detectLocalMode {mode}")


def _check_numbers(config: Configuration) -> None:
    for name, bit in (
        ("iptables.masqueradeBit", config.iptables.masquerade_bit),
        ("nftables.masqueradeBit", config.nftables.masquerade_bit),
    ):
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
    for name, section in (
        ("iptables", config.iptables),
        ("nftables", config.nftables),
        ("ipvs", config.ipvs),
    ):
        try:
            sync_s, least_s = parse_duration_s(section.sync_period), parse_duration_s(section.min_sync_period)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error
        if sync_s < 0 or least_s < 0 or least_s > (sync_s or 30.0):
            raise ConfigError(f"{name}: minSyncPeriod must be within 0 and syncPeriod")


def _check_ranges(config: Configuration) -> None:
    cidrs = [part for part in config.cluster_cidr.split(",") if part]
    bad = [cidr for cidr in cidrs if canonical_cidr(cidr) is None]
    if bad:
        raise ConfigError(f"clusterCIDR: {bad[0]!r} is no range")
    families = {family_of(cidr) for cidr in cidrs}
    if len(cidrs) > 2 or (len(cidrs) == 2 and len(families) != 2):
        raise ConfigError("clusterCIDR: at most one range of each IP family")
    addresses = config.node_port_addresses or ()
    if "primary" in addresses and len(addresses) > 1:
        raise ConfigError("nodePortAddresses: 'primary' must stand alone")
    for cidr in addresses:
        if cidr != "primary" and canonical_cidr(cidr) is None:
            raise ConfigError(f"nodePortAddresses: {cidr!r} is neither a range nor 'primary'")
    for cidr in config.ipvs.exclude_cidrs or ():
        if canonical_cidr(cidr) is None:
            raise ConfigError(f"ipvs.excludeCIDRs: {cidr!r} is no range")
