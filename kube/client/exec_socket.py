"""Commands in pods: the exec subresource over a WebSocket (v5.channel.k8s.io, KEP-4006)."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from kube.client.client import Client
from kube.client.errors import ApiError, error_from
from kube.client.http_socket import HttpTransport

_STDOUT, _STDERR, _ERROR = 1, 2, 3
_PROTOCOL = "v5.channel.k8s.io"


class ExecResult(NamedTuple):
    stdout: str
    stderr: str
    code: int


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: tuple[_Cause, ...] = ()


class _Status(msgspec.Struct, frozen=True):
    status: str = ""
    reason: str = ""
    message: str = ""
    details: _Details = _Details()


async def exec_in_pod(
    client: Client,
    namespace: str,
    pod: str,
    argv: Sequence[str],
    *,
    container: str = "",
    timeout_s: float = 60,
) -> ExecResult:
    """Run to the end; a bad exit status is in the result, ApiError only if it could not be run."""
    import aiohttp  # 190 ms, which only those who exec pay

    transport = client.transport
    assert isinstance(transport, HttpTransport)
    query = [("command", word) for word in argv] + [("stdout", "true"), ("stderr", "true")]
    if container:
        query.append(("container", container))
    url = f"{transport.url}/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    output = {_STDOUT: bytearray(), _STDERR: bytearray(), _ERROR: bytearray()}
    try:
        async with (
            asyncio.timeout(timeout_s),  # aiohttp's own does not bound a WebSocket that says nothing
            aiohttp.ClientSession() as session,
            session.ws_connect(
                url,
                params=query,
                protocols=[_PROTOCOL],
                ssl=transport.tls or False,
                headers=dict(await transport.credentials()),
                max_msg_size=0,
            ) as socket,
        ):
            async for message in socket:
                if (
                    message.type is aiohttp.WSMsgType.BINARY
                    and message.data[:1]
                    and message.data[0] in output
                ):
                    output[message.data[0]] += message.data[1:]
    except aiohttp.WSServerHandshakeError as error:
        raise error_from(error.status, error.message.encode()) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ApiError(
            0, "ExecFailed", f"exec in {namespace}/{pod}: {str(error) or 'no end in time'}"
        ) from error
    return ExecResult(
        output[_STDOUT].decode(errors="replace"),
        output[_STDERR].decode(errors="replace"),
        _exit_code(output[_ERROR]),
    )


def _exit_code(status_json: bytearray) -> int:
    """From the Status on the error channel; 1 where it failed without an exit status."""
    if not status_json:
        raise ApiError(0, "ExecFailed", "the connection ended without an exit status")
    status = msgspec.json.decode(bytes(status_json), type=_Status)
    if status.status == "Success":
        return 0
    for cause in status.details.causes:
        if cause.reason == "ExitCode":
            return int(cause.message)
    raise ApiError(0, status.reason or "ExecFailed", status.message)
