"""Port 10250: what the API server asks a node for. Client certificates of the cluster's CA only, with rights."""

import asyncio
import contextlib
import json
import ssl
from typing import TYPE_CHECKING

import h11

from linux.logging_kv import get_logger
from nodeagent.pods.drive import PodWorker
from nodeagent.runtime.records import ContainerRecord
from nodeagent.server import system_logs_disk
from nodeagent.server.channels import EXEC_PROTOCOLS, FORWARD_PROTOCOLS, LOG_PROTOCOLS, choose_protocol
from nodeagent.server.exec_serve import serve_attach, serve_exec
from nodeagent.server.forward_serve import serve_forward
from nodeagent.server.listings import configuration, pod_list, running_pods
from nodeagent.server.logs_serve import chosen_run, log_chunks, send_log
from nodeagent.server.metrics import metrics_text
from nodeagent.server.rights import Peer, peer_of
from nodeagent.server.rights_drive import Rights
from nodeagent.server.routes import (
    Attach,
    BadQuery,
    ContainerLogs,
    Exec,
    Plain,
    PortForward,
    Query,
    Route,
    SystemLogs,
    log_options,
    parse_target,
    streams,
)
from nodeagent.server.socket import HttpConnection, Refused, Request, WebSocket
from nodeagent.stats.exposition import cadvisor_metrics, resource_metrics
from nodeagent.stats.summary import summary

if TYPE_CHECKING:
    from nodeagent.drive import Agent

logger = get_logger("knode.server")
_PROMETHEUS = "text/plain; version=0.0.4"


