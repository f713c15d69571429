"""Which Service answers which host and path: all our Ingresses as one table. Pure.

A request's host is looked up first: the name itself, then its wildcard (`*.example.com`, one label deep), then the
rules without host. Within a host an Exact path wins, then the longest Prefix, element by element; what matches no path
goes to the default backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from kube.ingress.kinds import CONTROLLER, OLD_CLASS_ANNOTATION, REDIRECT_ANNOTATION, IngressClass
from kube.objects import Ingress, IngressBackend, NamespacedName, key_of
from kube.objects.network import HTTPIngressPath, IngressTLS

ANY_HOST = "*"


class BackendRef(NamedTuple):
    """A port of a Service, by name or by number as text: exactly as the Ingress says it."""

    namespace: str
    service: str
    port: str

    @property
    def title(self) -> str:
        """Unique, of the characters that HAProxy takes in a name."""
        return f"{self.namespace}:{self.service}:{self.port}"


class Certificate(NamedTuple):
    """The Secret that answers for hosts; without hosts it answers those that no other does."""

    secret: NamespacedName
    hosts: tuple[str, ...]


class Problem(NamedTuple):
    """Something an Ingress asks for that cannot be had; the rest of it is served."""

    ingress: NamespacedName
    reason: str
    message: str


class Routes(msgspec.Struct, frozen=True, kw_only=True):
    sites: frozenset[str] = frozenset()
    exact: Mapping[str, BackendRef] = {}  # host + path
    prefix: Mapping[str, BackendRef] = {}  # host + path + "/"
    defaults: Mapping[str, BackendRef] = {}  # host; ANY_HOST for all that have none
    redirected: frozenset[str] = frozenset()  # hosts whose plain HTTP is sent to HTTPS
    certificates: tuple[Certificate, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def backends(self) -> tuple[BackendRef, ...]:
        return tuple(sorted({*self.exact.values(), *self.prefix.values(), *self.defaults.values()}))


def is_ours(ingress: Ingress, classes: Mapping[str, IngressClass]) -> bool:
    """Named by class, by the annotation of old times, or by nobody where we are the only implementation."""
    name = ingress.spec.ingress_class_name or ingress.metadata.annotations.get(OLD_CLASS_ANNOTATION)
    if name:
        chosen = classes.get(name)
        return chosen is not None and chosen.spec.controller == CONTROLLER
    return bool(classes) and all(one.spec.controller == CONTROLLER for one in classes.values())


def plan_routes(ingresses: Iterable[Ingress]) -> Routes:
    """Where two Ingresses say different things of one place the older one is right."""
    draft = _Draft()
    for ingress in sorted(ingresses, key=_age):
        draft.add(ingress)
    return draft.finish()


def _age(ingress: Ingress) -> tuple[str, str, str]:
    meta = ingress.metadata
    return (meta.creation_timestamp or "", meta.namespace, meta.name)


class _Draft:
    def __init__(self) -> None:
        self.sites: set[str] = set()
        self.exact: dict[str, BackendRef] = {}
        self.prefix: dict[str, BackendRef] = {}
        self.defaults: dict[str, BackendRef] = {}
        self.redirected: set[str] = set()
        self.certificates: dict[NamespacedName, list[str]] = {}
        self.problems: list[Problem] = []

    def add(self, ingress: Ingress) -> None:
        hosts = []
        for rule in ingress.spec.rules:
            host = rule.host.lower() or ANY_HOST
            hosts.append(host)
            self.sites.add(host)
            for path in rule.http.paths if rule.http else ():
                self._add_path(ingress, host, path)
        self._add_default(ingress, hosts)
        if ingress.metadata.annotations.get(REDIRECT_ANNOTATION) == "true":
            self.redirected.update(hosts)
        for tls in ingress.spec.tls:
            self._add_certificate(ingress, tls)

    def _add_path(self, ingress: Ingress, host: str, path: HTTPIngressPath) -> None:
        backend = self._backend(ingress, path.backend)
        if backend is None:
            return
        if path.path_type == "Exact":
            table, place = self.exact, host + path.path
        else:  # ImplementationSpecific: as Prefix
            table, place = self.prefix, f"{host}{path.path.rstrip('/')}/"
        if table.setdefault(place, backend) != backend:
            message = f"{path.path_type} path {path.path} of host {host} is taken by an older Ingress"
            self._say(ingress, "Conflict", message)

    def _add_default(self, ingress: Ingress, hosts: Iterable[str]) -> None:
        if ingress.spec.default_backend is None:
            return
        backend = self._backend(ingress, ingress.spec.default_backend)
        if backend is not None:
            for host in (*hosts, ANY_HOST):
                self.defaults.setdefault(host, backend)

    def _add_certificate(self, ingress: Ingress, tls: IngressTLS) -> None:
        if not tls.secret_name:
            self._say(ingress, "NoCertificate", f"tls of {', '.join(tls.hosts)} names no Secret")
            return
        secret = NamespacedName(ingress.metadata.namespace, tls.secret_name)
        hosts = self.certificates.setdefault(secret, [])
        hosts += [host.lower() for host in tls.hosts if host.lower() not in hosts]

    def _backend(self, ingress: Ingress, backend: IngressBackend) -> BackendRef | None:
        service = backend.service
        if service is None:
            self._say(ingress, "Unsupported", "a backend that is not a Service is not served")
            return None
        port = service.port.name or str(service.port.number)
        return BackendRef(ingress.metadata.namespace, service.name, port)

    def _say(self, ingress: Ingress, reason: str, message: str) -> None:
        self.problems.append(Problem(key_of(ingress), reason, message))

    def finish(self) -> Routes:
        return Routes(
            sites=frozenset(self.sites),
            exact=self.exact,
            prefix=self.prefix,
            defaults=self.defaults,
            redirected=frozenset(self.redirected),
            certificates=tuple(
                Certificate(secret, tuple(hosts)) for secret, hosts in self.certificates.items()
            ),
            problems=tuple(self.problems),
        )
