"""The short way for plain questions about the cluster: bytes to bytes, with no records in between. No I/O.

Only a server block whose handlers treat all names of the zone alike has one. Flags, SOA, TTL, EDNS and who counts are
learned from answers that the handlers made: the first question of each kind goes through them. What is decided here
is which kind a question is, always from the zone as it is now; so nothing learned is of one name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dns.answering.relay import STOOD_IN, UNCONCERNED
from dns.cluster.lookup import SERIAL_KEY, Question
from dns.cluster.reasons import reason
from dns.cluster.zone import service_key
from dns.handlers.request import Observer, Response
from dns.wire import encode, names, numbers
from dns.wire.passage import USUAL_HEADS

if TYPE_CHECKING:
    from dns.handlers.kubernetes import Kubernetes
    from dns.handlers.site import RelayParts

# Types answered here, by their bytes with class IN behind them. HTTPS has no data in a cluster.
_KINDS = {bytes((0, kind, 0, 1)): kind for kind in (numbers.A, numbers.AAAA, numbers.HTTPS)}
_OPT_BYTES = 11
_SAFE_BYTES = 512  # every client takes an answer of this size
MAX_NAME_BYTES = 255
MAX_SHAPES = 4096
MAX_OPTS = 256
# A Service with more endpoints than this is searched by the handlers.
MAX_SEARCHED = 16
# Counted as the time of an answer: a fair guess, far below the smallest bucket of the histograms.
SHORT_S = 20e-6


class Verdict(Enum):
    """What the zone has for a question."""

    MISSING = "NXDOMAIN"
    EMPTY = "NODATA"
    FOUND = "one address"


class Finding(NamedTuple):
    """`namespace` and `service` as far as it rests on them."""

    verdict: Verdict
    data: bytes = b""  # the address
    namespace: str = ""
    service: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """It holds until one of these changes."""
        keys = () if self.verdict is Verdict.FOUND else (SERIAL_KEY,)
        if self.service:
            keys = (service_key(self.namespace, self.service), *keys)
        return (f"ns/{self.namespace}", *keys) if self.namespace else keys


class Shape(msgspec.Struct, gc=False):
    """All answers of one kind, but for the ID, the question and what `Finding.data` or a reason adds."""

    head: bytes  # flags and counts
    before: bytes  # of the data
    after: bytes
    observers: tuple[Observer, ...]
    size_bytes: int  # without a reason
    hits: int = 0

    def settle(self) -> None:
        hits, self.hits = self.hits, 0
        if hits:
            for observe in self.observers:
                observe(hits, self.size_bytes, SHORT_S)


class Asked(NamedTuple):
    """A question of the usual form with what the zone has for it."""

    key: tuple[object, ...]  # of its shape
    end: int  # where the question section ends, behind the ID
    finding: Finding
    reason: bytes  # the OPT record's length and options; b"" without OPT, or where there is no reason to give


class _Zone(NamedTuple):
    wire: bytes
    text: str
    denies: bool  # names that are not there do not fall through


_MISSING = Finding(Verdict.MISSING)


class Shortcut:
    """One kubernetes block's. Each `source` answers in one thread; `forget` and `settle` may come from any."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        options = kubernetes.options
        zone = options.zone
        self._cluster = kubernetes.cluster
        self._options = zone
        forward = [
            one for one in zone.zones if not one.endswith(".arpa.") and one not in zone.multicluster_zones
        ]
        self._zones = tuple(
            _Zone(
                names.encode(one), one, not any(names.is_within(one, wide) for wide in options.fall_through)
            )
            for one in sorted(forward, key=len, reverse=True)
        )
        self._shapes: dict[tuple[object, ...], Shape | None] = {}
        self._opts: dict[bytes, bool] = {}

    def answer(
        self, packet_id: bytes, question: bytes, source: str = "udp"
    ) -> tuple[bytes, Shape, Finding] | None:
        """The answer to the packet whose bytes behind the ID are `question`; None: the handlers have to see it.

        `source` is what counts apart: the protocol and the client's family.
        """
        asked = self._asked(question, source)
        if asked is None:
            return None
        shape = self._shapes.get(asked.key)
        if shape is None:
            return None
        _, end, finding, why = asked
        answer = b"".join(
            (packet_id, shape.head, question[10:end], shape.before, finding.data, shape.after, why)
        )
        return (answer, shape, finding) if len(answer) <= _SAFE_BYTES else None

    def learn(self, question: bytes, reply: bytes, response: Response, source: str = "udp") -> None:
        """Remember what the handlers made of a question, for others of its kind."""
        if response.plugin != "kubernetes" or response.lifetime is None or response.lifetime.volatile:
            return
        asked = self._asked(question, source)
        if asked is None or asked.key in self._shapes:
            return
        if len(self._shapes) >= MAX_SHAPES:
            self.forget()
        self._shapes[asked.key] = _shape_of(asked, question, reply, response)

    def forget(self, keys: frozenset[str] | None = None) -> None:
        """After a change of the zone's serial, which denials show."""
        if keys is None or SERIAL_KEY in keys:
            self.settle()
            self._shapes = {}

    def settle(self) -> None:
        """Report all hits, before metrics are read."""
        for shape in tuple(self._shapes.values()):
            if shape is not None:
                shape.settle()

    def _asked(self, question: bytes, source: str) -> Asked | None:
        with_opt = USUAL_HEADS.get(question[:10])
        if with_opt is None:
            return None
        end = len(question)
        opt = b""
        if with_opt:
            end -= _OPT_BYTES
            opt = question[end:]
            if not self._is_plain(opt):
                return None
        kind = _KINDS.get(question[end - 4 : end])
        name = question[10 : end - 4].lower()  # the lengths of labels are no letters
        if kind is None or len(name) > MAX_NAME_BYTES:
            return None
        zone = self._zone_of(name)
        if zone is None:
            return None
        finding = self._find(name[: -len(zone.wire)], kind)
        if finding is None or (finding.verdict is Verdict.MISSING and not zone.denies):
            return None
        options = b""
        if opt and finding.verdict is not Verdict.FOUND:
            options = self._reason(question, kind, zone.text)
        # The name's length decides where compression points to, and what is counted as the question's size.
        key = question[:10], question[end - 4 :], len(name), zone.wire, finding.verdict, source
        return Asked(key, end, finding, options)

    def _zone_of(self, name: bytes) -> _Zone | None:
        for zone in self._zones:
            if name.endswith(zone.wire):
                return zone
        return None

    def _is_plain(self, opt: bytes) -> bool:
        """A version 0 OPT record without options."""
        found = self._opts.get(opt)
        if found is None:
            usual = opt[:3] == b"\0\0\x29" and opt[5:7] == b"\0\0" and opt[8:] == b"\0\0\0"
            found = usual and not opt[7] & 0x7F
            if len(self._opts) < MAX_OPTS:
                self._opts[opt] = found
        return found

    def _reason(self, question: bytes, kind: int, zone: str) -> bytes:
        """The length and the options of an OPT record that says why there is no answer."""
        name, _ = names.decode(question, 10)
        why = reason(self._cluster, self._options, Question(name, kind, zone))
        if not why:
            return b"\0\0"
        code, text = encode.extended_error(numbers.EDE_OTHER, why)
        option = code.to_bytes(2, "big") + len(text).to_bytes(2, "big") + text
        return len(option).to_bytes(2, "big") + option

    def _find(self, relative: bytes, kind: int) -> Finding | None:
        """What the zone has at this name, in lower case, its end cut off; None for what is not decided here."""
        cluster, options = self._cluster, self._options
        if not cluster.synced or cluster.stale_since_s:
            return None
        labels: list[bytes] = []
        at, end = 0, len(relative)
        while at < end:
            length = relative[at]
            if not 0 < length < 64:
                return None
            start = at + 1
            at = start + length
            labels.append(relative[start:at])
        # A label may look like the zone at its end; what is written with escapes is the handlers'.
        if at != end or not labels or b"".join(labels).translate(None, _ORDINARY):
            return None
        branch = labels[-1]
        count = len(labels)
        if branch != b"svc":
            return None if branch in _APART else _MISSING
        if count < 3:
            return None
        if count > 5:
            return _MISSING  # nothing is more than two labels left of a Service
        namespace, name = labels[-2].decode(), labels[-3].decode()
        if namespace not in cluster.namespaces or (
            options.namespaces and namespace not in options.namespaces
        ):
            return Finding(Verdict.MISSING, b"", namespace)
        entry = cluster.entries.get((namespace, name))
        service = entry.service if entry is not None else None
        if entry is None or service is None:
            return Finding(Verdict.MISSING, b"", namespace, name)
        if service.external_name or count == 5:
            return None
        if options.ignore_empty_service and not entry.has_endpoints:
            return None
        if count == 4:
            label = labels[0].decode()
            if label.startswith("_") or sum(piece.endpoint_count for piece in entry.slices) > MAX_SEARCHED:
                return None
            if any(one.hostname == label for piece in entry.slices for one in piece.endpoints):
                return None
            return Finding(Verdict.MISSING, b"", namespace, name)
        return None if service.headless else _address(namespace, name, service.addresses, kind)


