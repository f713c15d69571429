"""The command lines of a lab's daemons, and the text files they read. Pure."""

import msgspec

from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import API_PORT, KNODE_PORT, Lab, Member


class Command(msgspec.Struct, frozen=True):
    """A daemon that a member's PID 1 keeps running; its log is NAME.log."""

    name: str
    argv: tuple[str, ...]


def hub_commands(lab: Lab, folder: Folder, bin_dir: str) -> tuple[Command, ...]:
    """API server with scheduler and controllers, DNS, and the fabric that routes between the nodes."""
    kcore = (
        f"{bin_dir}/kcore",
        "all",
        *("--data-dir", str(folder.core)),
        *("--bind-address", lab.hub.addresses[0]),
        *("--secure-port", str(API_PORT)),
        *("--advertise-address", lab.hub.addresses[0]),
        *("--service-cluster-ip-range", ",".join(lab.service_ranges)),
        *("--cluster-cidr", ",".join(lab.pod_ranges)),
        *("--load-balancer-pool", ",".join(lab.load_balancer_pool)),
        *("--ingress-address", ",".join(lab.hub.addresses)),
        *("--profile", "lab"),
        *("--node-monitor-grace-period", str(lab.node_grace_s)),
        *("--fsync", "normal"),
        *("--authorization-mode", "Node,RBAC"),
    )
    return (
        Command("kcore", kcore),
        Command("kdns", (f"{bin_dir}/kdns", "-conf", str(folder.corefile))),
        Command("fabric", (f"{bin_dir}/klab", "fabric", "--name", lab.name)),
    )


def node_commands(lab: Lab, node: Member, folder: Folder, bin_dir: str) -> tuple[Command, ...]:
    pki = folder.core / "pki"
    knode = (
        f"{bin_dir}/knode",
        "run",
        *("--kubeconfig", str(folder.kubeconfig_of(f"node-{node.name}"))),
        *("--node-name", node.name),
        *("--node-ip", ",".join(node.addresses)),
        *("--port", str(KNODE_PORT)),
        *("--cluster-dns", ",".join(lab.dns_addresses)),
        *("--cluster-domain", "cluster.local"),
        *("--cni-bin-dir", str(folder.cni_bin)),
        *("--image-dir", str(folder.images)),
        *("--tls-cert", str(pki / f"node-{node.name}.crt")),
        *("--tls-key", str(pki / f"node-{node.name}.key")),
        *("--client-ca", str(pki / "ca.crt")),
        *("--hide", str(folder.root)),
        *("--pull-netns", str(folder.host_netns)),
        *("--network", "vxlan" if lab.ways == "vxlan" else "none"),
        *("--lease-duration-s", "2"),  # renewed each 0.5 s
        *("--pod-manifest-path", "/etc/podnet/manifests"),
        *("--pod-max-pids", "4096"),
    )
    kproxy = (
        f"{bin_dir}/kproxy",
        *("--kubeconfig", str(folder.kubeconfig_of("kube-proxy"))),
        *("--hostname-override", node.name),
        *("--proxy-mode", lab.proxy_mode),
        *("--cluster-cidr", ",".join(lab.pod_ranges)),
        # A namespace may not change the host's conntrack table sizes.
        *("--conntrack-max-per-core", "0", "--conntrack-min", "0"),
    )
    return (Command("knode", knode), Command("kproxy", kproxy))


def corefile(lab: Lab, folder: Folder) -> str:
    """The configuration kubeadm gives CoreDNS, on the hub's address."""
    bind = " ".join(lab.hub.addresses)
    return f""".:53 {{
    bind {bind}
    errors
    health {lab_host(lab)}:8080 {{
        lameduck 1s
    }}
    ready {lab_host(lab)}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {folder.kubeconfig_of("kdns")}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus {lab_host(lab)}:9153
    forward . /etc/resolv.conf {{
        max_concurrent 1000
    }}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"""


def lab_host(lab: Lab) -> str:
    """The hub's first address as it stands before a port."""
    address = lab.hub.addresses[0]
    return f"[{address}]" if ":" in address else address
