"""Answers from the cluster's Services, EndpointSlices, Namespaces and Pods."""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec.structs import replace

from dns.cluster.hits import ZoneOptions
from dns.cluster.lookup import Answer, Question, lookup, soa
from dns.cluster.reasons import reason
from dns.cluster.source import Source
from dns.cluster.zone import ClusterZone
from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Lifetime, Request, Response, Result, Serve, failed, join, then
from dns.handlers.site import (
    Site,
    Task,
    duration_s,
    no_args,
    one_line,
    one_word,
    unknown_option,
    whole_number,
)
from dns.wire import names, numbers

MAX_REENTRIES = 10


class Feed(Protocol):
    """What keeps a ClusterZone up to date."""

    async def run(self) -> None: ...
    async def wait_ready(self) -> None: ...


class Options(msgspec.Struct, frozen=True, kw_only=True):
    zone: ZoneOptions
    source: Source
    fall_through: tuple[str, ...] = ()


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    own = [zone for token in line.args for zone in normalize_zones(token.text, token)] or list(zones)
    primary = next((zone for zone in own if not zone.endswith(".arpa.")), "")
    if not primary:
        raise line.error("plugin/kubernetes: name a zone that is not a reverse zone, such as cluster.local")
    settings = _Settings()
    for option in line.body:
        settings.read(option)
    zone = settings.zone
    if zone.get("namespaces") and settings.source.get("namespace_labels"):
        raise line.error("plugin/kubernetes: namespaces and namespace_labels cannot both be set")
    if settings.multicluster is not None and (
        strangers := [one for one in settings.multicluster if one not in own]
    ):
        raise line.error(f"plugin/kubernetes: multicluster zone {strangers[0]} is not among the zones served")
    if zone.get("zonal") and settings.source.get("endpoints") is False:
        raise line.error("plugin/kubernetes: zonal needs the endpoints: remove noendpoints")
    zone_options = ZoneOptions(
        zones=tuple(own),
        primary_zone=primary,
        multicluster_zones=frozenset(settings.multicluster or ()),
        **zone,  # type: ignore[arg-type]
    )
    source = Source(
        pods=zone_options.pods == "verified",
        multicluster=bool(settings.multicluster),
        **settings.source,  # type: ignore[arg-type]
    )
    return Options(zone=zone_options, source=source, fall_through=settings.fall_through)


class _Settings:
    """The options of a kubernetes block as they are read."""

    def __init__(self) -> None:
        self.zone: dict[str, object] = {}
        self.source: dict[str, object] = {}
        self.multicluster: tuple[str, ...] | None = None
        self.fall_through: tuple[str, ...] = ()

    def read(self, line: Line) -> None:
        words = line.words
        match line.name.text:
            case "pods":
                if one_word(line) not in {"disabled", "insecure", "verified"}:
                    raise line.error(f"wrong value for pods: {words[0]}, use disabled, insecure or verified")
                self.zone["pods"] = words[0]
            case "ttl":
                self.zone["ttl_s"] = whole_number(line, one_word(line), 0, 3600)
            case "namespaces":
                _some(line)
                self.zone["namespaces"] = frozenset(words)
            case "ignore":
                if not words or words[0] != "empty_service":
                    raise line.error(f"ignore takes empty_service, found {' '.join(words)!r}")
                self.zone["ignore_empty_service"] = True
            case "zonal" | "strict" as flag:
                no_args(line)
                self.zone[flag] = True
            case "fallthrough":
                zones = [zone for token in line.args for zone in normalize_zones(token.text, token)]
                self.fall_through = tuple(zones) or (".",)
            case "multicluster":
                self.multicluster = tuple(
                    zone for token in line.args for zone in normalize_zones(token.text, token)
                )
            case _:
                self._read_source(line)

    def _read_source(self, line: Line) -> None:
        words = line.words
        match line.name.text:
            case "endpoint":
                _some(line)
                self.source["endpoint"] = words[0]
            case "kubeconfig":
                if len(words) not in {1, 2}:
                    raise line.error("kubeconfig takes a file and, if wanted, a context")
                self.source["kubeconfig"] = words[0]
                self.source["context"] = words[1] if len(words) > 1 else ""
            case "tls":
                if len(words) != 3:
                    raise line.error("tls takes three files: certificate, key, CA")
                self.source["tls"] = words
            case "labels" | "namespace_labels" as which:
                _some(line)
                self.source[which] = _selector(line, " ".join(words))
            case "endpoint_pod_names":
                no_args(line)
                self.source["endpoint_pod_names"] = True
            case "noendpoints":
                no_args(line)
                self.source["endpoints"] = False
            case "startup_timeout":
                self.source["startup_timeout_s"] = duration_s(line, one_word(line))
            case "snapshot":
                self.source["snapshot"] = one_word(line)
            case "apiserver_qps" | "apiserver_burst" | "apiserver_max_inflight":
                _limit(line, one_word(line))  # three watches need none
            case _:
                raise unknown_option("kubernetes", line)


def _some(line: Line) -> None:
    if not line.args:
        raise line.error(f"{line.name.text} needs at least one argument")


def _limit(line: Line, text: str) -> None:
    try:
        fine = float(text) >= 0
    except ValueError:
        fine = False
    if not fine:
        raise line.error(f"{line.name.text}: {text!r} is no number from 0")


def _selector(line: Line, text: str) -> str:
    """A label selector; what the API server would not take is said here, with its place."""
    depth = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if depth not in {0, 1}:
            break
    if depth or text.startswith(",") or text.endswith(","):
        raise line.error(f"{line.name.text}: {text!r} is no label selector such as `app in (a, b),tier!=x`")
    return text


