"""Connection tracking's sizes and timeouts, as kube-proxy sets them at its start (pkg/proxy/conntrack). Pure."""

from typing import NamedTuple

from kproxy.configuration.config import ConntrackSection
from kproxy.configuration.duration import parse_duration_s

_MAX_PER_CORE = 32_768
_MIN = 131_072
_MAX = 1_048_576
_ROOT = "net/netfilter/nf_conntrack"


class Setting(NamedTuple):
    key: str
    value: int


def settings(conntrack: ConntrackSection, core_count: int) -> tuple[Setting, ...]:
    """What should hold; written only where it differs."""
    found: list[Setting] = []
    per_core = _MAX_PER_CORE if conntrack.max_per_core is None else conntrack.max_per_core
    if per_core > 0:
        least = _MIN if conntrack.min is None else conntrack.min
        scaled = per_core * core_count
        found.append(Setting(f"{_ROOT}_max", _MAX if scaled > _MAX else max(scaled, least)))
    if conntrack.tcp_be_liberal:
        found.append(Setting(f"{_ROOT}_tcp_be_liberal", 1))
    for key, written, default_s in (
        ("tcp_timeout_established", conntrack.tcp_established_timeout, 24 * 3600),
        ("tcp_timeout_close_wait", conntrack.tcp_close_wait_timeout, 3600),
        ("udp_timeout", conntrack.udp_timeout, 0),
        ("udp_timeout_stream", conntrack.udp_stream_timeout, 0),
    ):
        timeout_s = default_s if written is None else int(parse_duration_s(written))
        if timeout_s > 0:
            found.append(Setting(f"{_ROOT}_{key}", timeout_s))
    return tuple(found)
