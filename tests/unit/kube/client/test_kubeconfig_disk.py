"""Kubeconfig files: what is read, and what the errors say."""

import asyncio
import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from kube import certs
from kube.client import Unreachable
from kube.client.kubeconfig_disk import KubeconfigError, authority_of, transport_from_kubeconfig


def write(
    folder: Path, *, server: str = "http://127.0.0.1:8080", user: dict[str, Any] | None = None, **cluster: Any
) -> str:
    path = folder / "config"
    path.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "u", "user": user or {}}],
            }
        )
    )
    return str(path)


def test_server_and_base_path(tmp_path: Path) -> None:
    path = write(tmp_path, server="http://[::1]:6443/k8s/clusters/x/")
    assert transport_from_kubeconfig(path, user_agent="t").url == "http://[::1]:6443/k8s/clusters/x"


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "abc"}, "Bearer abc"),
        ({"tokenFile": "token"}, "Bearer from-file"),
        ({"username": "a", "password": "b"}, "Basic " + base64.b64encode(b"a:b").decode()),
        (
            {"exec": {"command": "/bin/echo", "args": ['{"status":{"token":"by-plugin"}}']}},
            "Bearer by-plugin",
        ),
    ],
)
def test_credentials_become_headers(tmp_path: Path, user: dict[str, Any], header: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    transport = transport_from_kubeconfig(write(tmp_path, user=user), user_agent="t")
    assert asyncio.run(transport.credentials())["authorization"] == header


def test_yaml_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
        "clusters:\n- name: k\n  cluster: {server: 'https://10.0.0.1'}\n"
    )
    assert transport_from_kubeconfig(str(path), user_agent="t").url == "https://10.0.0.1:443"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("[1]", "not a mapping"),
        ("{a: [}", "kubeconfig"),
        ('{"current-context": "x"}', "contexts has no entry named 'x'"),
    ],
)
def test_errors_name_the_file_and_the_part(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(KubeconfigError, match=message):
        transport_from_kubeconfig(str(path), user_agent="t")


def test_a_server_that_is_no_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="no usable server URL"):
        transport_from_kubeconfig(write(tmp_path, server="10.0.0.1:6443"), user_agent="t")


def test_the_authority_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM of a file")
    assert authority_of(write(tmp_path)) == ""
    assert authority_of(write(tmp_path, **{"certificate-authority": "ca.crt"})) == "PEM of a file"
    inline = base64.b64encode(b"PEM inside").decode()
    assert authority_of(write(tmp_path, **{"certificate-authority-data": inline})) == "PEM inside"


def test_the_servers_certificate_may_be_for_another_name(tmp_path: Path) -> None:
    """`tls-server-name`: through a tunnel, at an address that the certificate does not have."""
    pki = certs.ensure(tmp_path / "pki", advertise_address="127.0.0.1", secure_port=6443)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.certificate("server"), pki.key("server"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async def ask(**cluster: str) -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.2", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        path = write(
            tmp_path,
            server=f"https://127.0.0.2:{port}",
            **{"certificate-authority": str(pki.certificate("ca"))},
            **cluster,
        )
        transport = transport_from_kubeconfig(path, user_agent="t")
        try:
            return (await transport.request("GET", "/", query={}, headers={}, body=b"")).body
        finally:
            await transport.close()
            server.close()

    assert asyncio.run(ask(**{"tls-server-name": "kubernetes.default.svc"})) == b"{}"
    with pytest.raises(Unreachable, match=r"127\.0\.0\.2"):
        asyncio.run(ask())
