"""Names of chains: kube-proxy's, since other programs and people look for them."""

from base64 import b32encode
from hashlib import sha256

from kproxy.forwarding import ServicePortName

SERVICES = "KUBE-SERVICES"
NODE_PORTS = "KUBE-NODEPORTS"
EXTERNAL_SERVICES = "KUBE-EXTERNAL-SERVICES"
POSTROUTING = "KUBE-POSTROUTING"
MARK_MASQ = "KUBE-MARK-MASQ"
FORWARD = "KUBE-FORWARD"
PROXY_FIREWALL = "KUBE-PROXY-FIREWALL"
FIREWALL = "KUBE-FIREWALL"
HAIRPIN = "KUBE-HAIRPIN"
CANARY = "KUBE-PROXY-CANARY"
LOCALHOST_NODE_PORTS = "KUBE-LOCALHOST-NODEPORTS"

INVALID_DROPPED = "ct_state_invalid_dropped_pkts"
LOCALHOST_ACCEPTED = "localhost_nps_accepted_pkts"
COUNTERS = (INVALID_DROPPED, LOCALHOST_ACCEPTED)  # as `nfacct list` shows them

CLUSTER, LOCAL, EXTERNAL, SOURCES, ENDPOINT = "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-"
OWN_PREFIXES = (CLUSTER, LOCAL, EXTERNAL, SOURCES, ENDPOINT, "KUBE-XLB-")


def own(prefix: str, name: ServicePortName, endpoint: str = "") -> str:
    """A service port's chain, or with `endpoint` the list of clients that go there."""
    return prefix + suffix(name, endpoint)


def suffix(name: ServicePortName, endpoint: str = "") -> str:
    """The same for all chains of a service port."""
    text = f"{name}{name.protocol.lower()}{endpoint}"
    return b32encode(sha256(text.encode()).digest()[:10]).decode()  # ten bytes are sixteen letters
