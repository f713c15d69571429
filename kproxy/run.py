"""A running kproxy: client, backends, servers and signals put together."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from kproxy import garbage, last_known_disk, node_socket, surroundings, sysctls
from kproxy.backends.registry import BACKENDS, Backend, BackendError
from kproxy.commands.cleanup_socket import CleanupRequests
from kproxy.configuration.config import ConfigError, Configuration, split_address
from kproxy.conntrack_socket import Cleaner
from kproxy.drive import Proxy
from kproxy.last_known_drive import LastKnown
from kproxy.metrics import process_disk
from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.metrics.counters_run import count_connections, count_packets
from kproxy.metrics.measured import measured
from kproxy.misfits import misfits
from kproxy.node import NodeRules
from kproxy.pages.health import Answer
from kproxy.pages.metrics_serve import Pages, not_found
from kproxy.pages.serve import Handler, HttpServer, Request
from kproxy.surroundings import Surroundings
from kproxy.switch_drive import Switch
from kube.client import Client
from kube.events import Recorder
from kube.objects import NamespacedName, Node, ObjectMeta
from linux import sysctl
from linux.logging_kv import get_logger

_log = get_logger("kproxy")
_BIND_RETRY_S = 5.0
_EVENT_S = 1.0  # for the Event to be written before the end


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What flags say beside the configuration. `own_table`: use nftables' owner flag where the kernel has it.

    `config_file` is followed while kproxy runs; "": there is none. `flags` are shown at /flagz.
    """

    config: Configuration
    flags: Mapping[str, str] = {}
    state_dir: str = "/run/podnet/kproxy"
    own_table: bool = True
    master: str = ""
    config_file: str = ""


def node_name(config: Configuration) -> str:
    return (config.hostname_override or socket.gethostname()).strip().lower()


def choose_backend(mode: str) -> str:
    """The backend's name for a mode; says why `auto` passed others over."""
    if mode != "auto":
        if mode not in {entry.name for entry in BACKENDS}:
            known = ", ".join(entry.name for entry in BACKENDS)
            raise ConfigError(f"mode {mode} is not available in this build: use one of {known}")
        return mode
    refused: list[str] = []
    for entry in BACKENDS:
        reason = entry.unusable()
        if reason is None:
            if refused:
                _log.warning("proxy mode chosen", mode=entry.name, passed_over="; ".join(refused))
            return entry.name
        refused.append(f"{entry.name}: {reason}")
    raise BackendError(f"no proxy mode works here: {'; '.join(refused)}")


def make_backends(options: Options, families: tuple[int, ...]) -> dict[int, Backend]:
    """Not yet in force: the first sync writes."""
    name = choose_backend(options.config.effective_mode)
    entry = next(entry for entry in BACKENDS if entry.name == name)
    around = Surroundings(node_name=node_name(options.config))
    rules: dict[int, NodeRules] = {
        family: surroundings.node_rules(options.config, around, family) for family in families
    }
    return entry.load()(rules, own_table=options.own_table)


def prepare(config: Configuration) -> None:
    """What needs privileges once: connection tracking's limits, and not being killed first when memory ends.

    kube-proxy ends where a sysctl cannot be written; in a network namespace some belong to the host.
    """
    for setting in sysctls.settings(config.conntrack, os.cpu_count() or 1):
        try:
            sysctl.ensure(setting.key, setting.value)
        except OSError as error:
            _log.warning("sysctl left as it is", key=setting.key, wanted=setting.value, error=error.strerror)
    score = -999 if config.oom_score_adj is None else config.oom_score_adj
    try:
        Path("/proc/self/oom_score_adj").write_text(str(score))
    except OSError as error:
        level = "debug" if config.oom_score_adj is None else "warning"
        _log.log(level, "oom_score_adj left as it is", wanted=score, error=error.strerror)


def run(options: Options) -> None:
    """Until SIGTERM or SIGINT; the rules stay in force. Raises BackendError where it cannot go on."""
    try:
        asyncio.run(_main(options))
    except ExceptionGroup as group:
        found = group.subgroup(BackendError)
        while isinstance(found, ExceptionGroup):
            found = found.exceptions[0]  # type: ignore[assignment]
        if found is None:
            raise
        raise found from found.__cause__


async def _main(options: Options) -> None:
    config = options.config
    families = surroundings.families_of(node_socket.ipv6_available())
    backends = make_backends(options, families)
    metrics = ProxyMetrics()
    process_disk.register(metrics.registry)
    client = measured(client_of(config), metrics)
    proxy = Proxy(client, config, node_name(config), backends, metrics)
    cleaner = Cleaner(metrics)
    proxy.on_synced.append(cleaner.note)
    proxy.on_repaired = cleaner.repaired
    recorder = Recorder(client, "kube-proxy", wall_clock=time.time, host=node_name(config))
    proxy.checks.on_failure = partial(_report_check, proxy, recorder)
    switch = Switch(
        proxy,
        backends,
        make=lambda changed: make_backends(msgspec.structs.replace(options, config=changed), families),
        attend=partial(_attend, proxy),
        let_go=cleaner.relayed,
    )
    pages = Pages(
        metrics.registry,
        mode=lambda: switch.mode,
        config=lambda: proxy.config,
        flags=options.flags,
        version=_version,
    )
    garbage.calm()
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    requests = CleanupRequests(stopping.set)
    await requests.start()
    _log.info("starting", node=node_name(config), mode=switch.mode, families=",".join(map(str, families)))
    try:
        async with asyncio.TaskGroup() as tasks:
            report = partial(_report_server, recorder, node_name(config))
            tasks.create_task(
                _serve(_HEALTHZ, config.healthz_address, partial(_health, proxy), config, report)
            )
            tasks.create_task(_serve(_METRICS, config.metrics_address, pages.answer, config, report))
            tasks.create_task(proxy.run())
            tasks.create_task(cleaner.run())
            if switch.mode == "userspace":
                path = last_known_disk.path_of(node_name(config), Path(options.state_dir))
                tasks.create_task(LastKnown(proxy, path).run())
            tasks.create_task(recorder.run())
            tasks.create_task(switch.run())
            tasks.create_task(_announce(proxy, recorder))
            tasks.create_task(_check_families(proxy, families))
            tasks.create_task(_replace_others(proxy, switch))
            if options.config_file:
                tasks.create_task(_follow(proxy, switch, options))
            await stopping.wait()
            raise _Stopped
    except* _Stopped:
        if not requests.is_asked:
            _log.info("stopping, the rules stay in force")
    finally:
        await switch.close()
        await client.close()
        if requests.is_asked:
            await requests.fulfil()
        await requests.close()


