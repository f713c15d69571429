"""kube-proxy's flags (v1.36) as changes to a configuration. Go's rules: `--flag=value`, and a boolean alone."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from kproxy.configuration.config import ConfigError, Configuration, with_port
from kproxy.configuration.defaults import defaulted
from kproxy.configuration.duration import parse_duration_s
from linux import completion, logging_kv


class Flag(NamedTuple):
    """`path` into Configuration; "" where the value does not end up there."""

    name: str
    path: str
    read: Callable[[str], Any]
    help: str
    metavar: str = "TEXT"


def boolean(text: str) -> bool:
    """Go's strconv.ParseBool."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _duration(text: str) -> str:
    try:
        parse_duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _period(text: str) -> str:
    """In a file 0 is the default; of a flag it is refused."""
    if parse_duration_s(_duration(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: must be greater than 0")
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.strip("[]").split(",") if part.strip())


def _gates(text: str) -> dict[str, bool]:
    found = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if part and not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is no NAME=BOOL")
        if part:
            try:
                found[name] = boolean(value)
            except ValueError as error:
                raise argparse.ArgumentTypeError(f"{name}: {error}") from error
    return found


def _modules(text: str) -> tuple[dict[str, Any], ...]:
    """Klog's `pattern=N,…` as the file writes it."""
    found = []
    for part in filter(None, text.split(",")):
        pattern, _, level = part.partition("=")
        if not (pattern and level.isascii() and level.isdigit()):
            raise argparse.ArgumentTypeError(f"{part!r} is no PATTERN=N")
        found.append({"filePattern": pattern, "verbosity": int(level)})
    return tuple(found)


class _Added(argparse.Action):
    """A list that is given again goes on."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, (*(getattr(namespace, self.dest) or ()), *values))


class _Merged(argparse.Action):
    """Gates of a flag that is given again are added to those before."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), **values})


def _address_or_off(text: str) -> str:
    return text


FLAGS = (
    Flag("kubeconfig", "client_connection.kubeconfig", str, "kubeconfig of the API server", "FILE"),
    Flag("hostname-override", "hostname_override", str, "this node's name in the API"),
    Flag("proxy-mode", "mode", str, "nftables, iptables, ipvs, userspace or auto; empty is iptables", "MODE"),
    Flag("cluster-cidr", "cluster_cidr", str, "pods' ranges, one a family: others are masqueraded", "CIDRS"),
    Flag(
        "nodeport-addresses", "node_port_addresses", _list, "ranges that node ports answer on, or 'primary'"
    ),
    Flag("detect-local-mode", "detect_local_mode", str, "how local pods' traffic is told", "MODE"),
    Flag("pod-bridge-interface", "detect_local.bridge_interface", str, "for BridgeInterface", "NAME"),
    Flag("pod-interface-name-prefix", "detect_local.interface_name_prefix", str, "for InterfaceNamePrefix"),
    Flag("masquerade-all", "*.masquerade_all", boolean, "masquerade all traffic to cluster IPs", "BOOL"),
    Flag("iptables-masquerade-bit", "iptables.masquerade_bit", int, "bit of the packet mark, 0 to 31", "N"),
    Flag("iptables-localhost-nodeports", "iptables.localhost_node_ports", boolean, "node ports on 127.0.0.1"),
    Flag("iptables-sync-period", "*.sync_period", _period, "how often rules are looked at anew", "DURATION"),
    Flag("iptables-min-sync-period", "*.min_sync_period", _duration, "least time between syncs", "DURATION"),
    Flag("ipvs-sync-period", "ipvs.sync_period", _period, "", "DURATION"),
    Flag("ipvs-min-sync-period", "ipvs.min_sync_period", _duration, "", "DURATION"),
    Flag("ipvs-scheduler", "ipvs.scheduler", str, ""),
    Flag("ipvs-exclude-cidrs", "ipvs.exclude_cidrs", _list, ""),
    Flag("ipvs-strict-arp", "ipvs.strict_arp", boolean, "", "BOOL"),
    Flag("ipvs-tcp-timeout", "ipvs.tcp_timeout", _duration, "", "DURATION"),
    Flag("ipvs-tcpfin-timeout", "ipvs.tcp_fin_timeout", _duration, "", "DURATION"),
    Flag("ipvs-udp-timeout", "ipvs.udp_timeout", _duration, "", "DURATION"),
    Flag("bind-address", "bind_address", str, "overrides the node's primary address", "IP"),
    Flag("healthz-bind-address", "healthz_bind_address", _address_or_off, "IP:port; empty is off", "ADDRESS"),
    Flag("metrics-bind-address", "metrics_bind_address", _address_or_off, "IP:port; empty is off", "ADDRESS"),
    Flag("bind-address-hard-fail", "bind_address_hard_fail", boolean, "end if an address is taken", "BOOL"),
    Flag("profiling", "enable_profiling", boolean, "", "BOOL"),
    Flag("show-hidden-metrics-for-version", "show_hidden_metrics_for_version", str, ""),
    Flag("oom-score-adj", "oom_score_adj", int, "-1000 to 1000", "N"),
    Flag("config-sync-period", "config_sync_period", _period, "", "DURATION"),
    Flag("conntrack-max-per-core", "conntrack.max_per_core", int, "0 leaves the limit alone", "N"),
    Flag("conntrack-min", "conntrack.min", int, "", "N"),
    Flag("conntrack-tcp-timeout-established", "conntrack.tcp_established_timeout", _duration, "", "DURATION"),
    Flag("conntrack-tcp-timeout-close-wait", "conntrack.tcp_close_wait_timeout", _duration, "", "DURATION"),
    Flag("conntrack-tcp-be-liberal", "conntrack.tcp_be_liberal", boolean, "", "BOOL"),
    Flag("conntrack-udp-timeout", "conntrack.udp_timeout", _duration, "", "DURATION"),
    Flag("conntrack-udp-timeout-stream", "conntrack.udp_stream_timeout", _duration, "", "DURATION"),
    Flag("feature-gates", "feature_gates", _gates, "name=true,…", "GATES"),
    Flag("kube-api-content-type", "client_connection.content_type", str, ""),
    Flag("kube-api-qps", "client_connection.qps", float, "", "N"),
    Flag("kube-api-burst", "client_connection.burst", int, "", "N"),
)
# Taken and without effect here: klog's knobs, and what upstream ignores itself.
IGNORED = [
    "log-text-split-stream",
    "log-text-info-buffer-size",
    "log-json-split-stream",
    "log-json-info-buffer-size",
    "log-dir",
    "log-file",
    "alsologtostderr",
    "logtostderr",
    "stderrthreshold",
    "add-dir-header",
    "skip-headers",
    "one-output",
    "port-range",
    "boot-id-file",
    "machine-id-file",
]
_ACTIONS: dict[Callable[[str], Any], Any] = {_gates: _Merged, _list: _Added}
_DEBUG_FROM = 4
_BOOLEANS = frozenset(
    {flag.name for flag in FLAGS if flag.read is boolean}
    | {"cleanup", "init-only", "alsologtostderr", "logtostderr", "one-output"}
)


def go_style(arguments: Sequence[str]) -> list[str]:
    """Go's spellings in argparse's: one dash or two, `_` for `-`, a boolean that stands alone."""
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name.startswith("-") and len(name.lstrip("-")) > 1:
            name = "--" + name.lstrip("-").replace("_", "-")
            if not equals and name[2:] in _BOOLEANS:
                equals, value = "=", "true"
        found.append(name + equals + value)
    return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kproxy",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="The service proxy of one node: kube-proxy's place, flags and configuration file.",
        epilog="""other commands:
  kproxy explain SRC DST:PORT   what happens to a packet, and why
  kproxy diff -f MANIFESTS      what a change would do to traffic and rules
  kproxy top                    live connections by service and endpoint
  kproxy cleanup                remove all rules of kproxy (as --cleanup)

examples:
  kproxy --config /var/lib/kube-proxy/config.conf
  kproxy --kubeconfig kube-proxy.kubeconfig --hostname-override node1 --proxy-mode nftables \\
         --cluster-cidr 10.244.0.0/16,fd00:10:244::/56
""",
    )
    completion.add_option(made)
    made.add_argument("--config", metavar="FILE", help="KubeProxyConfiguration; most flags are then ignored")
    made.add_argument(
        "--cleanup", type=boolean, default=False, metavar="BOOL", help="remove all rules and end"
    )
    made.add_argument(
        "--init-only", type=boolean, default=False, metavar="BOOL", help="set what needs privileges and end"
    )
    made.add_argument("--write-config-to", metavar="FILE", help="write the configuration in force and end")
    made.add_argument("--version", action="store_true", help="print the version and end")
    made.add_argument(
        "--nftables-owner",
        choices=("auto", "never"),
        default="auto",
        help="auto: kproxy alone can change its table while it runs, where the kernel has that (6.9)",
    )
    made.add_argument(
        "--state-dir",
        default="/run/podnet/kproxy",
        metavar="DIR",
        help="where userspace mode keeps what it served last, for a start without an API server",
    )
    made.add_argument("--log-level", choices=logging_kv.LEVELS, help="info unless told; debug with -v 4")
    made.add_argument(
        "--logging-format", "--log-format", choices=("text", "json"), help="of the log; text unless told"
    )
    made.add_argument("--v", "-v", type=int, metavar="N", help="kube-proxy's verbosity: from 4 on debug")
    made.add_argument(
        "--vmodule", action=_Added, type=_modules, metavar="PATTERN=N,…", help=argparse.SUPPRESS
    )
    made.add_argument("--log-flush-frequency", type=_duration, metavar="DURATION", help=argparse.SUPPRESS)
    made.add_argument("--master", default="", help=argparse.SUPPRESS)
    made.add_argument("--healthz-port", type=int, help=argparse.SUPPRESS)
    made.add_argument("--metrics-port", type=int, help=argparse.SUPPRESS)
    for flag in FLAGS:
        text = flag.help or argparse.SUPPRESS
        action = _ACTIONS.get(flag.read, "store")
        made.add_argument(f"--{flag.name}", action=action, type=flag.read, metavar=flag.metavar, help=text)
    for name in IGNORED:
        made.add_argument(f"--{name}", f"-{name}", help=argparse.SUPPRESS)
    return made