_ORDINARY = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
# Left of the zone itself, these have names of their own.
_APART = frozenset((b"pod", b"dns", b"dns-version"))
_COLON = {numbers.A: False, numbers.AAAA: True}


def _address(namespace: str, name: str, addresses: tuple[str, ...], kind: int) -> Finding | None:
    colon = _COLON.get(kind)
    found = [ip for ip in addresses if (":" in ip) == colon]
    if not found:
        return Finding(Verdict.EMPTY, b"", namespace, name)
    if len(found) > 1:
        return None  # their order changes
    family = AF_INET6 if colon else AF_INET
    try:
        return Finding(Verdict.FOUND, inet_pton(family, found[0]), namespace, name)
    except (OSError, ValueError):
        return None


def _shape_of(asked: Asked, question: bytes, reply: bytes, response: Response) -> Shape | None:
    """What is left of a reply without its ID, question, data and reason; None when it is not so made."""
    end = asked.end + 2
    verdict, data, _, _ = asked.finding
    rcode = numbers.NXDOMAIN if verdict is Verdict.MISSING else numbers.NOERROR
    opt = question[asked.end :]
    usual = reply[12:end] == question[10 : asked.end] and reply[3] & 15 == rcode and not reply[2] & 2
    answers = int.from_bytes(reply[6:8], "big")
    if not usual or response.shuffle or answers != (verdict is Verdict.FOUND):
        return None
    rest = reply[end:]
    if verdict is Verdict.FOUND:
        start = 12
        fits = rest[start : start + len(data)] == data and len(rest) == start + len(data) + len(opt)
        if not fits:
            return None
        return Shape(reply[2:12], rest[:start], rest[start + len(data) :], response.observers, len(reply))
    if not rest.endswith(asked.reason):
        return None
    before = rest[: len(rest) - len(asked.reason)]
    return Shape(reply[2:12], before, b"", response.observers, len(reply) - len(asked.reason))


def shortcut_of(
    zones: Sequence[str], others: Mapping[str, object], handlers: Sequence[str], parts: RelayParts
) -> Shortcut | None:
    """A shortcut for a block that serves `zones`, where its handlers and the zones of `others` allow one.

    `others` has the zones of all blocks on the same address.
    """
    kubernetes = parts.kubernetes
    if kubernetes is None or not set(handlers) <= STOOD_IN | UNCONCERNED:
        return None
    options = kubernetes.options.zone
    cache = parts.cache
    if options.zonal or (cache is not None and "." not in cache.options.zones):
        return None
    for own in options.zones:
        around = [zone for zone in others if names.is_within(own, zone)]
        if not around or max(around, key=len) not in zones:
            return None
        if any(zone != own and names.is_within(zone, own) for zone in others):
            return None
    return Shortcut(kubernetes)
