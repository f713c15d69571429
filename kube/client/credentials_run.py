"""How a client proves who it is, and goes on doing so while tokens expire and certificates are replaced.

Called for the headers of each request, like any `credentials` of `HttpTransport`; `renew` is told the headers that a
server answered 401 to, and says whether there is anything new to try.
"""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kube.client.errors import Unreachable
from linux import process

_PLUGIN_TIMEOUT_S = 60.0
_ABSENT = 127
_DEFAULT_VERSION = "client.authentication.k8s.io/v1"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class CredentialsMissing(Unreachable):
    """Nothing can be asked of the server now; it may work later, as with a server that is down."""


class Fixed:
    """Headers that never change."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    async def __call__(self) -> Mapping[str, str]:
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        return False


class TokenFile:
    """A token that somebody keeps fresh on disk (a pod's ServiceAccount): read for each request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""

    async def __call__(self) -> Mapping[str, str]:
        try:
            self._token = self._path.read_text().strip()
        except OSError as error:
            if not self._token:  # one that was read once lasts longer than a rotation takes
                raise CredentialsMissing(f"token file {self._path}: {error.strerror}") from error
        return bearer(self._token)

    def renew(self, refused: Mapping[str, str]) -> bool:
        return False


class CertificateFiles:
    """A client certificate on disk that is replaced when it nears its end; new connections use the new one."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context = context
        self._paths = (certificate, key)
        self._seen = self._state()

    def _state(self) -> tuple[int, ...]:
        try:
            return tuple(number for path in self._paths for number in _identity(path))
        except OSError:
            return ()

    async def __call__(self) -> Mapping[str, str]:
        state = self._state()
        if state and state != self._seen:
            try:
                load_pair(self._context, *(path.read_bytes() for path in self._paths))
            except (OSError, ssl.SSLError):  # one of the two is new, the other not yet: with the next request
                return {}
            self._seen = state
        return {}

    def renew(self, refused: Mapping[str, str]) -> bool:
        return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL reads pairs from files only; an anonymous one in memory keeps the key off the disk."""
    fd = os.memfd_create("client-pair", os.MFD_CLOEXEC)
    try:
        os.write(fd, certificate + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


class ExecPlugin:
    """A credential plugin (client.authentication.k8s.io): run once, and again when what it gave has expired.

    It may give a token, a client certificate for `context`, or both. `cluster` is told to one that asks for it.
    """

    def __init__(
        self,
        plugin: Mapping[str, Any],
        folder: Path,
        context: ssl.SSLContext | None = None,
        cluster: Mapping[str, Any] | None = None,
    ) -> None:
        self._plugin = plugin
        command = str(plugin["command"])
        # As with kubectl: a path that is not absolute counts from the kubeconfig's folder, a name from PATH.
        self._command = str(folder / command) if "/" in command else command
        self._context = context
        self._cluster = cluster or {}
        self._headers: Mapping[str, str] | None = None
        self._expires_at: datetime | None = None
        self._asking = asyncio.Lock()

    async def __call__(self) -> Mapping[str, str]:
        """All who wait for the plugin at one time share its answer; the loop goes on meanwhile."""
        if not self._lasts():
            async with self._asking:
                if not self._lasts():
                    self._headers = await self._ask()
        assert self._headers is not None
        return self._headers

    def _lasts(self) -> bool:
        return self._headers is not None and (
            self._expires_at is None or datetime.now(UTC) < self._expires_at
        )

    def renew(self, refused: Mapping[str, str]) -> bool:
        """A server that does not take it any more knows better than its expiry time. Others may have asked since."""
        if self._headers is refused:
            self._headers = None
        return True

    async def _ask(self) -> Mapping[str, str]:
        argv = [self._command, *(self._plugin.get("args") or ())]
        try:
            done = await process.run_async(argv, env=self._environment(), timeout_s=_PLUGIN_TIMEOUT_S)
            return self._take(json.loads(done.stdout)["status"])
        except process.ProgramFailed as error:
            hint = self._plugin.get("installHint", "") if error.code == _ABSENT else ""
            said = error.output.strip() or str(error)
            raise CredentialsMissing(
                f"credential plugin {argv[0]}: {said}{f'; {hint}' if hint else ''}"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CredentialsMissing(f"credential plugin {argv[0]}: its answer is no credential") from error

    def _take(self, status: Mapping[str, Any]) -> Mapping[str, str]:
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        if certificate and key and self._context is not None:
            try:
                load_pair(self._context, certificate.encode(), key.encode())
            except ssl.SSLError as error:
                raise CredentialsMissing(
                    f"credential plugin {self._command}: certificate and key do not fit: {error}"
                ) from error
        token = status.get("token", "")
        if not token and not certificate:
            raise CredentialsMissing(
                f"credential plugin {self._command}: its answer has neither a token nor a certificate"
            )
        expires = status.get("expirationTimestamp")
        self._expires_at = datetime.fromisoformat(expires) if expires else None
        return bearer(token) if token else {}

    def _environment(self) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": False}
        if self._plugin.get("provideClusterInfo"):
            spec["cluster"] = _cluster_info(self._cluster)
        info = {
            "apiVersion": self._plugin.get("apiVersion", _DEFAULT_VERSION),
            "kind": "ExecCredential",
            "spec": spec,
        }
        given = {pair["name"]: pair["value"] for pair in self._plugin.get("env") or ()}
        return {**os.environ, "KUBERNETES_EXEC_INFO": json.dumps(info), **given}


_CLUSTER_FIELDS = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)


def _cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """The kubeconfig's cluster as plugins are told of it; a CA in a file as its content."""
    found = {name: cluster[name] for name in _CLUSTER_FIELDS if cluster.get(name)}
    if "certificate-authority-data" not in found and (file := cluster.get("certificate-authority")):
        found["certificate-authority-data"] = base64.b64encode(Path(file).read_bytes()).decode()
    return found
