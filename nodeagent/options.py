"""What `knode run` was told."""

from typing import NamedTuple

# --eviction-hard, as the kubelet has it.
DEFAULT_EVICTION = "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%"


class Options(NamedTuple):
    kubeconfig: str
    node_name: str
    node_ips: tuple[str, ...]
    cluster_dns: tuple[str, ...]
    cluster_domain: str
    cni_bin_dir: str
    cni_conf_dir: str
    cni_cache_dir: str
    root_dir: str
    run_dir: str
    image_dir: str
    tls_cert: str
    tls_key: str
    client_ca: str
    runtime: str
    port: int
    bind_address: str
    hide: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    lease_s: int
    resolv_conf: str
    pull_netns: str
    mtu: int
    network: str
    vxlan_id: int
    vxlan_port: int
    masquerade: bool
    cni_daemon: bool
    cgroup_root: str
    unsafe_sysctls: tuple[str, ...]
    pod_max_pids: int | None
    static_pod_dir: str
    log_max_bytes: int
    log_max_files: int
    max_pods: int
    eviction_hard: str
    reserved: tuple[tuple[str, str], ...]  # of the node's resources, not for pods
    taints: tuple[tuple[str, str, str], ...]  # key, value, effect; put on the Node when it registers
    seccomp_default: bool
    eviction_soft: str = ""
    eviction_soft_lasting: str = ""  # --eviction-soft-grace-period
    eviction_longest_grace_s: int = 0  # --eviction-max-pod-grace-period
