"""Requests to whichever etcd server answers."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from itertools import count
from random import Random

from kube.store.contract import StoreError, Unavailable
from kube.store.etcd import wire
from kube.store.etcd.endpoints import Endpoints
from kube.store.etcd.gateway_socket import Gateway, Lines, NotSent, certificates_refused, tls_context
from kube.store.etcd.options import Endpoint, EtcdOptions
from kube.store.etcd.wire import EtcdError

_log = logging.getLogger(__name__)

ATTEMPT_TIMEOUT_S = 5.0  # of one server, then the next is asked
PATIENCE_S = 10.0  # until a request is given up


def cluster_of(options: EtcdOptions, rng: Random) -> "Cluster":
    """Raises StoreError when the certificates cannot be read."""
    tls: ssl.SSLContext | None = None
    if any(server.tls for server in options.servers):
        try:
            tls = tls_context(options.ca_file, options.cert_file, options.key_file)
        except OSError as error:
            raise StoreError(
                f"cannot use --etcd-cafile {options.ca_file or '(the system)'}, "
                f"--etcd-certfile {options.cert_file or '-'}, --etcd-keyfile {options.key_file or '-'}: {error}"
            ) from error
    return Cluster(options.servers, tls, first=rng.randrange(len(options.servers)))


class Cluster:
    """All servers of one etcd; stays with one as long as it answers."""

    def __init__(self, servers: Sequence[Endpoint], tls: ssl.SSLContext | None, *, first: int = 0) -> None:
        self._endpoints = Endpoints(servers, first)
        self._gateways = {server: Gateway(server, tls) for server in servers}

    async def ask(self, path: str, body: bytes, *, repeatable: bool = True) -> bytes:
        """The answer's body. What is not repeatable is asked again only when it certainly was not done.

        Raises EtcdError for what etcd refuses, Unavailable when no server answers in time.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE_S
        for attempt in count(1):
            gateway = await self._next_gateway(give_up_at)
            try:
                status, answer = await gateway.call(path, body, ATTEMPT_TIMEOUT_S)
                if status == 200:
                    self._endpoints.worked(gateway.endpoint)
                    return answer
                failure: Exception = wire.failure(status, answer)
            except (OSError, TimeoutError) as error:
                failure = error
            if isinstance(failure, EtcdError) and not failure.transient:
                self._endpoints.worked(gateway.endpoint)
                raise failure
            self.failed(gateway.endpoint, failure)
            undone = isinstance(failure, NotSent) or (isinstance(failure, EtcdError) and failure.refused)
            hopeless = certificates_refused(failure) and attempt >= len(self._gateways)
            if hopeless or loop.time() >= give_up_at or not (repeatable or undone):
                raise Unavailable(f"etcd at {gateway.endpoint}: {_reason(failure)}") from failure
        raise AssertionError

    async def follow(self, body: bytes) -> tuple[Endpoint, Lines]:
        """A watch and the server it is with; raises Unavailable."""
        gateway = await self._next_gateway(asyncio.get_running_loop().time() + PATIENCE_S)
        try:
            return gateway.endpoint, await gateway.follow(wire.WATCH, body)
        except NotSent as error:
            self.failed(gateway.endpoint, error)
            raise Unavailable(f"etcd at {gateway.endpoint}: {error}") from error

    async def _next_gateway(self, give_up_at: float) -> Gateway:
        loop = asyncio.get_running_loop()
        while (wait_s := self._endpoints.wait_s(loop.time())) > 0:
            await asyncio.sleep(max(min(wait_s, give_up_at - loop.time()), 0.001))
            if loop.time() >= give_up_at:
                break
        return self._gateways[self._endpoints.current]

    def failed(self, endpoint: Endpoint, failure: Exception) -> None:
        """Leave the server alone for a while."""
        before = self._endpoints.current
        self._endpoints.failed(endpoint, asyncio.get_running_loop().time())
        if before == endpoint:
            after = self._endpoints.current
            next_step = f"going on with {after}" if after != endpoint else "trying again"
            _log.warning("etcd at %s: %s; %s", endpoint, _reason(failure), next_step)

    def close(self) -> None:
        for gateway in self._gateways.values():
            gateway.close()


def _reason(failure: BaseException) -> str:
    if isinstance(failure, TimeoutError) and not str(failure):
        return f"no answer within {ATTEMPT_TIMEOUT_S:g} s"
    return str(failure) or type(failure).__name__
