"""Credentials that change while a client lives."""

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kube import certs
from kube.client import Client, Unreachable
from kube.client.credentials_run import CertificateFiles, CredentialsMissing, ExecPlugin, TokenFile
from kube.client.http_socket import Credentials, Endpoint, HttpTransport


def _plugin(folder: Path, script: str, **more: Any) -> ExecPlugin:
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return ExecPlugin({"command": "./plugin", **more}, folder)


def _get(credentials: Credentials) -> dict[str, str]:
    return dict(asyncio.run(credentials()))  # type: ignore[arg-type]


def _saying(**status: str) -> str:
    return f"echo '{json.dumps({'status': status})}'"


def test_a_plugin_runs_once_while_what_it_gave_lasts(tmp_path: Path) -> None:
    counting = f"echo x >> {tmp_path}/runs; {_saying(token='t', expirationTimestamp='2999-01-01T00:00:00Z')}"
    plugin = _plugin(tmp_path, counting)
    assert [_get(plugin) for _ in range(3)] == [{"authorization": "Bearer t"}] * 3
    assert (tmp_path / "runs").read_text() == "x\n"


@pytest.mark.parametrize(
    ("end", "runs"),
    [
        ("2000-01-01T00:00:00Z", 3),
        ("2999-01-01T00:00:00.5+02:00", 2),  # RFC 3339 in any of its forms
        ("1999-12-31T23:00:00-05:00", 3),
    ],
)
def test_a_plugin_runs_again_for_what_has_expired_or_was_refused(tmp_path: Path, end: str, runs: int) -> None:
    counting = f"echo x >> {tmp_path}/runs; {_saying(token='t', expirationTimestamp=end)}"

    async def ask(plugin: ExecPlugin) -> None:
        await plugin()
        assert plugin.renew(await plugin())
        await plugin()

    asyncio.run(ask(_plugin(tmp_path, counting)))
    assert (tmp_path / "runs").read_text() == "x\n" * runs


def test_a_slow_plugin_holds_nobody_up_and_answers_all_who_wait(tmp_path: Path) -> None:
    """It ends when the loop has gone on: a loop that waited for it would wait for ever."""
    waiting = (
        f"echo x >> {tmp_path}/runs; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; {_saying(token='t')}"
    )

    async def ask() -> list[dict[str, str]]:
        plugin = _plugin(tmp_path, waiting)
        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            waiters = [tasks.create_task(plugin()) for _ in range(3)]
            await asyncio.sleep(0)  # all three have begun
            (tmp_path / "go").touch()
        return [dict(waiter.result()) for waiter in waiters]

    assert asyncio.run(ask()) == [{"authorization": "Bearer t"}] * 3
    assert (tmp_path / "runs").read_text() == "x\n"


def test_what_was_renewed_meanwhile_is_not_renewed_again(tmp_path: Path) -> None:
    """Two requests with one token are refused: one new token is enough."""

    async def ask() -> None:
        plugin = _plugin(tmp_path, f"echo x >> {tmp_path}/runs; {_saying(token='t')}")
        refused = await plugin()
        for _ in range(2):
            assert plugin.renew(refused)
            await plugin()

    asyncio.run(ask())
    assert (tmp_path / "runs").read_text() == "x\n" * 2


