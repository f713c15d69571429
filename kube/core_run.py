"""What `kcore` runs: the chosen parts in one event loop, until a signal."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import uvloop

from kube.certs import Pki

if TYPE_CHECKING:
    from kube.client import Client
    from kube.election import Elector
    from kube.measures import Measures
    from kube.scheduler import SchedulerProfile
    from kube.store.etcd.options import EtcdOptions

_log = logging.getLogger(__name__)


_Start: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Plan(NamedTuple):
    """The command line, checked."""

    command: str
    data_dir: Path | None  # None: objects are kept in memory
    bind_address: str
    advertise_address: str
    secure_port: int
    service_cidrs: tuple[str, ...]
    cluster_cidrs: tuple[str, ...]
    authorization_modes: tuple[str, ...]
    profile: str
    node_ports: tuple[int, int] = (30000, 32767)
    fsync: str = "full"
    token_auth_file: Path | None = None
    compaction_interval_s: float = 300.0
    etcd_servers: str = ""
    etcd_prefix: str = "/registry"
    etcd_tls: tuple[str, str, str] = ("", "", "")  # CA, certificate, key
    kubeconfig: str = ""
    mask_sizes: tuple[int, int] = (24, 64)
    load_balancer_pool: tuple[str, ...] = ()
    ingress_addresses: tuple[str, ...] = ()
    ingress_ports: tuple[int, int] = (80, 443)
    scheduler_config: str = ""  # a file
    disabled_admission: frozenset[str] = frozenset()
    client_ca_file: str = ""
    serving_pair: tuple[str, str] = ("", "")  # certificate, key; "": one is made
    signing_pair: tuple[str, str] = ("", "")  # the CA's, for CertificateSigningRequests; "": none are signed
    signing_duration_s: float = 365 * 24 * 3600.0
    node_grace_s: float | None = None  # the profile's


def run(plan: Plan, pki: Pki | None, listener: socket.socket | None) -> None:
    """Until SIGTERM or SIGINT; raises what kept it from starting."""
    # Decoded objects are garbage in bulk and hardly ever cyclic: the collector's default wakes far too often.
    gc.set_threshold(50_000, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(plan, pki, listener))


async def _main(plan: Plan, pki: Pki | None, listener: socket.socket | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(plan, pki, listener):
        gc.freeze()
        if pki is None:
            print(f"kcore: {plan.command} started", flush=True)
        else:
            host = f"[{plan.bind_address}]" if ":" in plan.bind_address else plan.bind_address
            print(f"kcore: serving on https://{host}:{plan.secure_port}", flush=True)
        await stop.wait()


@contextlib.asynccontextmanager
async def running(plan: Plan, pki: Pki | None, listener: socket.socket | None) -> AsyncIterator[None]:
    """The parts at work inside the block: the server answers when it begins, nothing runs when it has ended."""
    async with _clients(plan, pki, listener) as loops:
        tasks = [asyncio.ensure_future(_forever(name, start)) for name, start in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _forever(name: str, start: _Start) -> None:
    """A part that fails is started again; the others go on meanwhile."""
    delay_s = 1.0
    while True:
        try:
            await start()
        except Exception:
            _log.exception("the %s failed, starting it again in %.0f s", name, delay_s)
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 2, 30.0)


@contextlib.asynccontextmanager
async def _clients(
    plan: Plan, pki: Pki | None, listener: socket.socket | None
) -> AsyncIterator[list[tuple[str, _Start]]]:
    """The loops to run, with their clients: in process where the server is, over the network elsewhere."""
    if pki is None or listener is None:
        from kube.client import Client
        from kube.client.kubeconfig_disk import authority_of

        client = Client.from_kubeconfig(plan.kubeconfig, user_agent=f"kcore-{plan.command}")
        authority = authority_of(plan.kubeconfig)  # what pods trust the API server by, too
        try:
            yield _alone(plan, client, authority)
        finally:
            await client.close()
        return
    from kube.apiserver.run import ServerOptions, serving
    from kube.apiserver.state import Settings

    settings = Settings(
        advertise_address=plan.advertise_address,
        secure_port=plan.secure_port,
        service_cidrs=plan.service_cidrs,
        node_ports=plan.node_ports,
        authorization_modes=plan.authorization_modes,
        disabled_admission=plan.disabled_admission,
    )
    options = ServerOptions(
        data_dir=plan.data_dir,
        fsync=plan.fsync,
        token_auth_file=plan.token_auth_file,
        compaction_interval_s=plan.compaction_interval_s,
        etcd=etcd_options(plan.etcd_servers, plan.etcd_tls, plan.etcd_prefix, plan.compaction_interval_s),
    )
    async with serving(pki, listener, settings, options) as server:
        names = ["scheduler", "controllers"] if plan.command == "all" else []
        if names and plan.ingress_addresses:
            names.append("ingress")
        yield [(name, partial(_local_loop, plan, name, server, pki)) for name in names]


def _alone(plan: Plan, client: "Client", authority: str) -> list[tuple[str, _Start]]:
    """One part; scheduler and controllers with pages of their own. Raises OSError for certificates."""
    from kube.component.drive import count_process, counted, serve_pages
    from kube.component.serve import Place, server_tls
    from kube.measures import Measures

    measures = Measures()
    client = counted(client, measures)
    elector = _elector(plan.command, client)
    loops: list[tuple[str, _Start]] = [
        (plan.command, partial(_elected, plan, plan.command, client, authority, measures, elector))
    ]
    if plan.command in ("scheduler", "controllers") and plan.secure_port:
        count_process(measures)
        ca = Path(plan.client_ca_file).read_text() if plan.client_ca_file else authority
        tls = server_tls(elector.name, (plan.bind_address, "localhost"), ca, *plan.serving_pair)
        place = Place(plan.bind_address, plan.secure_port, tls)
        loops.append(("pages", partial(serve_pages, client, measures, elector, place)))
    return loops


def etcd_options(
    servers: str, tls: tuple[str, str, str], prefix: str, compaction_period_s: float = 0.0
) -> "EtcdOptions | None":
    """None when no servers are named; raises StoreError."""
    if not servers:
        return None
    from kube.store.etcd.options import EtcdOptions, parse_servers

    return EtcdOptions(parse_servers(servers), *tls, prefix, compaction_period_s)


async def _local_loop(plan: Plan, name: str, server: Any, pki: Pki) -> None:
    """After the server answers, so that its start does not wait for these imports."""
    from kube.apiserver.local import LocalTransport
    from kube.apiserver.requests.request import User
    from kube.client import Client
    from kube.measures import Measures

    await asyncio.sleep(0)
    if not any(plan.signing_pair):  # who has made the cluster's CA signs with it
        plan = plan._replace(signing_pair=(str(pki.ca), str(pki.key("ca"))))
    name_of_user = "system:kube-scheduler" if name == "scheduler" else "system:kube-controller-manager"
    user = User(name_of_user, ("system:authenticated",))
    client = Client(LocalTransport(server, user, user_agent=f"kcore-{name}"))
    measures = Measures()
    server.api.metrics.parts[name] = measures.lines
    run_part = _elected if plan.etcd_servers else _loop  # alone on a store there is nobody to elect from
    await run_part(plan, name, client, pki.ca.read_text(), measures)


_LEASES = {
    "scheduler": "kube-scheduler",
    "controllers": "kube-controller-manager",
    "ingress": "podnet-ingress",
}


def _elector(name: str, client: "Client") -> "Elector":
    from uuid import uuid4

    from kube.election import Elector

    return Elector(client, _LEASES[name], f"{socket.gethostname()}_{uuid4()}")


async def _elected(
    plan: Plan,
    name: str,
    client: "Client",
    ca_pem: str,
    measures: "Measures",
    elector: "Elector | None" = None,
) -> None:
    """The loop, while this process leads among those that share the API."""
    from kube.component.drive import count_leading

    elector = elector or _elector(name, client)
    count_leading(measures, elector)
    await elector.run(partial(_loop, plan, name, client, ca_pem, measures))


async def _loop(
    plan: Plan, name: str, client: "Client", ca_pem: str, measures: "Measures | None" = None
) -> None:
    if name == "scheduler":
        from kube import scheduler

        await scheduler.run(client, scheduler_profile(plan.profile, plan.scheduler_config), measures=measures)
        return
    if name == "ingress":
        await _ingress(plan, client)
        return
    import msgspec

    from kube.controllers.drive import run as run_controllers
    from kube.controllers.options import ControllerOptions

    profile = ControllerOptions.named(plan.profile)
    options = msgspec.structs.replace(
        profile,
        node_monitor_grace_s=plan.node_grace_s or profile.node_monitor_grace_s,
        cluster_cidrs=plan.cluster_cidrs,
        node_cidr_mask_size_ipv4=plan.mask_sizes[0],
        node_cidr_mask_size_ipv6=plan.mask_sizes[1],
        load_balancer_pool=plan.load_balancer_pool,
        root_ca_pem=ca_pem,
        signing_certificate_file=plan.signing_pair[0],
        signing_key_file=plan.signing_pair[1],
        signing_duration_s=plan.signing_duration_s,
    )
    await run_controllers(client, options, measures=measures)


def scheduler_profile(name: str, config: str) -> "SchedulerProfile":
    """The named profile with what the file says. Raises ValueError and OSError."""
    from kube.scheduler import SchedulerProfile

    profile = SchedulerProfile.named(name)
    if not config:
        return profile
    import yaml

    from kube.scheduler.config import parse_config

    try:
        document = yaml.safe_load(Path(config).read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{config}: not YAML: {' '.join(str(error).split())}") from error
    try:
        return parse_config(document, profile)
    except ValueError as error:
        raise ValueError(f"{config}: {error}") from error


async def _ingress(plan: Plan, client: "Client") -> None:
    from kube.ingress.drive import IngressOptions
    from kube.ingress.drive import run as run_ingress

    assert plan.data_dir is not None, "only a cluster in memory has no folder, and it serves no Ingress"
    options = IngressOptions(
        addresses=plan.ingress_addresses,
        folder=plan.data_dir / "ingress",
        http_port=plan.ingress_ports[0],
        https_port=plan.ingress_ports[1],
    )
    await run_ingress(client, options)