def level_of(verbosity: int) -> str:
    """The log level for klog's verbosity."""
    return "debug" if verbosity >= _DEBUG_FROM else "info"


def logging_of(config: Configuration, parsed: argparse.Namespace) -> tuple[str, str]:
    """Level and format of the log: flags count before the file."""
    written = config.logging or {}
    verbosity = parsed.v if parsed.v is not None else written.get("verbosity", 0)
    level = parsed.log_level or level_of(int(verbosity))
    return level, parsed.logging_format or written.get("format", "text")


def shown(parsed: argparse.Namespace) -> dict[str, str]:
    """Each flag with its value, or its default, as /flagz shows them."""
    config = defaulted(apply_flags(Configuration(), parsed))
    found = {name.replace("_", "-"): _said(value) for name, value in vars(parsed).items()}
    section = "nftables" if config.section_name == "nftables" else "iptables"
    for flag in FLAGS:
        if flag.path:
            found[flag.name] = _said(_get(config, flag.path.replace("*", section).split(".")))
    return found


def _said(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{','.join(map(str, value))}]"
        case dict():
            return ",".join(f"{name}={_said(gate)}" for name, gate in value.items())
    return str(value)


def _get(config: Any, path: list[str]) -> object:
    for name in path:
        config = getattr(config, name)
    return config


