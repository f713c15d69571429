"""The flags of `knode run`, and the options they make; the kubelet's flags keep their names."""

import argparse
import os

from nodeagent.options import DEFAULT_EVICTION, Options

ROOT_DIR = "/var/lib/podnet"


def add_run(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    _add_surroundings(run)
    _add_cni(run)
    _add_folders(run)
    _add_server(run)
    add(
        "--runtime",
        choices=("auto", "runc", "crun"),
        default="auto",
        help="default: what passes a trial start",
    )
    add(
        "--hide",
        action="append",
        default=[],
        metavar="PATH",
        help="absent in podnet/host containers; repeatable",
    )
    add("--node-labels", default="", metavar="KEY=VALUE,…", help="put on the Node when it registers")
    add(
        "--lease-duration-s",
        type=int,
        default=40,
        metavar="N",
        help="renewed at a quarter (default: %(default)s)",
    )
    add("--resolv-conf", default="/etc/resolv.conf", metavar="FILE", help="default: %(default)s")
    add(
        "--pull-netns", default="", metavar="PATH", help="network namespace from which registries are reached"
    )
    add(
        "--mtu",
        type=int,
        default=0,
        metavar="N",
        help="of pods' interfaces (default: what the network takes)",
    )
    _add_network(run)
    add(
        "--cgroup-root",
        default="",
        metavar="PATH",
        help="parent of the pods' cgroups (default: /podnet/NODE)",
    )
    _add_kubelets(run)
    add(
        "-v",
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="default: %(default)s",
    )


def _add_surroundings(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    add("--kubeconfig", default="", metavar="FILE", help="how to reach the API server (default: in-cluster)")
    add("--node-name", default="", help="default: the host name")
    add(
        "--node-ip",
        required=True,
        metavar="IP[,IP]",
        help="this node's addresses, the preferred family first",
    )
    add(
        "--cluster-dns",
        default="10.96.0.10",
        metavar="IP[,IP]",
        help="nameserver of pods (default: %(default)s)",
    )
    add("--cluster-domain", default="cluster.local", help="default: %(default)s")


def _add_cni(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    add(
        "--cni-bin-dir", default="/opt/cni/bin:/usr/lib/cni", metavar="DIR[:DIR]", help="default: %(default)s"
    )
    add("--cni-conf-dir", default="/etc/cni/net.d", metavar="DIR", help="default: %(default)s")
    add("--cni-cache-dir", default="/var/lib/cni", metavar="DIR", help="default: %(default)s")
    add(
        "--cni-daemon",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="answer the CNI executables, heal what others break, as `kcni daemon` does (default: yes)",
    )


def _add_folders(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    add("--root-dir", default=ROOT_DIR, metavar="DIR", help="images, logs, volumes (default: %(default)s)")
    add("--run-dir", default="/run/podnet", metavar="DIR", help="a tmpfs (default: %(default)s)")
    add("--image-dir", default="", metavar="DIR", help="an image store shared with other nodes")


def _add_server(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    add("--tls-cert", default="", metavar="FILE", help="serving certificate of port 10250")
    add("--tls-key", default="", metavar="FILE")
    add("--client-ca", default="", metavar="FILE", help="who may call port 10250")
    add("--port", type=int, default=10250, help="default: %(default)s")
    add("--bind-address", default="", metavar="IP", help="default: all addresses")


def _add_network(run: argparse.ArgumentParser) -> None:
    add = run.add_argument
    add(
        "--network",
        choices=("none", "routes", "vxlan"),
        default="none",
        help="ways to other nodes' pods: somebody else's, by static routes on a shared segment, or through"
        " a VXLAN tunnel (default: %(default)s)",
    )
    add("--vxlan-id", type=int, default=1, metavar="N", help="the tunnel's VNI (default: %(default)s)")
    add("--vxlan-port", type=int, default=4789, metavar="N", help="UDP port (default: %(default)s)")
    add(
        "--masquerade",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="with routes and vxlan: pods' packets leave the cluster with the node's address (default: yes)",
    )


def _add_kubelets(run: argparse.ArgumentParser) -> None:
    """Options that have the kubelet's names and meanings."""
    add = run.add_argument_group("as the kubelet has them").add_argument
    add("--pod-manifest-path", default="", metavar="DIR", help="run the static pods of this folder")
    add("--max-pods", type=int, default=110, metavar="N", help="default: %(default)s")
    add("--pod-max-pids", type=int, default=-1, metavar="N", help="processes of one pod (default: no limit)")
    add(
        "--container-log-max-size", default="10Mi", metavar="SIZE", help="then rotated (default: %(default)s)"
    )
    add(
        "--container-log-max-files",
        type=int,
        default=5,
        metavar="N",
        help="kept of each container (default: %(default)s)",
    )
    add(
        "--allowed-unsafe-sysctls",
        default="",
        metavar="NAME,…",
        help="that pods may set beside the safe ones; NAME may end in *",
    )
    add(
        "--eviction-hard",
        default=DEFAULT_EVICTION,
        metavar="SIGNAL<AMOUNT,…",
        help='when pods have to leave, "" is never (default: %(default)s)',
    )
    add(
        "--eviction-soft",
        default="",
        metavar="SIGNAL<AMOUNT,…",
        help="when pods have to leave if it lasts (default: never)",
    )
    add(
        "--eviction-soft-grace-period",
        default="",
        metavar="SIGNAL=TIME,…",
        help="how long it has to last, of each soft threshold: memory.available=1m30s",
    )
    add(
        "--eviction-max-pod-grace-period",
        type=int,
        default=0,
        metavar="SECONDS",
        help="what a pod may take to end then, if it does not ask for less (default: %(default)s)",
    )
    add(
        "--system-reserved",
        default="",
        metavar="RESOURCE=AMOUNT,…",
        help="of cpu, memory, ephemeral-storage: not for pods",
    )
    add(
        "--register-with-taints",
        default="",
        metavar="KEY=VALUE:EFFECT,…",
        help="put on the Node when it registers",
    )
    add(
        "--seccomp-default",
        action="store_true",
        help="RuntimeDefault for containers that name no seccomp profile",
    )


def options_of(arguments: argparse.Namespace) -> Options:
    """Raises ValueError."""
    from kube.scheduler.quantity import units

    labels = (pair.partition("=")[::2] for pair in arguments.node_labels.split(",") if pair)
    return Options(
        kubeconfig=arguments.kubeconfig,
        node_name=arguments.node_name or os.uname().nodename,
        node_ips=_split(arguments.node_ip),
        cluster_dns=_split(arguments.cluster_dns),
        cluster_domain=arguments.cluster_domain,
        cni_bin_dir=arguments.cni_bin_dir,
        cni_conf_dir=arguments.cni_conf_dir,
        cni_cache_dir=arguments.cni_cache_dir,
        root_dir=arguments.root_dir.rstrip("/"),
        run_dir=arguments.run_dir.rstrip("/"),
        image_dir=arguments.image_dir,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        client_ca=arguments.client_ca,
        runtime=arguments.runtime,
        port=arguments.port,
        bind_address=arguments.bind_address,
        hide=tuple(arguments.hide),
        labels=tuple(labels),
        lease_s=arguments.lease_duration_s,
        resolv_conf=arguments.resolv_conf,
        pull_netns=arguments.pull_netns,
        mtu=arguments.mtu,
        network=arguments.network,
        vxlan_id=arguments.vxlan_id,
        vxlan_port=arguments.vxlan_port,
        masquerade=arguments.masquerade,
        cni_daemon=arguments.cni_daemon,
        cgroup_root=arguments.cgroup_root,
        unsafe_sysctls=_split(arguments.allowed_unsafe_sysctls),
        pod_max_pids=arguments.pod_max_pids if arguments.pod_max_pids > 0 else None,
        static_pod_dir=arguments.pod_manifest_path,
        log_max_bytes=units(arguments.container_log_max_size),
        log_max_files=arguments.container_log_max_files,
        max_pods=arguments.max_pods,
        eviction_hard=arguments.eviction_hard,
        reserved=tuple(pair.partition("=")[::2] for pair in _split(arguments.system_reserved)),
        taints=tuple(_taint(text) for text in _split(arguments.register_with_taints)),
        seccomp_default=arguments.seccomp_default,
        eviction_soft=arguments.eviction_soft,
        eviction_soft_lasting=arguments.eviction_soft_grace_period,
        eviction_longest_grace_s=arguments.eviction_max_pod_grace_period,
    )


def _taint(text: str) -> tuple[str, str, str]:
    """`key=value:Effect`, `key:Effect`."""
    pair, colon, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    if not colon or effect not in {"NoSchedule", "PreferNoSchedule", "NoExecute"}:
        raise ValueError(f"--register-with-taints: {text!r} is no KEY=VALUE:EFFECT")
    return key, value, effect


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def kubelet_options() -> list[tuple[str, str]]:
    """The options with the kubelet's names, and their help: for the documentation."""
    run = argparse.ArgumentParser()
    known = len(run._actions)
    _add_kubelets(run)
    found = []
    for action in run._actions[known:]:
        name = f"{action.option_strings[0]} {action.metavar or ''}".strip()
        found.append((name, (action.help or "") % {"default": action.default}))
    return found