def test_a_plugin_is_told_its_version_its_variables_and_the_cluster(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_bytes(b"PEM")
    plugin = ExecPlugin(
        {
            "command": "/bin/sh",
            "args": ["-c", f'echo "$WHO $KUBERNETES_EXEC_INFO" > {tmp_path}/told; {_saying(token="t")}'],
            "env": [{"name": "WHO", "value": "me"}],
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "provideClusterInfo": True,
        },
        tmp_path,
        None,
        {"server": "https://api", "certificate-authority": str(ca)},
    )
    _get(plugin)
    who, _, info = (tmp_path / "told").read_text().partition(" ")
    assert who == "me"
    assert json.loads(info) == {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://api", "certificate-authority-data": "UEVN"},
        },
    }


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no account >&2; exit 3", "no account"),
        ("echo nonsense", "credential plugin"),
        ("echo '{\"status\": null}'", "no credential"),
        (_saying(token="t", expirationTimestamp="soon"), "no credential"),
        (_saying(), "neither a token nor a certificate"),
    ],
)
def test_a_plugin_that_fails_is_like_a_server_that_is_down(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(Unreachable, match=message):
        _get(_plugin(tmp_path, script))


def test_a_plugin_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    plugin = ExecPlugin({"command": "nobody-has-this", "installHint": "install it so"}, tmp_path)
    with pytest.raises(CredentialsMissing, match="install it so"):
        _get(plugin)


def test_a_plugin_may_give_a_certificate(tmp_path: Path) -> None:
    pki = certs.ensure(tmp_path / "pki", advertise_address="127.0.0.1", secure_port=6443)
    status = {
        "clientCertificateData": pki.certificate("admin").read_text(),
        "clientKeyData": pki.key("admin").read_text(),
    }
    answer = tmp_path / "answer"
    answer.write_text(json.dumps({"status": status}))
    context = ssl.create_default_context()
    assert _get(ExecPlugin({"command": "/bin/cat", "args": [str(answer)]}, tmp_path, context)) == {}
    status["clientKeyData"] = pki.key("server").read_text()
    answer.write_text(json.dumps({"status": status}))
    with pytest.raises(CredentialsMissing, match="do not fit"):
        _get(ExecPlugin({"command": "/bin/cat", "args": [str(answer)]}, tmp_path, context))


def test_a_token_file_is_read_anew_and_missed_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "token"
    tokens = TokenFile(path)
    with pytest.raises(CredentialsMissing, match="No such file"):
        _get(tokens)
    for token in ("first", "second"):
        path.write_text(f"{token}\n")
        assert _get(tokens) == {"authorization": f"Bearer {token}"}
    path.unlink()
    assert _get(tokens) == {"authorization": "Bearer second"}


class _Counting(ssl.SSLContext):
    """Counts the pairs that it is given."""

    pairs = 0

    def load_cert_chain(self, *args: Any, **more: Any) -> None:
        self.pairs += 1
        super().load_cert_chain(*args, **more)


def test_replaced_certificate_files_are_loaded_once_both_fit(tmp_path: Path) -> None:
    pki = certs.ensure(tmp_path, advertise_address="127.0.0.1", secure_port=6443)
    certificate, key = tmp_path / "crt", tmp_path / "key"
    certificate.write_bytes(pki.certificate("admin").read_bytes())
    key.write_bytes(pki.key("admin").read_bytes())
    context = _Counting(ssl.PROTOCOL_TLS_CLIENT)
    files = CertificateFiles(context, certificate, key)
    _get(files)
    assert context.pairs == 0
    certificate.write_bytes(pki.certificate("kube-proxy").read_bytes())
    _get(files)  # the key does not fit yet
    key.write_bytes(pki.key("kube-proxy").read_bytes())
    before = context.pairs
    _get(files)
    _get(files)
    assert context.pairs == before + 1


async def _with_server(answers: list[bytes], act: Callable[[int], Any]) -> list[bytes]:
    """What the server was asked, one answer each."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[len(asked) - 1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await act(server.sockets[0].getsockname()[1])
    server.close()
    return asked


def test_a_refused_token_is_renewed_once_and_asked_with_again(tmp_path: Path) -> None:
    plugin = _plugin(tmp_path, f"echo x >> {tmp_path}/runs; n=$(wc -l < {tmp_path}/runs); "
                               'echo "{\\"status\\":{\\"token\\":\\"t$n\\"}}"')  # fmt: skip
    refused = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    granted = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

    async def ask(port: int) -> None:
        transport = HttpTransport(Endpoint("127.0.0.1", port), None, user_agent="t", credentials=plugin)
        assert (await Client(transport).raw("GET", "/x")).body == b"{}"
        await transport.close()

    asked = asyncio.run(_with_server([refused, granted], ask))
    assert [b"Bearer t1" in asked[0], b"Bearer t2" in asked[1]] == [True, True]
