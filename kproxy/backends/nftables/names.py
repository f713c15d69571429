"""Names of the tables' parts. What a map is keyed by shows in its name: -ips by address, protocol and port,
-nodeports by protocol and port.
"""

from base64 import b32encode
from hashlib import sha256

from kproxy.forwarding import ServicePortName

TABLE = "kproxy"
KUBE_PROXY_TABLE = "kube-proxy"

# Base chains, named as kube-proxy names them.
FILTER_PREROUTING = "filter-prerouting-pre-dnat"
FILTER_OUTPUT_PRE_DNAT = "filter-output-pre-dnat"
FILTER_INPUT = "filter-input"
FILTER_FORWARD = "filter-forward"
FILTER_OUTPUT = "filter-output"
NAT_PREROUTING = "nat-prerouting"
NAT_OUTPUT = "nat-output"
NAT_POSTROUTING = "nat-postrouting"

# Chains that are the same on every node.
SERVICES = "services"
MASQUERADING = "masquerading"
MARK = "mark-for-masquerade"
REJECT = "reject-chain"
FIREWALL_CHECK = "firewall-check"
SERVICE_CHECK = "service-endpoints-check"
NODE_PORT_CHECK = "nodeport-endpoints-check"
CLUSTER_IPS_CHECK = "cluster-ips-check"
REMEMBER = "affinity-remember"
EXTERNAL_LOCAL = "external-local"
NODE_PORT_EXTERNAL_LOCAL = "nodeport-external-local"

# Sets and maps.
CLUSTER_IPS = "cluster-ips"
NODE_PORT_IPS = "nodeport-ips"
HAIRPIN = "hairpin-connections"
SERVICE_IPS = "service-ips"
SERVICE_NODE_PORTS = "service-nodeports"
SHORT_CIRCUIT_IPS = "short-circuit-ips"
SHORT_CIRCUIT_NODE_PORTS = "short-circuit-nodeports"
LOCAL_ONLY_IPS = "local-only-ips"
LOCAL_ONLY_NODE_PORTS = "local-only-nodeports"
NO_ENDPOINT_IPS = "no-endpoint-services"
NO_ENDPOINT_NODE_PORTS = "no-endpoint-nodeports"
ENDPOINTS = "endpoints"
LOCAL_ENDPOINTS = "endpoints-local"
NODE_PORT_ENDPOINTS = "nodeport-endpoints"
LOCAL_NODE_PORT_ENDPOINTS = "nodeport-endpoints-local"
FIREWALL_IPS = "firewall-ips"
SOURCE_RANGES = "firewall-sources"
AFFINITY_OF_IPS = "affinity-of-ips"
AFFINITY_OF_NODE_PORTS = "affinity-of-nodeports"

# What a picking chain `PREFIX-N` reads; N is the number of endpoints, the chain is shared by all with as many.
PICK = "lb"
PICK_LOCAL = "lb-local"
PICK_NODE_PORT = "nodeport-lb"
PICK_LOCAL_NODE_PORT = "nodeport-lb-local"
# The same behind the masquerade mark.
EXTERNAL = "external"
NODE_PORT_EXTERNAL = "nodeport-external"

_NAME_BYTES_MAX = 240  # nft's limit is 255


def own(name: ServicePortName, kind: str) -> str:
    """Name of a chain or map that one service port has for itself: kind, hash, and what a reader looks for."""
    text = f"{name.namespace}/{name.service}/{name.protocol.lower()}/{name.port}"
    digest = b32encode(sha256(text.encode()).digest())[:8].decode()
    full = f"{kind}-{digest}-{text}"
    return full if len(full) <= _NAME_BYTES_MAX else full[: _NAME_BYTES_MAX - 3] + "..."
