"""Drops, delays or truncates answers: for trying out clients."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve
from dns.handlers.site import Site, duration_s, one_line, unknown_option, whole_number
from dns.wire import numbers, records

LARGE_COUNT = 30


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The first query and then every n-th; 0 never."""

    drop: int = 0
    delay: int = 0
    delay_s: float = 0.1
    truncate: int = 0
    large: bool = False


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    settings: dict[str, float] = {}
    for option in line.body:
        name = option.name.text
        if name not in {"drop", "delay", "truncate", "large"}:
            raise unknown_option("erratic", option)
        if name == "large":
            settings["large"] = True
            continue
        if len(option.args) > (2 if name == "delay" else 1):
            raise option.error(f"{name} takes a number" + (" and a duration" if name == "delay" else ""))
        settings[name] = whole_number(option, option.words[0], 0) if option.args else 2
        if name == "delay" and len(option.args) > 1:
            settings["delay_s"] = duration_s(option, option.words[1])
    if not settings.get("delay") and not settings.get("truncate"):
        settings.setdefault("drop", 2)
    return Options(**settings)  # type: ignore[arg-type]


def build(options: Options, site: Site, following: Serve) -> Serve:
    count = -1

    def hit(every: int) -> bool:
        return bool(every) and count % every == 0

    def serve(request: Request) -> Result:
        nonlocal count
        count += 1
        if hit(options.drop):
            return Response(plugin="erratic", silent=True)
        query = request.query
        if query.kind == numbers.A:
            answer = (records.address(query.name, 0, "192.0.2.53"),) * (LARGE_COUNT if options.large else 1)
        elif query.kind == numbers.AAAA:
            answer = (records.address(query.name, 0, "2001:db8::53"),)
        else:
            return Response(rcode=numbers.SERVFAIL, plugin="erratic", written=False)
        flags = numbers.AA | (numbers.TC if hit(options.truncate) else 0)
        response = Response(answer=answer, flags=flags, plugin="erratic")
        return _late(response, options.delay_s) if hit(options.delay) else response

    return serve


async def _late(response: Response, delay_s: float) -> Response:
    import asyncio

    await asyncio.sleep(delay_s)
    return response
