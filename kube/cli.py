"""kcore: the API server, the scheduler and the controllers, each alone or all in one process."""

import argparse
import ipaddress
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kube import certs
from kube.store import StoreError

if TYPE_CHECKING:
    from kube.core_run import Plan

_EXAMPLES = """examples:
  kcore init --data-dir /var/lib/podnet/core --advertise-address 10.0.0.1 --node node-1=10.0.0.11
  kcore all --data-dir /var/lib/podnet/core --advertise-address 10.0.0.1 --cluster-cidr 10.244.0.0/16
  kcore all --etcd-servers https://10.0.0.5:2379 --etcd-cafile ca.crt --advertise-address 10.0.0.1
  kubectl --kubeconfig /var/lib/podnet/core/kubeconfig/admin.kubeconfig get nodes
"""
_DEFAULT_DATA = "/var/lib/podnet/core"
_SERVICE_RANGES = "10.96.0.0/16,fd00:10:96::/112"
_POD_RANGES = "10.244.0.0/16,fd00:10:244::/56"


class UsageError(Exception):
    """What the command line says cannot be meant."""


def main(argv: Sequence[str] | None = None) -> None:
    """The `kcore` command; exits 1 on failure, 2 on wrong usage."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.print_completion:
        import shtab

        print(shtab.complete(parser, arguments.print_completion))
        return
    if arguments.command is None:
        parser.print_help()
        raise SystemExit(2)
    try:
        arguments.run(arguments)
    except UsageError as error:
        _fail(str(error), 2)
    except (certs.CertsError, StoreError, OSError, ValueError) as error:
        _fail(_explain(error), 1)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"kcore: {message}\n")
    raise SystemExit(code)


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


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
    init.set_defaults(run=_init)
    for name, text in (
        ("all", "everything in one process; does init first when needed"),
        ("apiserver", "the API server alone"),
        ("scheduler", "the scheduler alone, against a running API server"),
        ("controllers", "the controllers alone, against a running API server"),
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
        _add_loops(command)
        command.set_defaults(run=_run)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data-dir", default=_DEFAULT_DATA, metavar="DIR", help="where everything is kept (%(default)s)")
    add(
        "--advertise-address", default="127.0.0.1", metavar="IP", help="the address clients use (%(default)s)"
    )
    add("--secure-port", type=int, default=6443, metavar="PORT", help="0 chooses a free one (%(default)s)")
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
        choices=("AlwaysAllow",),
        default="AlwaysAllow",
        help="what authenticated users may do (%(default)s)",
    )
    add(
        "--compaction-interval",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="history of one to two intervals is kept for lists and watches of the past (%(default)s)",
    )
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
    add(
        "--v",
        "-v",
        dest="level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="log level",
    )


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
    add("--profile", choices=("default", "lab"), default="default", help="timings; lab waits for nothing")


def _init(arguments: argparse.Namespace) -> None:
    pki = _ensure(arguments)
    print(f"kcore: certificates and kubeconfigs are in {pki.data_dir}; use {pki.kubeconfig('admin')}")


def _ensure(arguments: argparse.Namespace) -> certs.Pki:
    return certs.ensure(
        Path(arguments.data_dir),
        advertise_address=arguments.advertise_address,
        secure_port=arguments.secure_port,
        sans=arguments.san,
        nodes=_nodes(arguments.node),
        service_ips=tuple(
            str(next(ipaddress.ip_network(cidr).hosts()))
            for cidr in _ranges(arguments, "service_cluster_ip_range")
        ),
    )


def _nodes(texts: Sequence[str]) -> dict[str, list[str]]:
    nodes = {}
    for text in texts:
        name, separator, addresses = text.partition("=")
        if not separator or not name or not addresses:
            raise UsageError(f"--node {text}: want NAME=IP[,IP]")
        nodes[name] = [_address(address, "--node") for address in addresses.split(",")]
    return nodes


def _address(text: str, option: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not an IP address") from None


def _ranges(arguments: argparse.Namespace, name: str) -> tuple[str, ...]:
    text: str = getattr(arguments, name)
    found = []
    for cidr in filter(None, text.split(",")):
        try:
            found.append(str(ipaddress.ip_network(cidr)))
        except ValueError as error:
            raise UsageError(f"--{name.replace('_', '-')}: {error}") from None
    return tuple(found)


def _node_ports(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    try:
        first, last = int(low), int(high)
    except ValueError:
        raise UsageError(f"--service-node-port-range {text}: want LOW-HIGH") from None
    if not 0 < first <= last < 65536:
        raise UsageError(f"--service-node-port-range {text}: ports are 1 to 65535")
    return first, last


def _run(arguments: argparse.Namespace) -> None:
    plan = _plan(arguments)
    from kube import core_run, logs

    logs.setup(arguments.level)
    pki = listener = None
    if plan.command in ("all", "apiserver"):
        listener = _listen(plan.bind_address, plan.secure_port)
        arguments.secure_port = listener.getsockname()[1]
        plan = plan._replace(secure_port=arguments.secure_port)
        pki = _ensure(arguments)
    from kube.client.kubeconfig_disk import KubeconfigError

    try:
        core_run.run(plan, pki, listener)
    except KubeconfigError as error:
        _fail(str(error), 1)


def _listen(address: str, port: int) -> socket.socket:
    """Before anything else: a taken port is told at once, and clients that come early wait instead of failing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=1024)
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(
            f"cannot listen on {address} port {port}: {why}; choose another --secure-port"
        ) from error


def _plan(arguments: argparse.Namespace) -> "Plan":
    from kube.core_run import Plan

    return Plan(
        command=arguments.command,
        data_dir=Path(arguments.data_dir),
        bind_address=_address(arguments.bind_address, "--bind-address"),
        advertise_address=_address(arguments.advertise_address, "--advertise-address"),
        secure_port=arguments.secure_port,
        service_cidrs=_ranges(arguments, "service_cluster_ip_range"),
        node_ports=_node_ports(arguments.service_node_port_range),
        fsync=arguments.fsync,
        token_auth_file=Path(arguments.token_auth_file) if arguments.token_auth_file else None,
        compaction_interval_s=arguments.compaction_interval,
        etcd_servers=arguments.etcd_servers,
        etcd_prefix=arguments.etcd_prefix,
        etcd_tls=(arguments.etcd_cafile, arguments.etcd_certfile, arguments.etcd_keyfile),
        kubeconfig=arguments.kubeconfig or "",
        cluster_cidrs=_ranges(arguments, "cluster_cidr"),
        mask_sizes=(arguments.node_cidr_mask_size_ipv4, arguments.node_cidr_mask_size_ipv6),
        load_balancer_pool=tuple(filter(None, arguments.load_balancer_pool.split(","))),
        profile=arguments.profile,
    )


if __name__ == "__main__":
    main()
