"""The loop: Ingresses and what they name are watched, and the proxy is kept as they say.

Nothing but Ingresses and their classes is watched, and no proxy runs, before there is the first Ingress of ours.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from kube.client import ApiError, Client
from kube.events import Recorder
from kube.ingress.haproxy_run import HAProxy, ProxyFailed
from kube.ingress.kinds import IngressClass
from kube.ingress.proxy import Listen, Pem, Proxy, plan_proxy
from kube.ingress.routes import Certificate, Problem, Routes, is_ours, plan_routes
from kube.ingress.servers import Servers, plan_servers
from kube.objects import (
    SERVICE_NAME_LABEL,
    EndpointSlice,
    Ingress,
    NamespacedName,
    Secret,
    Service,
    key_of,
)
from kube.watch import Informer

_log = logging.getLogger(__name__)

_AGAIN_S = 5.0  # after a failure: it may have been installed meanwhile


class IngressOptions(msgspec.Struct, frozen=True, kw_only=True):
    addresses: tuple[str, ...]  # where it listens, and what status.loadBalancer says
    folder: Path
    http_port: int = 80
    https_port: int = 443
    batch_s: float = 0.01


class IngressController:
    def __init__(
        self, client: Client, options: IngressOptions, *, wall_clock: Callable[[], float], rng: Random
    ) -> None:
        self._client = client
        self._options = options
        self._listen = Listen(
            addresses=options.addresses, http_port=options.http_port, https_port=options.https_port
        )
        self._haproxy = HAProxy(options.folder)
        self._recorder = Recorder(client, "podnet-ingress", wall_clock=wall_clock)
        self._changed = asyncio.Event()
        self._slices: dict[NamespacedName, dict[str, EndpointSlice]] = {}
        self._told: set[Problem] = set()
        self._planned: Proxy | None = None

        def watch(cls: Any, field_selector: str = "") -> Informer[Any]:
            return Informer(client, cls, rng=rng, field_selector=field_selector, on_change=self._on_change)

        self._ingresses: Informer[Ingress] = watch(Ingress)
        self._classes: Informer[IngressClass] = watch(IngressClass)
        self._services: Informer[Service] = watch(Service)
        self._secrets: Informer[Secret] = watch(Secret, "type=kubernetes.io/tls")
        self._endpoint_slices: Informer[EndpointSlice] = Informer(
            client, EndpointSlice, rng=rng, on_change=self._on_slice
        )

    def _on_change(self, key: NamespacedName, old: object, new: object) -> None:
        self._changed.set()

    def _on_slice(self, key: NamespacedName, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for one in (old, new):
            if one is not None:
                service = NamespacedName(key.namespace, one.metadata.labels.get(SERVICE_NAME_LABEL, ""))
                known = self._slices.setdefault(service, {})
                if one is new:
                    known[key.name] = one
                else:
                    known.pop(key.name, None)
                if not known:
                    del self._slices[service]
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled; then the proxy is stopped."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._recorder.run())
                await _start(tasks, self._ingresses, self._classes)
                while not (self._ours() or await self._haproxy.survived()):
                    await self._next_change()
                await _start(tasks, self._services, self._secrets, self._endpoint_slices)
                self._changed.set()
                while True:
                    await self._next_change()
                    if not await self._keep():
                        asyncio.get_running_loop().call_later(_AGAIN_S, self._changed.set)
        finally:
            await self._haproxy.stop()

    async def _next_change(self) -> None:
        """And all that come in the same moment."""
        await self._changed.wait()
        await asyncio.sleep(self._options.batch_s)
        self._changed.clear()

    def _ours(self) -> list[Ingress]:
        classes = {key.name: one for key, one in self._classes.cache.items()}
        return [one for one in self._ingresses.cache.values() if is_ours(one, classes)]

    async def _keep(self) -> bool:
        """One round: the proxy, then what people read. False: to be done again."""
        ours = self._ours()
        routes = plan_routes(ours)
        problems = list(routes.problems)
        servers = {ref: self._servers(ref) for ref in routes.backends}
        pems = [pem for pem in (self._pem(one, problems, ours) for one in routes.certificates) if pem]
        problems += _without_servers(ours, routes, servers)
        if pems or routes.certificates:
            # The first one answers for names that none is for.
            pems.insert(0, Pem(name="unknown-host.pem", hosts=(), text=await self._fallback_pem()))
        self._planned = plan_proxy(self._listen, routes, servers, pems, self._planned)
        try:
            outcome = await self._haproxy.apply(self._planned)
        except ProxyFailed as failure:
            _log.error("%s", failure)
            problems += [Problem(key_of(one), "ProxyFailed", str(failure)) for one in ours]
            self._tell(problems, ours)
            return False
        if outcome != "unchanged":
            _log.info("haproxy %s: %d Ingresses, %d backends", outcome, len(ours), len(servers))
        self._tell(problems, ours)
        done = [await self._write_status(one) for one in ours]
        return all(done)

    def _servers(self, ref: Any) -> Servers:
        key = NamespacedName(ref.namespace, ref.service)
        return plan_servers(ref, self._services.cache.get(key), self._slices.get(key, {}).values())

    def _pem(self, certificate: Certificate, problems: list[Problem], ours: Iterable[Ingress]) -> Pem | None:
        secret = self._secrets.cache.get(certificate.secret)
        try:
            if secret is None:
                raise ValueError("does not exist, or is not of type kubernetes.io/tls")
            parts = [base64.b64decode(secret.data.get(name, ""), validate=True) for name in _PARTS]
            text = "".join(part.decode().strip() + "\n" for part in parts)
            _check_pair(*parts)
        except (ValueError, binascii.Error) as error:
            problems += [
                Problem(key_of(one), "NoCertificate", f"Secret {certificate.secret} {error}")
                for one in ours
                if one.metadata.namespace == certificate.secret.namespace
                and any(tls.secret_name == certificate.secret.name for tls in one.spec.tls)
            ]
            return None
        namespace, name = certificate.secret
        return Pem(name=f"{namespace}_{name}.pem", hosts=certificate.hosts, text=text)

    async def _fallback_pem(self) -> str:
        """For hosts that no Secret answers for: signed by itself, made once."""
        path = self._options.folder / "self-signed.pem"
        if not path.exists():
            from kube.ingress.certificate import self_signed

            text = self_signed(time.time())
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(text)
        return path.read_text()

    def _tell(self, problems: list[Problem], ours: list[Ingress]) -> None:
        """Each problem once, until it has gone and come back."""
        by_key = {key_of(one): one for one in ours}
        for problem in problems:
            if problem not in self._told:
                self._recorder.event(by_key[problem.ingress], "Warning", problem.reason, problem.message)
        self._told = set(problems)

    async def _write_status(self, ingress: Ingress) -> bool:
        wanted = [{"ip": address} for address in self._options.addresses]
        found = [{"ip": one.ip} for one in ingress.status.load_balancer.ingress]
        if wanted == found:
            return True
        meta = ingress.metadata
        body = {"status": {"loadBalancer": {"ingress": wanted}}}
        try:
            await self._client.patch(Ingress, meta.name, meta.namespace, body, subresource="status")
        except ApiError as error:
            _log.warning("status of Ingress %s was not written: %s", key_of(ingress), error)
            return False
        return True


_PARTS = ("tls.crt", "tls.key")


def _check_pair(certificate: bytes, key: bytes) -> None:
    """Raises ValueError: one bad pair would keep HAProxy from taking any of them."""
    from kube.ingress.certificate import check_pair

    check_pair(certificate, key)


def _without_servers(ours: Iterable[Ingress], routes: Routes, servers: dict[Any, Servers]) -> list[Problem]:
    """Told to each Ingress that names the backend."""
    found: list[Problem] = []
    for ingress in ours:
        found += [
            Problem(key_of(ingress), "NoBackend", servers[ref].problem)
            for ref in plan_routes([ingress]).backends
            if ref in servers and servers[ref].problem
        ]
    return found


async def _start(tasks: asyncio.TaskGroup, *informers: Informer[Any]) -> None:
    for informer in informers:
        tasks.create_task(informer.run())
    for informer in informers:
        await informer.wait_synced()


async def run(
    client: Client,
    options: IngressOptions,
    *,
    wall_clock: Callable[[], float] = time.time,
    rng: Random | None = None,
) -> None:
    """Serve Ingress until cancelled."""
    await IngressController(client, options, wall_clock=wall_clock, rng=rng or Random()).run()
