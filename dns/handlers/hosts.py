"""Names from a hosts file and from lines in the Corefile itself."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Lifetime, Request, Response, Result, Serve
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
from dns.wire import names, numbers, records

KEY = "hosts"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    zones: tuple[str, ...]
    inline: tuple[str, ...] = ()
    ttl_s: int = 3600
    reverse: bool = True
    reload_s: float = 5.0
    fall_through: tuple[str, ...] = ()
    pass_other_types: bool = False


class Table(msgspec.Struct, frozen=True):
    """Addresses by type and name, and names by address, in the order of the file."""

    addresses: dict[tuple[int, str], tuple[str, ...]] = {}
    names: dict[str, tuple[str, ...]] = {}

    @property
    def size(self) -> int:
        """How many pairs of a name and an address."""
        return sum(len(found) for table in (self.addresses, self.names) for found in table.values())

    def find(self, kind: int, name: str) -> tuple[str, ...]:
        """The name's own addresses, else those of a wildcard one label above."""
        found = self.addresses.get((kind, name))
        if found is None:
            found = self.addresses.get((kind, "*." + name.partition(".")[2]), ())
        return found


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    words = list(line.args)
    path = "/etc/hosts"
    if words:
        path = words.pop(0).text
    own = [zone for token in words for zone in normalize_zones(token.text, token)]
    inline: list[str] = []
    settings: dict[str, object] = {}
    for option in line.body:
        match option.name.text:
            case "ttl":
                settings["ttl_s"] = whole_number(option, one_word(option), 1, 65_535)
            case "no_reverse":
                no_args(option)
                settings["reverse"] = False
            case "reload":
                settings["reload_s"] = duration_s(option, one_word(option))
            case "fallthrough":
                found = [zone for token in option.args for zone in normalize_zones(token.text, token)]
                settings["fall_through"] = tuple(found) or (".",)
            case "fallthrough_unsupported":
                no_args(option)
                settings["pass_other_types"] = True
            case word if _is_address(word) and option.args:
                if settings.get("fall_through"):
                    raise option.error("plugin/hosts: addresses stand in front of fallthrough")
                inline.append(" ".join((word, *option.words)))
            case _:
                raise unknown_option("hosts", option)
    if settings.get("pass_other_types") and not settings.get("fall_through"):
        raise line.error("plugin/hosts: fallthrough_unsupported needs fallthrough")
    return Options(path=path, zones=tuple(own) or zones, inline=tuple(inline), **settings)  # type: ignore[arg-type]


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def read_table(text: str, zones: tuple[str, ...], *, reverse: bool = True) -> Table:
    """A hosts file (hosts(5)). Names outside the zones are left out; what is no line of hosts is passed over."""
    addresses: dict[tuple[int, str], dict[str, None]] = {}
    found: dict[str, dict[str, None]] = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) < 2 or not _is_address(words[0]):
            continue
        address = ip_address(words[0].partition("%")[0])
        ip = str(getattr(address, "ipv4_mapped", None) or address)
        kind = numbers.AAAA if ":" in ip else numbers.A
        for word in words[1:]:
            name = names.absolute(word.lower())
            if not any(names.is_within(name, zone) for zone in zones):
                continue
            addresses.setdefault((kind, name), {})[ip] = None
            if reverse and not name.startswith("*."):
                found.setdefault(ip, {})[name] = None
    return Table(
        {key: tuple(ips) for key, ips in addresses.items()}, {ip: tuple(all_) for ip, all_ in found.items()}
    )


def build(options: Options, site: Site, following: Serve) -> Serve:
    hosts = Hosts(options, site, following)
    hosts.load()
    if options.reload_s:
        site.world.tasks.append(Task("hosts", hosts.run))
    return hosts.serve


class Hosts:
    def __init__(self, options: Options, site: Site, following: Serve) -> None:
        self._options = options
        self._following = following
        self._read: Callable[[str], str] = site.world.read_text
        self._path = site.path(options.path)
        self._invalidate = site.world.invalidate
        inline = "\n".join(options.inline)
        self._inline = read_table(inline, options.zones, reverse=options.reverse)
        self._table = Table()
        self._text: str | None = None
        registry = site.world.registry
        self._entries = registry.gauge(
            "coredns_hosts_entries", "The combined number of entries in hosts and Corefile.", "hostsfile"
        )
        self._read_at = registry.gauge(
            "coredns_hosts_reload_timestamp_seconds", "The timestamp of the last reload of hosts file."
        )
        self._now = site.world.now

    def load(self) -> None:
        """Read the file again. What was in a file that is gone stays."""
        try:
            text = self._read(self._path)
        except OSError:
            return
        if text == self._text:
            return
        self._text = text
        self._table = read_table(text, self._options.zones, reverse=self._options.reverse)
        self._entries.set(self._table.size + self._inline.size, self._path)
        self._read_at.set(self._now())
        self._invalidate(frozenset((KEY,)))

    async def run(self) -> None:
        import asyncio

        while True:
            await asyncio.sleep(self._options.reload_s)
            self.load()

    def serve(self, request: Request) -> Result:
        query = request.query
        name = query.lower
        inside = any(names.is_within(name, zone) for zone in self._options.zones)
        if not inside and query.kind != numbers.PTR:
            return self._following(request)
        ttl_s = self._options.ttl_s
        if query.kind == numbers.PTR:
            ip = records.reverse_address(name)
            targets = dict.fromkeys((*self._table.names.get(ip, ()), *self._inline.names.get(ip, ())))
            if not targets:
                return self._following(request)
            return self._answer(tuple(records.ptr(query.name, ttl_s, target) for target in targets))
        found = {kind: self._addresses(kind, name) for kind in (numbers.A, numbers.AAAA)}
        falls = any(names.is_within(name, zone) for zone in self._options.fall_through)
        if query.kind not in {numbers.A, numbers.AAAA} and self._options.pass_other_types and falls:
            return self._following(request)
        if not any(found.values()):
            if falls:
                return self._following(request)
            return Response(rcode=numbers.SERVFAIL, plugin="hosts", written=False)
        wanted = found.get(query.kind, ())
        return self._answer(tuple(records.address(query.name, ttl_s, ip) for ip in wanted))

    def _addresses(self, kind: int, name: str) -> tuple[str, ...]:
        """The file's, and the Corefile's behind them."""
        return tuple(dict.fromkeys((*self._table.find(kind, name), *self._inline.find(kind, name))))

    @staticmethod
    def _answer(answer: tuple[records.Record, ...]) -> Response:
        return Response(answer=answer, flags=numbers.AA, plugin="hosts", lifetime=Lifetime((KEY,)))
