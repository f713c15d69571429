"""kcore: the API server, the scheduler and the controllers, each alone or all in one process."""

import argparse
import ipaddress
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kube import certs
from kube.arguments import build_parser
from kube.store import StoreError

if TYPE_CHECKING:
    from kube.core_run import Plan
    from kube.store.etcd.options import EtcdOptions


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
        _COMMANDS[arguments.command](arguments)
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


def _backup(arguments: argparse.Namespace) -> None:
    import asyncio

    from kube.store.backup.run import backup

    lines = arguments.format == "lines"
    summary = asyncio.run(backup(_place(arguments), Path(arguments.file), lines=lines))
    print(f"kcore: {summary.rows} objects at revision {summary.revision} are in {arguments.file}")
    print(f"kcore: certificates and keys are not in it: copy {Path(arguments.data_dir) / 'pki'} too")


def _restore(arguments: argparse.Namespace) -> None:
    import asyncio

    from kube.store.backup.run import restore

    restored = asyncio.run(restore(Path(arguments.file), _place(arguments)))
    print(f"kcore: {restored.rows} objects are restored at revision {restored.revision}")
    if restored.revision < restored.backup_revision:
        print("kcore: revisions begin anew: restart the nodes' daemons and all other clients")


def _place(arguments: argparse.Namespace) -> "Path | EtcdOptions":
    from kube.core_run import etcd_options

    tls = (arguments.etcd_cafile, arguments.etcd_certfile, arguments.etcd_keyfile)
    return etcd_options(arguments.etcd_servers, tls, arguments.etcd_prefix) or Path(arguments.data_dir)


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


def _two_ports(text: str) -> tuple[int, int]:
    try:
        http, https = (int(port) for port in text.split(","))
    except ValueError:
        raise UsageError(f"--ingress-ports {text}: want HTTP,HTTPS") from None
    if not (0 < http < 65536 and 0 < https < 65536 and http != https):
        raise UsageError(f"--ingress-ports {text}: two ports of 1 to 65535")
    return http, https


def _run(arguments: argparse.Namespace) -> None:
    plan = _plan(arguments)
    if plan.command == "ingress" and not plan.ingress_addresses:
        raise UsageError("ingress needs --ingress-address IP[,IP]: where to listen")
    from kube import core_run, logs

    core_run.scheduler_profile(
        plan.profile, plan.scheduler_config
    )  # a bad file is told before anything starts
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
        ingress_addresses=tuple(
            _address(text, "--ingress-address") for text in filter(None, arguments.ingress_address.split(","))
        ),
        ingress_ports=_two_ports(arguments.ingress_ports),
        scheduler_config=arguments.scheduler_config,
        profile=arguments.profile,
        authorization_modes=_modes(arguments.authorization_mode),
        disabled_admission=_plugins(arguments.disable_admission_plugins),
        signing_pair=_signing_pair(arguments),
        signing_duration_s=arguments.cluster_signing_duration,
        node_grace_s=arguments.node_monitor_grace_period,
        client_ca_file=getattr(arguments, "client_ca_file", ""),
        serving_pair=(
            getattr(arguments, "tls_cert_file", ""),
            getattr(arguments, "tls_private_key_file", ""),
        ),
    )


def _signing_pair(arguments: argparse.Namespace) -> tuple[str, str]:
    """Certificate and key."""
    certificate, key = arguments.cluster_signing_cert_file, arguments.cluster_signing_key_file
    if bool(certificate) != bool(key):
        raise UsageError("--cluster-signing-cert-file and --cluster-signing-key-file go together")
    return certificate, key


def _modes(text: str) -> tuple[str, ...]:
    if text == "AlwaysAllow":
        return (text,)
    from kube.apiserver.access.authorizers import parse_modes

    try:
        return parse_modes(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _plugins(text: str) -> frozenset[str]:
    if not text:
        return frozenset()
    from kube.apiserver.admission.plugins import parse_disabled

    try:
        return parse_disabled(text)
    except ValueError as error:
        raise UsageError(f"--disable-admission-plugins: {error}") from None


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "init": _init,
    "all": _run,
    "apiserver": _run,
    "scheduler": _run,
    "controllers": _run,
    "ingress": _run,
    "backup": _backup,
    "restore": _restore,
}

if __name__ == "__main__":
    main()