async def serve(agent: "Agent") -> None:
    """Until cancelled. Without certificates there is no server: exec would be open to everybody."""
    options = agent.options
    if not (options.tls_cert and options.tls_key and options.client_ca):
        logger.warning("no --tls-cert, --tls-key and --client-ca: logs and exec are not served")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    context.load_verify_locations(options.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    rights = Rights(agent.client, options.node_name, asyncio.get_running_loop().time)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = HttpConnection(reader, writer)
        peer = peer_of(writer.get_extra_info("peercert"))
        try:
            await _handle(agent, connection, rights, peer)
        except (ConnectionError, h11.RemoteProtocolError, ssl.SSLError) as error:
            logger.debug("connection lost", error=error)
        except Exception:
            logger.exception("request failed")
        finally:
            with contextlib.suppress(OSError, ssl.SSLError):
                writer.close()

    server = await asyncio.start_server(connected, options.bind_address or None, options.port, ssl=context)
    async with server:
        await server.serve_forever()


async def _handle(agent: "Agent", connection: HttpConnection, rights: Rights, peer: Peer) -> None:
    request = await connection.request()
    if request is None:
        return
    try:
        route, query = parse_target(request.target)
        await rights.check(peer, request.method, route)
        await _dispatch(agent, connection, request, route, query)
    except BadQuery as error:
        await connection.refuse(Refused(400, "BadRequest", str(error)))
    except Refused as error:
        await connection.refuse(error)


async def _dispatch(
    agent: "Agent", connection: HttpConnection, request: Request, route: Route | None, query: Query
) -> None:
    match route:
        case None:
            await connection.answer(404, b"404 page not found\n")
        case Plain(path):
            await _plain(agent, connection, path)
        case SystemLogs(path):
            await _system_logs(connection, path)
        case ContainerLogs(namespace, pod, container):
            worker = _worker(agent, namespace, pod)
            options = log_options(query)
            record = chosen_run(worker, container, options)
            chunks = log_chunks(worker, record, options, connection.gone)
            if request.headers.get("upgrade", "").lower() == "websocket":
                socket_, protocol = await _upgraded(connection, request, LOG_PROTOCOLS)
                await send_log(socket_, chunks, as_text=protocol != LOG_PROTOCOLS[0])
            else:
                await connection.stream(chunks)
        case Exec(namespace, pod, container, command):
            worker = _worker(agent, namespace, pod)
            record = _running(worker, container)
            if not command:
                raise Refused(400, "BadRequest", "you must specify at least one command for the container")
            socket_, protocol = await _upgraded(connection, request, EXEC_PROTOCOLS)
            await serve_exec(socket_, protocol, worker.host.setup.runtime, record, command, streams(query))
        case Attach(namespace, pod, container):
            worker = _worker(agent, namespace, pod)
            record = _running(worker, container)
            bundle = worker.host.setup.places.container(worker.pod.metadata.uid, container, record.attempt)
            socket_, protocol = await _upgraded(connection, request, EXEC_PROTOCOLS)
            await serve_attach(socket_, protocol, bundle, streams(query))
        case PortForward(namespace, pod, ports):
            worker = _worker(agent, namespace, pod)
            sandbox = worker.runtime.sandbox
            if sandbox is None or sandbox.torn_down:
                raise Refused(400, "BadRequest", f"unable to forward port because pod is not running: {pod}")
            socket_, protocol = await _upgraded(connection, request, FORWARD_PROTOCOLS)
            await serve_forward(socket_, protocol, sandbox.netns, ports)


async def _system_logs(connection: HttpConnection, path: str) -> None:
    try:
        found = await asyncio.to_thread(system_logs_disk.open_log, path)
    except (OSError, ValueError):
        await connection.answer(404, b"404 page not found\n")
        return
    if isinstance(found, str):
        await connection.answer(200, found.encode(), "text/html; charset=utf-8")
    else:
        await connection.stream(system_logs_disk.chunks(found))


def _worker(agent: "Agent", namespace: str, name: str) -> PodWorker:
    worker = agent.worker_of(namespace, name)
    if worker is None:
        raise Refused(404, "NotFound", f'pods "{name}" not found on this node')
    return worker


def _running(worker: PodWorker, container: str) -> ContainerRecord:
    record = worker.runtime.latest(container)
    if record is None or not record.running:
        raise Refused(400, "BadRequest", f'container not found ("{container}"): it does not run')
    return record


async def _upgraded(
    connection: HttpConnection, request: Request, known: tuple[str, ...]
) -> tuple[WebSocket, str]:
    if request.headers.get("upgrade", "").lower() != "websocket":
        raise Refused(
            400, "BadRequest", "unable to upgrade: only WebSocket is spoken here, kubectl 1.30 or newer does"
        )
    protocol = choose_protocol(request.headers.get("sec-websocket-protocol", "").split(","), known)
    if protocol is None:
        raise Refused(400, "BadRequest", f"none of the subprotocols is known: {', '.join(known)}")
    return await connection.upgrade(request, protocol), protocol


async def _use_of_resources(agent: "Agent", path: str) -> str:
    taken = await asyncio.to_thread(agent.housekeeping.sample)
    if path == "metrics/resource":
        return resource_metrics(taken)
    setup = agent.host.setup if agent.host else None
    cpu_milli, memory_bytes = (setup.node_cpu_milli, setup.node_memory_bytes) if setup else (0, 0)
    return cadvisor_metrics(taken, cpu_milli // 1000, memory_bytes)


async def _json(connection: HttpConnection, body: object) -> None:
    await connection.answer(200, json.dumps(body).encode(), "application/json")


async def _plain(agent: "Agent", connection: HttpConnection, path: str) -> None:
    match path:
        case "healthz" | "healthz/ping" | "livez" | "readyz":
            await connection.answer(200, b"ok")
        case "healthz/syncloop":
            late_s = agent.housekeeping.late_s()
            text = f"no round of housekeeping for {late_s:.0f} s" if late_s else "ok"
            await connection.answer(500 if late_s else 200, text.encode())
        case "pods":
            await _json(connection, pod_list(worker.shown for worker in agent.workers.values()))
        case "runningpods":
            await _json(connection, running_pods(agent.workers.values()))
        case "configz":
            await _json(connection, configuration(agent.options))
        case "metrics/resource" | "metrics/cadvisor":
            await connection.answer(200, (await _use_of_resources(agent, path)).encode(), _PROMETHEUS)
        case "metrics":
            text = metrics_text(agent.workers.values()) + await asyncio.to_thread(agent.network.metrics)
            await connection.answer(200, text.encode(), _PROMETHEUS)
        case "stats/summary":
            await _json(connection, summary(await asyncio.to_thread(agent.housekeeping.sample)))
        case _:
            await connection.answer(404, b"404 page not found\n")
