"""The pages' server: one request a connection."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import h11

from kube.certs import self_signed
from kube.client.credentials_run import load_pair
from kube.component.health import PAGES, Answer, Check, page
from kube.component.visitors_drive import Visitors
from kube.measures import Measures

_log = logging.getLogger(__name__)
_READ_BYTES = 1 << 16
_REQUEST_S = 30.0
_RETRY_S = 5.0
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Place(NamedTuple):
    """Where to serve; port 0 is nowhere."""

    host: str
    port: int
    tls: ssl.SSLContext


def server_tls(name: str, hosts: Sequence[str], client_ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """A client's certificate is asked for, not demanded; `client_ca` is PEM. Without a `certificate` (a file) one is
    made, in memory. Raises OSError, ssl.SSLError among them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        context.load_cert_chain(certificate, key or None)
    else:
        load_pair(context, *self_signed(name, hosts))
    if client_ca:
        context.load_verify_locations(cadata=client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


class Pages:
    """`visitors` decides on all but the health pages, which are for everybody."""

    def __init__(self, measures: Measures, checks: Mapping[str, Check], visitors: Visitors) -> None:
        self._measures = measures
        self._checks = checks
        self._visitors = visitors

    async def serve(self, place: Place) -> None:
        """Until cancelled; an address that is taken is tried again every 5 s."""
        while True:
            try:
                server = await asyncio.start_server(self._connected, place.host, place.port, ssl=place.tls)
            except OSError as error:
                _log.warning(
                    "health and metrics are not served on %s port %d: %s",
                    place.host,
                    place.port,
                    error.strerror,
                )
                await asyncio.sleep(_RETRY_S)
                continue
            async with server:
                await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            async with asyncio.timeout(_REQUEST_S):
                request = await _read(connection, reader)
                if request is not None:
                    answer = await self._answer(request, writer.get_extra_info("peercert"))
                    writer.write(_render(connection, answer))
                    await writer.drain()
        except (OSError, TimeoutError, h11.ProtocolError) as error:
            _log.debug("connection lost: %s", error)
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer(self, request: h11.Request, certificate: Mapping[str, object] | None) -> Answer:
        url = urlsplit(request.target.decode())
        name = url.path.strip("/")
        if name in PAGES:
            return page(name, self._checks, parse_qs(url.query, keep_blank_values=True))
        headers = {key.decode().lower(): value.decode("latin-1") for key, value in request.headers}
        refused = await self._visitors.turn_away(request.method.decode(), url.path, certificate, headers)
        if refused is not None:
            return refused
        if url.path == "/metrics":
            return Answer(200, "\n".join(self._measures.lines()) + "\n", _PROMETHEUS)
        return Answer(404, "404 page not found\n")


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Without its body; None if the peer went away first."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        data = await reader.read(_READ_BYTES)
        if not data:
            return None
        connection.receive_data(data)


def _render(connection: h11.Connection, answer: Answer) -> bytes:
    body = answer.body.encode()
    headers = [
        ("content-type", answer.kind),
        ("x-content-type-options", "nosniff"),
        ("content-length", str(len(body))),
        ("connection", "close"),
    ]
    events = (
        h11.Response(status_code=answer.status, headers=headers),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(event) or b"" for event in events)
