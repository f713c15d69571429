"""firewalld over D-Bus, against a bus of a few lines that marshals on its own."""

import struct
import threading
from socket import AF_UNIX, socket

import pytest

from cni.firewall import dbus_wire
from cni.firewall.firewalld_socket import Firewalld, is_running, socket_path
from cni.spec.errors import CniError


def text(value):
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def message(kind, serial, fields, body=b""):
    """fields: code to (signature, value)."""
    array = b""
    for code, (signature, value) in fields.items():
        array += bytes(-len(array) % 8) + bytes((code, 1)) + signature + b"\0" + value
    fixed = struct.pack("<cBBBII", b"l", kind, 1, 1, len(body), serial) + struct.pack("<I", len(array))
    return fixed + array + bytes(-len(array) % 8) + body


def answer(reply_to, body=b"", signature=b"", error=""):
    fields = {5: (b"u", struct.pack("<I", reply_to))}
    if error:
        fields[4] = (b"s", text(error))
    if signature:
        fields[8] = (b"g", bytes((len(signature),)) + signature + b"\0")
    return message(3 if error else 2, 9, fields, body)


SIGNAL = message(
    4,
    1,
    {1: (b"o", text("/org/freedesktop/DBus")), 2: (b"s", text("org.freedesktop.DBus")), 3: (b"s", text("X"))},
)


class Bus(threading.Thread):
    """Serves one connection after another: authentication, then one reply to each call by its member."""

    def __init__(self, path, replies):
        super().__init__(daemon=True)
        self.replies, self.calls, self.greetings = replies, [], []
        self.listener = socket(AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as stream:
                self.greetings.append(stream.readline())
                connection.sendall(b"OK 0123\r\n")
                assert stream.readline() == b"BEGIN\r\n"
                while fixed := stream.read(16):
                    body_bytes, serial, fields_bytes = struct.unpack("<III", fixed[4:])
                    rest = stream.read(fields_bytes + -fields_bytes % 8 + body_bytes)
                    assert fixed[:4] == b"l\x01\x00\x01"
                    self.answer(connection, serial, rest[:fields_bytes], rest[len(rest) - body_bytes :])

    def answer(self, connection, serial, fields, body):
        member = next(name for name in ("Hello", *self.replies) if text(name) in fields)
        words, place = [], 0
        while place < len(body):
            place += -place % 4
            size = struct.unpack_from("<I", body, place)[0]
            words.append(body[place + 4 : place + 4 + size].decode())
            place += 5 + size
        if member != "Hello":
            self.calls.append((member, *words))
        connection.sendall(SIGNAL + answer(serial, **self.replies.get(member, {})))


@pytest.fixture
def bus(tmp_path):
    def start(**replies):
        made = Bus(str(tmp_path / "bus"), replies)
        return made, {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/bus,guid=1"}

    return start


OWNED = {"body": text(":1.7"), "signature": b"s"}
TRUE, FALSE = ({"body": struct.pack("<I", value), "signature": b"b"} for value in (1, 0))


def failing(words):
    return {"error": "org.fedoraproject.FirewallD1.Exception", "body": text(words), "signature": b"s"}


def test_sources_come_and_go(bus):
    made, env = bus(addSource=OWNED, querySource=TRUE, removeSource=OWNED)
    with Firewalld(env) as firewalld:
        firewalld.add_source("trusted", "10.0.0.2/32")
        assert firewalld.has_source("trusted", "10.0.0.2/32")
        firewalld.remove_source("trusted", "fd00::2/128")
    assert made.calls == [
        ("addSource", "trusted", "10.0.0.2/32"),
        ("querySource", "trusted", "10.0.0.2/32"),
        ("removeSource", "trusted", "fd00::2/128"),
    ]
    assert made.greetings[0].startswith(b"\0AUTH EXTERNAL ")


def test_a_source_that_is_not_there(bus):
    _, env = bus(querySource=FALSE)
    with Firewalld(env) as firewalld:
        assert not firewalld.has_source("trusted", "10.0.0.2/32")


@pytest.mark.parametrize("words", ["ZONE_ALREADY_SET: 10.0.0.2", "ALREADY_ENABLED: 10.0.0.2"])
def test_adding_again_is_no_error(bus, words):
    _, env = bus(addSource=failing(words))
    with Firewalld(env) as firewalld:
        firewalld.add_source("trusted", "10.0.0.2/32")


def test_a_refused_source_is_an_error_with_firewallds_words(bus):
    _, env = bus(addSource=failing("INVALID_ZONE: nowhere"))
    with Firewalld(env) as firewalld, pytest.raises(CniError, match="INVALID_ZONE: nowhere"):
        firewalld.add_source("nowhere", "10.0.0.2/32")


def test_removing_what_is_gone_is_no_error(bus):
    _, env = bus(removeSource=failing("UNKNOWN_SOURCE: 10.0.0.2"))
    with Firewalld(env) as firewalld:
        firewalld.remove_source("trusted", "10.0.0.2/32")


def test_firewalld_runs_if_its_name_has_an_owner(bus):
    _, env = bus(GetNameOwner=OWNED)
    assert is_running(env)


def test_it_does_not_if_nobody_owns_the_name(bus):
    _, env = bus(GetNameOwner=failing("no such name"))
    assert not is_running(env)


def test_without_a_bus_it_does_not_run(tmp_path):
    assert not is_running({"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"})


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("unix:path=/run/bus,guid=12", "/run/bus"),
        ("tcp:host=a,port=1;unix:abstract=/tmp/x", "\0/tmp/x"),
    ],
)
def test_the_sockets_place(address, wanted):
    assert socket_path(address) == wanted


def test_an_address_without_unix_socket_is_refused():
    with pytest.raises(CniError, match="no Unix socket"):
        socket_path("tcp:host=a,port=1")


@pytest.mark.parametrize("rest", [b"\x05\x01u", b"\x04\x01s\0\xff", b"\x09\x01x\0" + bytes(8)])
def test_damaged_headers_are_refused(rest):
    with pytest.raises(dbus_wire.BadMessage):
        dbus_wire.read_answer(dbus_wire.Header(2, len(rest), 0), rest)
