"""HTTPS requests to webhooks and extension servers; connections are kept for the next call."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kube.apiserver.outbound.calls import CallFailed, Place

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from kube.client.http_socket import HttpTransport
    from kube.client.transport import Reply, Stream

_KEPT_PLACES = 32


def checking_tls(place: Place, certificate: str = "", key: str = "") -> ssl.SSLContext:
    """Checks the peer against the place's own roots; shows a certificate where one is given. Raises OSError."""
    if not place.checked:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cadata=place.ca.decode() if place.ca else None)
        # Roots made by hand often lack the key usage that Python 3.13 asks for and Go does not.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Callouts:
    """The connections. `certificate` and `key` are shown to servers that ask, "" for none."""

    def __init__(self, certificate: str = "", key: str = "") -> None:
        self._shown = certificate, key
        self._contexts: dict[tuple[bytes, bool], ssl.SSLContext] = {}
        self._transports: OrderedDict[tuple[object, ...], HttpTransport] = OrderedDict()

    async def send(
        self,
        place: Place,
        method: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
    ) -> "Reply":
        """Raises CallFailed."""
        from kube.client.errors import Unreachable

        url = place.url + (
            "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""
        )
        said = f'{method.capitalize()} "{url}"'
        try:
            async with asyncio.timeout(timeout_s):
                transport = self._transport(place)
                return await transport.request(method, place.path, query=query, headers=headers, body=body)
        except TimeoutError as error:
            raise CallFailed(f"{said}: context deadline exceeded") from error
        except (Unreachable, OSError, UnicodeDecodeError) as error:
            why = error.__cause__ or error
            raise CallFailed(f"{said}: {_sentence(why, place)}") from error

    def stream(
        self, place: Place, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> "AbstractAsyncContextManager[Stream]":
        """A watch of an extension server."""
        return self._transport(place).stream(path, query=query, headers=headers)

    def tls(self, place: Place) -> ssl.SSLContext:
        """Raises OSError."""
        key = (place.ca, place.checked)
        if key not in self._contexts:
            if len(self._contexts) >= _KEPT_PLACES:
                self._contexts.clear()
            self._contexts[key] = checking_tls(place, *self._shown)
        return self._contexts[key]

    def _transport(self, place: Place) -> "HttpTransport":
        from kube.client.http_socket import Endpoint, HttpTransport

        key = (place.host, place.port, place.name, place.ca, place.checked)
        found = self._transports.get(key)
        if found is None:
            endpoint = Endpoint(place.host, place.port, server_name=place.name)
            found = HttpTransport(endpoint, self.tls(place), user_agent="kube-apiserver-admission")
            self._transports[key] = found
            while len(self._transports) > _KEPT_PLACES:
                _, oldest = self._transports.popitem(last=False)
                oldest.drop()
        else:
            self._transports.move_to_end(key)
        return found

    def close(self) -> None:
        while self._transports:
            self._transports.popitem()[1].drop()


def _sentence(error: BaseException, place: Place) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {place.host}:{place.port}: connect: connection refused"
    return str(error) or type(error).__name__
