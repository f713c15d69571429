"""Kubeconfig files and in-cluster credentials → a transport (client-go's rules of loading)."""

import base64
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kube.client.credentials_run import CertificateFiles, ExecPlugin, Fixed, TokenFile, bearer, load_pair
from kube.client.http_socket import Credentials, Endpoint, HttpTransport

_SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(Exception):
    """The file cannot be used; the message says which part and what to write there."""


def transport_from_kubeconfig(path: str, *, user_agent: str, context: str = "") -> HttpTransport:
    """A transport to the current (or the named) context's cluster, as its user."""
    config = _read(Path(path))
    name = context or config.get("current-context", "")
    chosen = _named(config, "contexts", "context", name, path)
    cluster = _named(config, "clusters", "cluster", chosen.get("cluster", ""), path)
    user = _named(config, "users", "user", chosen["user"], path) if chosen.get("user") else {}
    url = urlsplit(cluster.get("server", ""))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise KubeconfigError(f"{path}: cluster {chosen.get('cluster')!r} has no usable server URL")
    folder = Path(path).parent
    tls = _tls(cluster, user, folder) if url.scheme == "https" else None
    endpoint = Endpoint(
        url.hostname, url.port or (443 if url.scheme == "https" else 80), url.path.rstrip("/")
    )
    return HttpTransport(
        endpoint,
        tls,
        user_agent=user_agent,
        credentials=_credentials(cluster, user, folder, tls),
        server_name=str(cluster.get("tls-server-name", "")),
    )


def authority_of(path: str) -> str:
    """The CA, as PEM, that the current context's cluster is trusted by; "" where the file names none."""
    config = _read(Path(path))
    chosen = _named(config, "contexts", "context", config.get("current-context", ""), path)
    cluster = _named(config, "clusters", "cluster", chosen.get("cluster", ""), path)
    return _material(cluster, "certificate-authority", Path(path).parent).decode()


def transport_in_cluster(*, user_agent: str) -> HttpTransport:
    """As a pod: the ServiceAccount's token (read anew, since it is rotated) and CA."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if not host:
        raise KubeconfigError("not in a pod (KUBERNETES_SERVICE_HOST is not set): pass --kubeconfig FILE")
    port = int(os.environ.get("KUBERNETES_SERVICE_PORT", "443"))
    tls = ssl.create_default_context(cafile=str(_SERVICE_ACCOUNT_DIR / "ca.crt"))
    token = _SERVICE_ACCOUNT_DIR / "token"
    return HttpTransport(
        Endpoint(host, port),
        tls,
        user_agent=user_agent,
        credentials=TokenFile(token),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except OSError as error:
        raise KubeconfigError(f"kubeconfig {path}: {error.strerror}") from error
    try:
        config = json.loads(text)  # what `kcore init` writes is JSON, and YAML takes 35 ms to import
    except ValueError:
        import yaml

        try:
            config = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise KubeconfigError(f"kubeconfig {path}: {error}") from error
    if not isinstance(config, dict):
        raise KubeconfigError(f"kubeconfig {path}: not a mapping")
    return config


def _named(config: dict[str, Any], section: str, key: str, name: str, path: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            return entry.get(key) or {}
    raise KubeconfigError(f"kubeconfig {path}: {section} has no entry named {name!r}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority := _material(cluster, "certificate-authority", folder):
        context = ssl.create_default_context(cadata=authority.decode())
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _material(user, "client-certificate", folder)
    key = _material(user, "client-key", folder)
    if certificate and key:
        try:
            load_pair(context, certificate, key)
        except ssl.SSLError as error:
            raise KubeconfigError(f"client certificate and key do not fit: {error}") from error
    return context


def _material(entry: Mapping[str, Any], name: str, folder: Path) -> bytes:
    """`NAME-data` in base64, else the content of the file `NAME` (relative to the kubeconfig)."""
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(data)
    if file := entry.get(name):
        try:
            return (folder / str(file)).read_bytes()
        except OSError as error:
            raise KubeconfigError(f"{name} {folder / file}: {error.strerror}") from error
    return b""


def _credentials(
    cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path, tls: ssl.SSLContext | None
) -> Credentials:
    if token := user.get("token"):
        return Fixed(bearer(token))
    if file := user.get("tokenFile"):
        return TokenFile(folder / file)
    if plugin := user.get("exec"):
        return ExecPlugin(plugin, folder, tls, cluster)
    if "username" in user:
        pair = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        return Fixed({"authorization": f"Basic {pair}"})
    certificate, key = user.get("client-certificate"), user.get("client-key")
    if tls is not None and certificate and key:
        return CertificateFiles(tls, folder / certificate, folder / key)
    return Fixed({})
