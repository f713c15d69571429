"""KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) with kube-proxy's defaults (v1.36).

Read strictly first; unknown fields are then left out and named in a warning, as kube-proxy does it.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from kproxy.addresses import canonical_ip
from kproxy.configuration.duration import parse_duration_s

API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"
KIND = "KubeProxyConfiguration"
# Written empty, as kubeadm does it, these have their default: what is switched off is so by a flag.
_DEFAULT_IF_EMPTY = frozenset(
    {
        "bindAddress",
        "healthzBindAddress",
        "metricsBindAddress",
        "clientConnection.contentType",
        "clientConnection.qps",
        "clientConnection.burst",
    }
)
_LOGGING = frozenset({"format", "flushFrequency", "verbosity", "vmodule", "options"})
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
    def section_name(self) -> Literal["iptables", "nftables", "ipvs"]:
        """Where the mode's periods are written."""
        match self.effective_mode:
            case "iptables" | "ipvs" as own:
                return own
        return "nftables"

    @property
    def section(self) -> IptablesSection | NftablesSection:
        """Where the mode's masquerading and periods are written; ipvs has its masquerading in iptables."""
        return self.nftables if self.section_name == "nftables" else self.iptables

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
        return with_port(written, port) if written else ""


def with_port(address: str, port: int) -> str:
    """An IP address alone gets the port; what has one, or is no address, stays."""
    if canonical_ip(address) is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


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
        if not value and f"{path}{name}" in _DEFAULT_IF_EMPTY:
            continue
        if name == "logging" and isinstance(value, Mapping):
            unknown += [f"logging.{part}" for part in value if part not in _LOGGING]
            value = {part: written for part, written in value.items() if part in _LOGGING}
        kept[name] = (
            _known_only(value, kind, f"{path}{name}.", unknown)
            if is_section and isinstance(value, Mapping)
            else value
        )
    return kept