async def _announce(proxy: Proxy, recorder: Recorder) -> None:
    """As kube-proxy does, on the Node; one that is not in the API gets none."""
    await proxy.synced_once.wait()
    if (node := proxy.around.node) is not None:
        recorder.event(node, "Normal", "Starting", "Starting kproxy")


async def _check_families(proxy: Proxy, families: tuple[int, ...]) -> None:
    """Once the node is known; a configuration that cannot do what it says ends the process, as with kube-proxy."""
    await proxy.synced_once.wait()
    found = misfits(proxy.config, proxy.around, families)
    for text in found.warnings:
        _log.warning("the configuration may be incomplete", because=text)
    if found.fatal:
        raise BackendError(f"the configuration is not right: {found.fatal}")


def _report_check(proxy: Proxy, recorder: Recorder, service: NamespacedName, reason: str) -> None:
    known = proxy.intake.services.get(service)
    if known is not None:
        text = f"node {proxy.place.node_name} failed to start healthcheck {service} on {reason}"
        recorder.event(known, "Warning", "FailedToStartServiceHealthcheck", text)


async def _attend(proxy: Proxy, backends: Mapping[int, Backend]) -> None:
    """What goes on beside the syncs while these backends serve."""
    proxy.metrics.mode.clear()
    proxy.metrics.mode.set(1, next(iter(backends.values())).name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(count_connections(proxy, backends))
        tasks.create_task(count_packets(proxy, backends))
        tasks.create_task(monitor(proxy, backends))


async def _follow(proxy: Proxy, switch: Switch, options: Options) -> None:
    """The few flags that count beside --config go on counting."""
    await proxy.synced_once.wait()
    name = options.config.hostname_override

    def load() -> Configuration:
        from kproxy.configuration import config_disk  # needs yaml

        return msgspec.structs.replace(config_disk.load(options.config_file), hostname_override=name)

    await switch.follow(options.config_file, load)


async def _replace_others(proxy: Proxy, switch: Switch) -> None:
    """Rules of other modes and of kube-proxy go when ours serve, not before: no connection is refused between."""
    await proxy.synced_once.wait()
    await switch.clean_others()  # at once: nobody keeps these rules true any more


class _Stopped(Exception):
    pass


def client_of(config: Configuration) -> Client:
    path = config.client_connection.kubeconfig
    if path or "KUBERNETES_SERVICE_HOST" in os.environ:
        return Client.from_kubeconfig(path, user_agent="kproxy")
    raise ConfigError("no API server is known: pass --kubeconfig FILE, or run in a pod")


class _Served(NamedTuple):
    """A server's name, and the Event's reason when it cannot start."""

    name: str
    reason: str


_HEALTHZ = _Served("healthz", "FailedToStartProxierHealthcheck")
_METRICS = _Served("metrics", "FailedToStartMetricServer")


def _report_server(recorder: Recorder, node: str, reason: str, text: str) -> None:
    """On the Node, which need not be in the API yet."""
    recorder.event(Node(metadata=ObjectMeta(name=node, uid=node)), "Warning", reason, text)


async def _serve(
    what: _Served,
    address: str,
    handler: Handler,
    config: Configuration,
    report: Callable[[str, str], None],
) -> None:
    """Tried again every 5 s while the address is taken, as kube-proxy does; `bindAddressHardFail` ends it."""
    if not address:
        return
    host, port = split_address(address)
    while True:
        server = HttpServer(handler)
        try:
            await server.start(host, port)
            break
        except OSError as error:
            text = f"cannot serve {what.name} at {address}: {error.strerror}"
            report(what.reason, text)
            if config.bind_address_hard_fail:
                await asyncio.sleep(_EVENT_S)
                raise BackendError(f"{text}; choose another address or unset bindAddressHardFail") from error
            _log.error(text, retry_s=_BIND_RETRY_S)
        await asyncio.sleep(_BIND_RETRY_S)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()


def _health(proxy: Proxy, request: Request) -> Answer:
    match request.path:
        case "/healthz":
            return proxy.healthz()
        case "/livez":
            return proxy.livez()
    return not_found()


def _version() -> str:
    from importlib import metadata  # 20 ms

    return metadata.version("podnet")


async def monitor(proxy: Proxy, backends: Mapping[int, Backend]) -> None:
    """Hears of foreign changes to our tables once the first sync is done; its own writes are not reported."""
    await proxy.synced_once.wait()
    watch = next(iter(backends.values())).watch()
    if watch is None:
        return
    loop = asyncio.get_running_loop()

    def heard() -> None:
        for family in watch.read():
            proxy.distrust(family)

    loop.add_reader(watch.fileno(), heard)
    try:
        await asyncio.Event().wait()
    finally:
        loop.remove_reader(watch.fileno())
        watch.close()
