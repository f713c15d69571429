"""Kubernetes' streams inside a WebSocket: the subprotocols v4 and v5.channel.k8s.io (KEP-4006). Pure."""

import base64
import json
from collections.abc import Iterable
from typing import NamedTuple

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
_CLOSE = 255  # v5: the next byte names the channel whose end this is
V5, V4, V4_BASE64 = "v5.channel.k8s.io", "v4.channel.k8s.io", "base64.channel.k8s.io"
V1 = "channel.k8s.io"
LOG_PROTOCOLS = ("binary.k8s.io", "base64.binary.k8s.io")
SPDY_FORWARD = "SPDY/3.1+portforward.k8s.io"
EXEC_PROTOCOLS = (V5, V4, V1)
FORWARD_PROTOCOLS = (SPDY_FORWARD, V4, V4_BASE64, "portforward.k8s.io")


class Data(NamedTuple):
    """Bytes for one channel."""

    channel: int
    data: bytes


class End(NamedTuple):
    """A channel sends nothing more (v5 only)."""

    channel: int


class Resize(NamedTuple):
    width: int
    height: int


def choose_protocol(offered: Iterable[str], known: tuple[str, ...]) -> str | None:
    """The first of ours that the client offers; clients list several."""
    names = {name.strip() for name in offered}
    return next((name for name in known if name in names), None)


def parse(message: bytes) -> Data | End | Resize | None:
    """A client's message; None for an empty or unreadable one."""
    if not message:
        return None
    channel, rest = message[0], message[1:]
    if channel == _CLOSE:
        return End(rest[0]) if rest else None
    if channel == RESIZE:
        try:
            size = json.loads(rest)
            return Resize(int(size["Width"]), int(size["Height"]))
        except (ValueError, KeyError, TypeError):
            return None
    return Data(channel, rest)


def channel_message(channel: int, data: bytes) -> bytes:
    return bytes([channel]) + data


def exit_status(code: int, protocol: str = V5) -> bytes:
    """What channel 3 says at the end of a command; the first protocol has words for a failure only."""
    if protocol == V1:
        return (
            b"" if code == 0 else f"command terminated with non-zero exit code: exit status {code}".encode()
        )
    if code == 0:
        return json.dumps({"metadata": {}, "status": "Success"}).encode()
    return json.dumps(
        {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: exit status {code}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    ).encode()


def failure_status(message: str) -> bytes:
    """When there was no command to end."""
    return json.dumps(
        {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}
    ).encode()


def decode_base64(message: bytes) -> bytes:
    """One message of the base64 flavour: the channel as a digit, then text."""
    return bytes([message[0] - ord("0")]) + base64.b64decode(message[1:])


def runtime_exit_code(code: int, runtime_error: str) -> int:
    """Runc answers 255 for what never started; shells say 127 and 126."""
    if code != 255 or not runtime_error:
        return code
    if "not found" in runtime_error or "no such file" in runtime_error:
        return 127
    return 126 if "permission denied" in runtime_error else code
