"""The Container Runtime Interface's calls for pod sandboxes: gRPC by hand, as far as three calls need it.

HTTP/2 frames (RFC 9113), headers without compression (RFC 7541, 6.2.2), messages of k8s.io/cri-api v1.
"""

import socket
import struct

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK = _END_STREAM = 1
_END_HEADERS = 4


def varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*data, number))


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data: bytes) -> dict[int, bytes | int]:
    """The last value of each field of a message."""
    found: dict[int, bytes | int] = {}
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        key = number()
        if key & 7 == 0:
            found[key >> 3] = number()
        else:
            assert key & 7 == 2, "only numbers and lengths occur here"
            size = number()
            found[key >> 3] = data[place : place + size]
            place += size
    return found


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _headers(**values: str) -> bytes:
    found = b""
    for name, value in values.items():
        for text in (name.replace("__", ":").replace("_", "-"), value):
            found += (b"" if text is value else b"\0") + bytes((len(text),)) + text.encode()
    return found


class Cri:
    """Calls to the runtime behind a Unix socket, one connection each."""

    def __init__(self, path: str) -> None:
        self._path = path

    def run_sandbox(self, name: str, *ports: tuple[int, int]) -> str:
        """The sandbox's ID; ports are (host's, container's), TCP."""
        metadata = field(1, name) + field(2, f"uid-{name}") + field(3, "default")
        config = field(1, metadata) + field(2, name)
        config += b"".join(field(5, field(2, inside) + field(3, outside)) for outside, inside in ports)
        config += field(8, b"")
        return fields(self._call("RunPodSandbox", field(1, config)))[1].decode()

    def address(self, sandbox: str) -> str:
        status = fields(fields(self._call("PodSandboxStatus", field(1, sandbox)))[1])
        return fields(status[5])[1].decode()

    def stop_sandbox(self, sandbox: str) -> None:
        self._call("StopPodSandbox", field(1, sandbox))

    def remove_sandbox(self, sandbox: str) -> None:
        self._call("RemovePodSandbox", field(1, sandbox))

    def _call(self, method: str, message: bytes) -> bytes:
        headers = _headers(
            __method="POST",
            __scheme="http",
            __path=f"/runtime.v1.RuntimeService/{method}",
            __authority="localhost",
            content_type="application/grpc",
            te="trailers",
        )
        body = b"\0" + struct.pack(">I", len(message)) + message
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as stream:
            connection.settimeout(60)
            connection.connect(self._path)
            connection.sendall(
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                + _frame(_SETTINGS, 0, 0, b"")
                + _frame(_HEADERS, _END_HEADERS, 1, headers)
                + _frame(_DATA, _END_STREAM, 1, body)
            )
            answer = b""
            while True:
                head = stream.read(9)
                assert len(head) == 9, f"{method}: the runtime hung up"
                kind, flags, _ = struct.unpack(">BBI", head[3:])
                payload = stream.read(int.from_bytes(head[:3], "big"))
                assert kind not in (_RESET, _GOAWAY), f"{method}: {payload!r}"
                if kind in (_SETTINGS, _PING) and not flags & _ACK:
                    connection.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
                elif kind == _DATA:
                    answer += payload
                elif kind == _HEADERS and flags & _END_STREAM:
                    # The trailers are compressed; a refused call is one without a message.
                    assert answer, f"{method} was refused: the runtime's log says why"
                    return answer[5:]
