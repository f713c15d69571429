"""Names of chains, sets and the device: kube-proxy's, since people and other programs look for them."""

from kproxy.addresses import IPV4
from kproxy.backends.iptables.names import (
    FORWARD,
    MARK_MASQ,
    POSTROUTING,
    PROXY_FIREWALL,
    SERVICES,
)

__all__ = ["FORWARD", "MARK_MASQ", "POSTROUTING", "PROXY_FIREWALL", "SERVICES"]

DEVICE = "kube-ipvs0"

NODE_PORT = "KUBE-NODE-PORT"
BALANCER = "KUBE-LOAD-BALANCER"
SOURCE_RANGES = "KUBE-SOURCE-RANGES-FIREWALL"
FILTER = "KUBE-IPVS-FILTER"
OUT_FILTER = "KUBE-IPVS-OUT-FILTER"  # kube-proxy's alone, a rule for each balancer's address
OWN_CHAINS = (NODE_PORT, BALANCER, SOURCE_RANGES, FILTER, OUT_FILTER)  # no other mode has them

IP_PORT, IP_PORT_IP, IP_PORT_NET = "hash:ip,port", "hash:ip,port,ip", "hash:ip,port,net"
IP, PORT = "hash:ip", "bitmap:port"

LOOP_BACK = "LOOP-BACK"
CLUSTER_IP = "CLUSTER-IP"
EXTERNAL_IP, EXTERNAL_IP_LOCAL = "EXTERNAL-IP", "EXTERNAL-IP-LOCAL"
LB, LB_LOCAL, LB_FW = "LOAD-BALANCER", "LOAD-BALANCER-LOCAL", "LOAD-BALANCER-FW"
LB_SOURCE_IP, LB_SOURCE_CIDR = "LOAD-BALANCER-SOURCE-IP", "LOAD-BALANCER-SOURCE-CIDR"
NODE_TCP, NODE_UDP, NODE_SCTP = "NODE-PORT-TCP", "NODE-PORT-UDP", "NODE-PORT-SCTP-HASH"
NODE_LOCAL_TCP, NODE_LOCAL_UDP = "NODE-PORT-LOCAL-TCP", "NODE-PORT-LOCAL-UDP"
NODE_LOCAL_SCTP = "NODE-PORT-LOCAL-SCTP-HASH"
HEALTH_CHECK = "HEALTH-CHECK-NODE-PORT"
IPVS_IPS = "IPVS-IPS"

KINDS = {
    LOOP_BACK: IP_PORT_IP,
    CLUSTER_IP: IP_PORT,
    EXTERNAL_IP: IP_PORT,
    EXTERNAL_IP_LOCAL: IP_PORT,
    LB: IP_PORT,
    LB_LOCAL: IP_PORT,
    LB_FW: IP_PORT,
    LB_SOURCE_IP: IP_PORT_IP,
    LB_SOURCE_CIDR: IP_PORT_NET,
    NODE_TCP: PORT,
    NODE_UDP: PORT,
    NODE_SCTP: IP_PORT,
    NODE_LOCAL_TCP: PORT,
    NODE_LOCAL_UDP: PORT,
    NODE_LOCAL_SCTP: IP_PORT,
    HEALTH_CHECK: PORT,
    IPVS_IPS: IP,
}
NODE_SETS = {
    "TCP": (NODE_TCP, NODE_LOCAL_TCP),
    "UDP": (NODE_UDP, NODE_LOCAL_UDP),
    "SCTP": (NODE_SCTP, NODE_LOCAL_SCTP),
}
_LONGEST = 31


def set_name(what: str, family: int) -> str:
    """The kernel's name of a set; of IPv6 cut to what it takes."""
    return f"KUBE-{what}" if family == IPV4 else f"KUBE-6-{what}"[:_LONGEST]
