"""The C program, built each way that `kcni install` may build it, against a socket of the test's own."""

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from cni.daemon import wire
from cni.plugins import PLUGINS
from cni.shim import build_run
from linux import process

_COMPILER = build_run.find_compiler()
pytestmark = pytest.mark.skipif(_COMPILER is None, reason="no C compiler here: apt install gcc")
_WAYS = ("freestanding", "static", "dynamic")
_LARGE = b'{"name":"' + b"x" * 300_000 + b'"}'


def _build(way, folder, **changes: str) -> Path:
    """The program as folder/bridge; its socket is folder/s."""
    launcher = folder / "launcher.py"
    launcher.write_text("import os, sys\nos.write(1, sys.argv[1].encode() + b' ' + os.read(0, 1 << 20))\n")
    defined = build_run.definitions("/usr/bin/python3", str(launcher), PLUGINS)
    defined |= {"SOCKET": f'"{folder}/s"', "QUEUE": f'"{folder}/q/queue"'} | changes
    path = folder / "bridge"
    assert _COMPILER is not None
    built = process.run([*build_run.command(_COMPILER, way, defined, str(path)), "-Wall"], check=False)
    if built.code and way == build_run.WAYS[0] and os.uname().machine not in ("x86_64", "aarch64"):
        pytest.skip(f"built with a C library on {os.uname().machine}")
    assert (built.code, built.stderr) == (0, "")
    return path


@pytest.fixture(scope="module", params=build_run.WAYS, ids=_WAYS)
def program(request, tmp_path_factory):
    """Its path and its folder."""
    folder = tmp_path_factory.mktemp("shim")
    return _build(request.param, folder, SILENCE_MS="60000"), folder  # a machine may be slow


def _run(path: Path, env: dict[str, str], stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    done = subprocess.run([str(path)], input=stdin, env=env, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


class _Daemon:
    """Answers one call with `reply`, and keeps what was asked."""

    def __init__(self, path: str, reply: bytes) -> None:
        self._reply = reply
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.settimeout(60)
        self._listener.listen()
        self._path = path
        self.asked: wire.Request | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as stream:
            self.asked = wire.read_request(stream.read)
            connection.sendall(self._reply)

    def __enter__(self) -> "_Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()
        os.unlink(self._path)


def test_version_and_the_words_about_it_need_nobody(program):
    path, _ = program
    rows = ",".join(f'"{version}"' for version in PLUGINS[1].supported)
    answer = f'{{"cniVersion":"1.1.0","supportedVersions":[{rows}]}}\n'
    assert _run(path, {"CNI_COMMAND": "VERSION"}) == (0, answer.encode(), b"")
    code, output, errors = _run(path, {})
    assert (code, output) == (0, b"")
    assert errors.startswith(
        b"CNI bridge plugin v0.1.0 (podnet)\nCNI protocol versions supported: 0.1.0, 0.2.0, "
    )


def test_a_name_that_is_no_plugins_is_refused(program):
    path, folder = program
    other = folder / "macvlan"
    other.write_bytes(path.read_bytes())
    other.chmod(0o755)
    assert _run(other, {"CNI_COMMAND": "ADD"}) == (2, b"", b"macvlan: not a plugin of podnet\n")


@pytest.mark.parametrize("stdin", [b"", b"{}", _LARGE], ids=["empty", "small", "large"])
def test_the_daemon_is_asked_and_its_answer_passed_on(program, stdin):
    path, folder = program
    env = {"CNI_COMMAND": "ADD", "CNI_IFNAME": "eth0", "PATH": "/bin", "HOME": "/root", "TRACEPARENT": "00-1"}
    reply = wire.HERE + wire.encode_answer(wire.Answer(1, "out" * 40_000, "err"))
    with _Daemon(f"{folder}/s", reply) as daemon:
        assert _run(path, env, stdin) == (1, b"out" * 40_000, b"err")
    del env["HOME"]
    assert daemon.asked == wire.Request(str(path), env, stdin)


def test_what_the_daemon_leaves_to_it_python_does(program):
    path, folder = program
    with _Daemon(f"{folder}/s", wire.HERE + b"9"):
        done = _run(path, {"CNI_COMMAND": "ADD"}, b"stdin")
    assert done == (0, f"{path} stdin".encode(), b"")


def test_without_a_socket_python_does_it(program):
    path, _ = program
    assert _run(path, {"CNI_COMMAND": "ADD"}, _LARGE) == (0, f"{path} ".encode() + _LARGE, b"")


def test_the_callers_own_namespace_is_not_the_daemons(program):
    path, folder = program
    (folder / "s").touch()  # would be a silent daemon
    env = {"CNI_COMMAND": "ADD", "CNI_NETNS": "/proc/self/ns/net"}
    assert _run(path, env, b"x") == (0, f"{path} x".encode(), b"")
    (folder / "s").unlink()


def test_a_daemon_that_dies_over_a_call(program):
    path, folder = program
    with _Daemon(f"{folder}/s", wire.HERE):
        code, output, _ = _run(path, {"CNI_COMMAND": "ADD"}, b"{}")
    assert (code, output) == (
        1,
        b'{"cniVersion":"1.1.0","code":11,"msg":"the CNI daemon ended during the call: try again"}\n',
    )


@pytest.mark.parametrize("way", build_run.WAYS, ids=_WAYS)
def test_dels_are_queued_where_nobody_answers_until_the_queue_is_full(way, tmp_path):
    """Two of the five names in the folder are its own, one is the lock's."""
    path = _build(way, tmp_path, QUEUE_LIMIT="5", SILENCE_MS="20")
    (tmp_path / "s").touch()
    env = {"CNI_COMMAND": "DEL", "CNI_CONTAINERID": "c"}
    assert [_run(path, env, b"{}")[0] for _ in range(3)] == [0, 0, 1]
    queue = tmp_path / "q" / "queue"
    queued = sorted(item for item in queue.iterdir() if item.name != "lock")
    assert [item.suffix for item in queued] == [".del", ".del"]
    with queued[0].open("rb") as file:
        assert wire.read_request(file.read) == wire.Request(str(path), env, b"{}")
    assert b'"code":50' in _run(path, {"CNI_COMMAND": "STATUS"})[1]
    assert b'"code":11' in _run(path, {"CNI_COMMAND": "ADD"})[1]
