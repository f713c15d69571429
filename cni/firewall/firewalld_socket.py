"""firewalld over the system's message bus: sources of a zone, for the calling plugin's own words."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket

from cni.firewall import dbus_wire as wire
from cni.spec.errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_BUS = "org.freedesktop.DBus"
_FIREWALLD = "org.fedoraproject.FirewallD1"
_PATH = "/org/fedoraproject/FirewallD1"
_ZONE = f"{_FIREWALLD}.zone"
_DEFAULT_ADDRESS = "unix:path=/run/dbus/system_bus_socket"
_TIMEOUT_S = 30.0


class Refused(Exception):
    """firewalld's (or the bus's) error; the text starts with firewalld's word for it."""


def socket_path(address: str) -> str:
    """Of the first Unix socket in a D-Bus address list; an abstract one starts with NUL."""
    for one in address.split(";"):
        kind, _, rest = one.partition(":")
        values = dict(part.partition("=")[::2] for part in rest.split(","))
        if kind == "unix" and "path" in values:
            return values["path"]
        if kind == "unix" and "abstract" in values:
            return "\0" + values["abstract"]
    raise CniError(f"no Unix socket in the D-Bus address {address}")


def is_running(env: Mapping[str, str]) -> bool:
    try:
        with Firewalld(env) as firewalld:
            return firewalld.has_owner()
    except (OSError, CniError):
        return False


class Firewalld:
    """One connection to the bus; `with Firewalld(env) as firewalld`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        self._socket.settimeout(_TIMEOUT_S)
        self._serial = 0
        try:
            self._socket.connect(socket_path(env.get("DBUS_SYSTEM_BUS_ADDRESS") or _DEFAULT_ADDRESS))
            self._authenticate()
            self._call(_BUS, "/org/freedesktop/DBus", _BUS, "Hello")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Firewalld:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def has_owner(self) -> bool:
        """Is somebody there under firewalld's name?"""
        try:
            self._call(_BUS, "/org/freedesktop/DBus", _BUS, "GetNameOwner", _FIREWALLD)
        except Refused:
            return False
        return True

    def add_source(self, zone: str, source: str) -> None:
        try:
            self._call(_FIREWALLD, _PATH, _ZONE, "addSource", zone, source)
        except Refused as error:
            if "ZONE_ALREADY_SET" not in str(error) and "ALREADY_ENABLED" not in str(error):
                raise CniError(f"failed to add the address {source} to {zone} zone: {error}") from error

    def remove_source(self, zone: str, source: str) -> None:
        """What is not there, or in a zone that is gone, needs no removal."""
        try:
            self._call(_FIREWALLD, _PATH, _ZONE, "removeSource", zone, source)
        except Refused:
            return

    def has_source(self, zone: str, source: str) -> bool:
        try:
            return self._call(_FIREWALLD, _PATH, _ZONE, "querySource", zone, source).truth
        except Refused:
            return False

    def _authenticate(self) -> None:
        """SASL EXTERNAL: the kernel tells the bus who we are."""
        user = str(os.geteuid()).encode().hex()
        self._socket.sendall(f"\0AUTH EXTERNAL {user}\r\n".encode())
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._read(1)
        if not line.startswith(b"OK"):
            raise CniError(f"the message bus refuses us: {line.decode(errors='replace').strip()}")
        self._socket.sendall(b"BEGIN\r\n")

    def _call(self, destination: str, path: str, interface: str, member: str, *texts: str) -> wire.Answer:
        self._serial += 1
        self._socket.sendall(wire.method_call(self._serial, destination, path, interface, member, *texts))
        while True:
            header = wire.read_header(self._read(wire.FIXED_BYTES))
            answer = wire.read_answer(header, self._read(header.rest_bytes))
            if answer.reply_to != self._serial:
                continue  # a signal
            if answer.kind == wire.ERROR:
                raise Refused(answer.text or answer.error)
            return answer

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the message bus hung up")
            data += part
        return data
