"""Addresses in changing order: all alike, some networks first, or one put in front by weight.

The even shuffle happens when the answer is written, so that prepared answers take turns. The other orders are made
here, for each answer anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, once, then
from dns.handlers.site import Site, Task, duration_s, one_line, one_word, unknown_option
from dns.wire import names, numbers, records
from dns.wire.records import Record

Network = IPv4Network | IPv6Network
Section = tuple[Record, ...]
# Weights by address, by name in the case the file has it.
Weights = Mapping[str, Mapping[str, int]]

_ADDRESSES = frozenset((numbers.A, numbers.AAAA))
_WEIGHED = frozenset((numbers.A, numbers.AAAA, numbers.SRV))
MAX_WEIGHT = 255


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`weight_file` is empty for the even order."""

    line: Line
    weight_file: str = ""
    reload_s: float = 30.0
    preferred: tuple[Network, ...] = ()


class BadWeights(ValueError):
    """A weight file that cannot be read; the text says which line."""


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    policy = line.words[0] if line.args else "round_robin"
    if policy not in {"round_robin", "weighted"}:
        raise line.error(f"plugin/loadbalance: the policy is round_robin or weighted, found {policy!r}")
    if len(line.args) > (2 if policy == "weighted" else 1):
        raise line.error(f"plugin/loadbalance: {line.words[-1]!r} is one argument too many")
    if policy == "weighted" and len(line.args) < 2:
        raise line.error("plugin/loadbalance: weighted needs a file with the weights")
    reload_s, preferred = 30.0, []
    for option in line.body:
        match option.name.text:
            case "reload" if policy == "weighted":
                reload_s = duration_s(option, one_word(option))
            case "prefer":
                preferred += [_network(option, word) for word in option.words]
            case _:
                raise unknown_option("loadbalance", option)
    file = line.words[1] if policy == "weighted" else ""
    return Options(line=line, weight_file=file, reload_s=reload_s, preferred=tuple(preferred))


def _network(line: Line, word: str) -> Network:
    try:
        if "/" in word:
            return ip_network(word, strict=False)
    except ValueError:
        pass
    raise line.error(f"prefer: {word!r} is no range such as 10.0.0.0/8")


def read_weights(text: str) -> dict[str, dict[str, int]]:
    """A name on a line of its own, below it lines of an address and its weight. Raises BadWeights."""
    found: dict[str, dict[str, int]] = {}
    current: dict[str, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) == 1 and not _is_address(words[0]):
            current = found.setdefault(names.absolute(words[0]), {})
            continue
        if len(words) != 2 or not _is_address(words[0]):
            raise BadWeights(
                f"line {number}: {line.strip()!r} is neither a name nor an address with its weight"
            )
        if not words[1].isdigit() or not 0 < int(words[1]) <= MAX_WEIGHT:
            raise BadWeights(
                f"line {number}: a weight is a number from 1 to {MAX_WEIGHT}, found {words[1]!r}"
            )
        if current is None:
            raise BadWeights(f"line {number}: a name must stand in front of {words[0]}")
        current.setdefault(str(ip_address(words[0])), int(words[1]))
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def weighted(section: Section, weights: Weights, rng: Random) -> Section:
    """One address in front, chosen by weight (1 where the file has none); it changes places with the first."""
    addresses = [one for one in section if one.kind in _ADDRESSES]
    if not addresses:
        return section
    shares = [weights.get(one.name, {}).get(records.text_of(one), 1) for one in addresses]
    (top,) = rng.choices(range(len(addresses)), shares)
    addresses[0], addresses[top] = addresses[top], addresses[0]
    aliases = [one for one in section if one.kind == numbers.CNAME]
    mails = [one for one in section if one.kind == numbers.MX]
    apart = _ADDRESSES | {numbers.CNAME, numbers.MX}
    return (*aliases, *(one for one in section if one.kind not in apart), *addresses, *mails)


def preferring(section: Section, networks: Sequence[Network], rng: Random) -> Section:
    """Aliases, addresses shuffled but those of the first network in front, mail exchangers shuffled, the rest."""
    addresses = [one for one in section if one.kind in _ADDRESSES]
    mails = [one for one in section if one.kind == numbers.MX]
    rng.shuffle(addresses)
    rng.shuffle(mails)

    def rank(record: Record) -> int:
        address = ip_address(records.text_of(record))
        return next((place for place, one in enumerate(networks) if address in one), len(networks))

    addresses.sort(key=rank)
    apart = _ADDRESSES | {numbers.CNAME, numbers.MX}
    aliases = [one for one in section if one.kind == numbers.CNAME]
    return (*aliases, *addresses, *mails, *(one for one in section if one.kind not in apart))


def build(options: Options, site: Site, following: Serve) -> Serve:
    if not options.weight_file and not options.preferred:
        site.relay.shuffle = True
        return _serving(following, lambda _, response: replace(response, shuffle=True))
    site.relay.orders = True
    rng = site.world.rng
    if options.weight_file:
        balance = Weighted(options, site)
        return _serving(following, balance.order)

    def prefer(_: Request, response: Response) -> Response:
        return once(_rearranged(response, lambda section: preferring(section, options.preferred, rng)))

    return _serving(following, prefer)


def _serving(following: Serve, change: Callable[[Request, Response], Response]) -> Serve:
    """`change` for answers that have an order."""

    def serve(request: Request) -> Result:
        result = following(request)
        return then(result, lambda response: marked(request, response))

    def marked(request: Request, response: Response) -> Response:
        if response.rcode != numbers.NOERROR or len(response.answer) + len(response.additional) < 2:
            return response
        return change(request, response)

    return serve


def _rearranged(response: Response, order: Callable[[Section], Section]) -> Response:
    return replace(response, answer=order(response.answer), additional=order(response.additional))


class Weighted:
    """The weights of one file, read again when it changes."""

    def __init__(self, options: Options, site: Site) -> None:
        self._options = options
        self._world = site.world
        self._path = site.path(options.weight_file)
        self._weights: Weights = {}
        self._text = ""
        try:
            self.load()
        except BadWeights as problem:
            raise options.line.error(f"plugin/loadbalance: {self._path}: {problem}") from None
        except OSError as problem:
            message = f"plugin/loadbalance: {self._path}: {problem.strerror}"
            if not options.reload_s:
                raise options.line.error(message) from problem
            self._world.notices.append(f"{message}: all weights are equal until it is there")
        if options.reload_s:
            site.world.tasks.append(Task("loadbalance", self.run))

    def load(self) -> None:
        """Raises BadWeights and OSError; then the former weights stay."""
        text = self._world.read_text(self._path)
        if text != self._text:
            self._weights, self._text = read_weights(text), text

    async def run(self) -> None:
        import asyncio

        while True:
            await asyncio.sleep(self._options.reload_s)
            try:
                self.load()
            except (BadWeights, OSError) as problem:
                self._world.log("error", f"plugin/loadbalance: {self._path} was not taken: {problem}")

    def order(self, request: Request, response: Response) -> Response:
        if request.query.kind not in _WEIGHED:
            return response
        weights, rng, preferred = self._weights, self._world.rng, self._options.preferred

        def order(section: Section) -> Section:
            found = weighted(section, weights, rng)
            return preferring(found, preferred, rng) if preferred else found

        return once(_rearranged(response, order))