def build(options: Options, site: Site, following: Serve) -> Serve:
    kubernetes = Kubernetes(options, site, following)
    site.relay.own_zones += options.zone.zones
    site.relay.kubernetes = kubernetes
    feed = kubernetes.feed()
    site.world.tasks.append(Task("kubernetes", feed.run))
    site.world.startup.append(feed.wait_ready)
    site.world.readiness.append(("kubernetes", lambda: kubernetes.cluster.synced))
    site.world.clusters.append((options.zone, kubernetes.cluster))
    return kubernetes.serve


class Kubernetes:
    """One kubernetes block."""

    def __init__(self, options: Options, site: Site, following: Serve) -> None:
        self.options = options
        self.cluster = ClusterZone()
        self._world = site.world
        self._following = following
        self._zones = tuple(sorted(options.zone.zones, key=len, reverse=True))

    def feed(self) -> Feed:
        from dns.cluster.feed_drive import ClusterFeed

        return ClusterFeed(self.options.source, self.cluster, self._world)

    def serve(self, request: Request) -> Result:
        query = request.query
        lower = query.lower
        for zone in self._zones:
            if lower.endswith(zone) and names.is_within(lower, zone):
                break
        else:
            return self._following(request)
        question = Question(query.name, query.kind, query.name[len(lower) - len(zone) :])
        answer = lookup(
            self.cluster, self.options.zone, question, local_ips=self._local_ips(query.kind, lower)
        )
        if answer.refused:
            return replace(
                failed("kubernetes", "zone transfer is not served", rcode=numbers.REFUSED), error=""
            )
        if answer.chase:
            return self._chase(request, answer)
        if answer.answer:
            return Response(
                answer=answer.answer,
                additional=answer.additional,
                flags=numbers.AA,
                plugin="kubernetes",
                lifetime=Lifetime(answer.keys),
                reason=self._stale(request),
                trace=self._trace(request, question, "has records"),
            )
        return self._negative(request, question, answer)

    def _negative(self, request: Request, question: Question, answer: Answer) -> Result:
        lifetime = Lifetime(answer.keys)
        why = self._why(request, question)
        if not answer.exists and self._falls_through(request.query.lower):
            if not self.cluster.synced and self.options.zone.strict:
                return self._unsynced(question)
            rest = self._following(request)
            return then(rest, lambda response: self._fell(request, question, response, lifetime, why))
        if not answer.exists and not self.cluster.synced:
            return self._unsynced(question)
        return Response(
            rcode=numbers.NOERROR if answer.exists else numbers.NXDOMAIN,
            authority=(soa(self.cluster, self.options.zone, question.zone),),
            flags=numbers.AA,
            plugin="kubernetes",
            lifetime=lifetime,
            reason=(numbers.EDE_OTHER, why) if why else None,
            trace=self._trace(request, question, why),
        )

    def _fell(
        self, request: Request, question: Question, response: Response, lifetime: Lifetime, why: str
    ) -> Response:
        trace = (*self._trace(request, question, why + "; fell through"), *response.trace)
        kept = lifetime if self.cluster.synced else None
        return replace(response, lifetime=join(response.lifetime, kept), trace=trace)

    def _unsynced(self, question: Question) -> Response:
        """Names may exist that we have not heard of yet: no answer that could be kept."""
        return Response(
            rcode=numbers.SERVFAIL,
            authority=(soa(self.cluster, self.options.zone, question.zone),),
            flags=numbers.AA,
            plugin="kubernetes",
            reason=(numbers.EDE_NOT_READY, "not yet synchronized with the Kubernetes API"),
        )

    def _chase(self, request: Request, answer: Answer) -> Result:
        """An alias to a name outside the zone: answered with what the server itself knows of that name."""
        query = request.query
        if request.depth >= MAX_REENTRIES:
            return self._alias(answer, Response())
        lower = answer.chase.lower()
        inner = replace(query, name=answer.chase, lower=lower, question=b"")
        asked = replace(request, query=inner, depth=request.depth + 1)
        return then(self._world.resolve(asked), lambda found: self._alias(answer, found))

    def _alias(self, answer: Answer, found: Response) -> Response:
        return Response(
            answer=(*answer.answer, *found.answer),
            flags=numbers.AA | (found.flags & numbers.TC),
            plugin="kubernetes",
            lifetime=join(Lifetime(answer.keys), found.lifetime),
            trace=(f"kubernetes: alias of {answer.chase}", *found.trace),
        )

    def _falls_through(self, lower: str) -> bool:
        return any(names.is_within(lower, zone) for zone in self.options.fall_through)

    def _local_ips(self, kind: int, lower: str) -> tuple[str, ...]:
        return self._world.local_ips() if kind == numbers.NS or lower.startswith("ns.dns.") else ()

    def _why(self, request: Request, question: Question) -> str:
        if request.query.edns is None and not request.explain:
            return ""
        return reason(self.cluster, self.options.zone, question)

    def _stale(self, request: Request) -> tuple[int, str] | None:
        """RFC 8914's word for answers from a snapshot."""
        since_s = self.cluster.stale_since_s
        if not since_s or request.query.edns is None:
            return None
        age_s = int(self._world.now() - since_s)
        return numbers.EDE_STALE, f"the API is away, this was true {age_s} s ago"

    def _trace(self, request: Request, question: Question, what: str) -> tuple[str, ...]:
        if not request.explain:
            return ()
        zone = question.zone.lower()
        found = f"kubernetes: zone {zone}, {what}"
        return (found,)
