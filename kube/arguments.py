"""The command line of kcore."""

import argparse

_EXAMPLES = """examples:
  kcore init --data-dir /var/lib/podnet/core --advertise-address 10.0.0.1 --node node-1=10.0.0.11
  kcore all --data-dir /var/lib/podnet/core --advertise-address 10.0.0.1 --cluster-cidr 10.244.0.0/16
  kcore all --etcd-servers https://10.0.0.5:2379 --etcd-cafile ca.crt --advertise-address 10.0.0.1
  kubectl --kubeconfig /var/lib/podnet/core/kubeconfig/admin.kubeconfig get nodes
"""
_DEFAULT_DATA = "/var/lib/podnet/core"
_SERVICE_RANGES = "10.96.0.0/16,fd00:10:96::/112"
_PORTS = {"scheduler": 10259, "controllers": 10257}
_POD_RANGES = "10.244.0.0/16,fd00:10:244::/56"


def build_parser() -> argparse.ArgumentParser:
    """Also read by the completion and the documentation."""
    parser = argparse.ArgumentParser(
        prog="kcore",
        description="The control plane: API server, scheduler and controllers.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--print-completion", choices=("bash", "zsh", "tcsh"), help="print a completion script"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    init = commands.add_parser(
        "init", help="make certificates, keys and kubeconfigs, as far as they are missing"
    )
    _add_place(init)
    for name, text in (
        ("all", "everything in one process; does init first when needed"),
        ("apiserver", "the API server alone"),
        ("scheduler", "the scheduler alone, against a running API server"),
        ("controllers", "the controllers alone, against a running API server"),
        ("ingress", "Ingress alone (a HAProxy), against a running API server"),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_place(command)
        _add_server(command)
        _add_etcd(command)
        _add_loops(command)
        if name in _PORTS:
            _add_pages(command, _PORTS[name])
    _add_backup(commands)
    return parser


def _add_pages(parser: argparse.ArgumentParser, port: int) -> None:
    """Of what runs alone, with kube-scheduler's and kube-controller-manager's names; --secure-port is theirs, too."""
    parser.set_defaults(secure_port=port)
    add = parser.add_argument
    add(
        "--tls-cert-file",
        default="",
        metavar="FILE",
        help="what health and metrics are served with; without one a certificate is made",
    )
    add("--tls-private-key-file", default="", metavar="FILE")
    add(
        "--client-ca-file",
        default="",
        metavar="FILE",
        help="the CA of those who may show a certificate (the kubeconfig's)",
    )


def _add_backup(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, text in (
        ("backup", "write all objects to a file; the server may run meanwhile"),
        ("restore", "put a backup into an empty data directory or etcd"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("file", metavar="FILE")
        command.add_argument("--data-dir", default=_DEFAULT_DATA, metavar="DIR", help="(%(default)s)")
        _add_etcd(command)
        if name == "backup":
            command.add_argument(
                "--format",
                choices=("sqlite", "lines"),
                default="sqlite",
                help="a copy of the database, or a line of JSON for each object (of etcd always lines)",
            )


def _add_place(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data-dir", default=_DEFAULT_DATA, metavar="DIR", help="where everything is kept (%(default)s)")
    add(
        "--advertise-address", default="127.0.0.1", metavar="IP", help="the address clients use (%(default)s)"
    )
    add(
        "--secure-port",
        type=int,
        default=6443,
        metavar="PORT",
        help="0 chooses a free one; of scheduler, controllers: none (%(default)s)",
    )
    add("--san", action="append", default=[], metavar="NAME", help="another name or address of the server")
    add(
        "--node",
        action="append",
        default=[],
        metavar="NAME=IP[,IP]",
        help="a node that gets a certificate and a kubeconfig",
    )
    add("--service-cluster-ip-range", default=_SERVICE_RANGES, metavar="CIDR[,CIDR]", help="(%(default)s)")


def _add_server(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--bind-address", default="0.0.0.0", metavar="IP", help="the address to listen on (%(default)s)")
    add("--service-node-port-range", default="30000-32767", metavar="LOW-HIGH", help="(%(default)s)")
    add(
        "--fsync",
        choices=("full", "normal"),
        default="full",
        help="full: every acknowledged write survives a power cut; normal: it survives a crash of the process "
        "(%(default)s)",
    )
    add("--token-auth-file", metavar="FILE", help='lines token,user,uid,"group1,group2"')
    add(
        "--authorization-mode",
        default="AlwaysAllow",
        metavar="MODE[,MODE]",
        help="who may do what: AlwaysAllow, RBAC, or Node,RBAC (%(default)s)",
    )
    add(
        "--disable-admission-plugins",
        default="",
        metavar="NAME[,NAME]",
        help="what the server shall not check or fill in, by kube-apiserver's names",
    )
    add(
        "--compaction-interval",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="history of one to two intervals is kept for lists and watches of the past (%(default)s)",
    )
    add(
        "--v",
        "-v",
        dest="level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="log level",
    )


def _add_etcd(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--etcd-servers",
        default="",
        metavar="URL[,URL]",
        help="keep objects in etcd (3.4 or later), not in SQLite",
    )
    add(
        "--etcd-prefix",
        default="/registry",
        metavar="PREFIX",
        help="the part of etcd's keys to use (%(default)s)",
    )
    for name in ("cafile", "certfile", "keyfile"):
        add(f"--etcd-{name}", default="", metavar="FILE", help="TLS to etcd")


def _add_loops(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--kubeconfig", metavar="FILE", help="scheduler, controllers: how to reach the API server")
    add(
        "--cluster-cidr",
        default=_POD_RANGES,
        metavar="CIDR[,CIDR]",
        help="where pods get addresses (%(default)s)",
    )
    add("--node-cidr-mask-size-ipv4", type=int, default=24, metavar="BITS", help="(%(default)s)")
    add("--node-cidr-mask-size-ipv6", type=int, default=64, metavar="BITS", help="(%(default)s)")
    add(
        "--load-balancer-pool",
        default="",
        metavar="CIDR|FIRST-LAST",
        help="addresses of LoadBalancer Services",
    )
    add(
        "--ingress-address",
        default="",
        metavar="IP[,IP]",
        help="serve Ingress there; needs the program haproxy when the first Ingress is made",
    )
    add(
        "--cluster-signing-cert-file",
        default="",
        metavar="FILE",
        help="the CA that signs CertificateSigningRequests (with `all` the cluster's own; else none are signed)",
    )
    add("--cluster-signing-key-file", default="", metavar="FILE")
    add(
        "--cluster-signing-duration",
        type=float,
        default=365 * 24 * 3600.0,
        metavar="SECONDS",
        help="of certificates, at most (%(default).0f)",
    )
    add("--ingress-ports", default="80,443", metavar="HTTP,HTTPS", help="(%(default)s)")
    add(
        "--scheduler-config",
        default="",
        metavar="FILE",
        help="a KubeSchedulerConfiguration: weights, bin packing, name, back-off",
    )
    add("--profile", choices=("default", "lab"), default="default", help="timings; lab waits for nothing")
    add(
        "--node-monitor-grace-period",
        type=float,
        metavar="SECONDS",
        help="of a node's silence until it counts as dead (50; 2 in the lab)",
    )