def _set(config: Any, path: list[str], value: object) -> Any:
    name, *rest = path
    changed = _set(getattr(config, name), rest, value) if rest else value
    return msgspec.structs.replace(config, **{name: changed})


def apply_flags(config: Configuration, parsed: argparse.Namespace) -> Configuration:
    """Flags over the configuration; those of iptables also count for nftables, as in kube-proxy."""
    for flag in FLAGS:
        value = getattr(parsed, flag.name.replace("-", "_"))
        if value is None:
            continue
        sections = ("iptables", "nftables") if flag.path.startswith("*.") else ("*",)
        for section in sections:
            config = _set(config, flag.path.replace("*", section).split("."), value)
    for name in ("healthz", "metrics"):
        port, field = getattr(parsed, f"{name}_port"), f"{name}_bind_address"
        if port == 0:
            config = _set(config, [field], "")
        elif port is not None and (address := getattr(config, field)):
            config = _set(config, [field], with_port(address, port))
    return overrides_of_file(config, parsed)


def overrides_of_file(config: Configuration, parsed: argparse.Namespace) -> Configuration:
    """The few flags that count beside --config: the name of the node, and the log's."""
    if parsed.hostname_override:
        name = parsed.hostname_override.strip().lower()
        if not name:
            raise ConfigError("--hostname-override: an empty name is not valid")
        config = _set(config, ["hostname_override"], name)
    written = dict(config.logging or {})
    given = {
        "verbosity": parsed.v,
        "format": parsed.logging_format,
        "flushFrequency": parsed.log_flush_frequency,
    }
    written |= {name: value for name, value in given.items() if value is not None}
    if parsed.vmodule:
        written["vmodule"] = [*parsed.vmodule, *(written.get("vmodule") or ())]
    return msgspec.structs.replace(config, logging=written or None)


def without_effect(parsed: argparse.Namespace) -> tuple[str, ...]:
    """Flags that were given, and that do not count beside --config."""
    given = (flag.name for flag in FLAGS if getattr(parsed, flag.name.replace("-", "_")) is not None)
    return tuple(f"--{name}" for name in given if name != "hostname-override")
