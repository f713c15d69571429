"""What the kernel of a node must be told before pods can talk: forwarding, and netfilter for bridged packets."""

from linux import process, sysctl
from linux.logging_kv import get_logger

logger = get_logger("knode.node")
_FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
# Without these a Service's answer from a pod behind the same bridge takes the short way, past conntrack.
_BRIDGED = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")


def prepare_kernel() -> None:
    """Idempotent; what cannot be had is said once in the log, kproxy then masquerades instead."""
    for name in _FORWARDING:
        _set(name)
    if sysctl.read(_BRIDGED[0]) is None:
        process.run(["modprobe", "br_netfilter"], check=False)
    if sysctl.read(_BRIDGED[0]) is None:
        logger.warning(
            "br_netfilter cannot be had: traffic between pods of one node is not seen by netfilter"
        )
        return
    for name in _BRIDGED:
        _set(name)


def _set(name: str) -> None:
    try:
        sysctl.ensure(name, 1)
    except OSError as error:
        logger.warning("sysctl not set", name=name, error=error)
