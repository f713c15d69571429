"""Drops, delays or truncates answers: for trying out clients."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve
from dns.handlers.site import Site, duration_s, no_args, one_line, unknown_option, whole_number
from dns.wire import numbers, records


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Every n-th query; 0 never."""

    drop: int = 0
    delay: int = 0
    delay_s: float = 0.1
    truncate: int = 0


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_args(line)
    settings: dict[str, float] = {}
    for option in line.body:
        name = option.name.text
        if name not in {"drop", "delay", "truncate", "large"}:
            raise unknown_option("erratic", option)
        if name != "large":
            settings[name] = whole_number(option, option.words[0], 0) if option.args else 2
        if name == "delay" and len(option.args) > 1:
            settings["delay_s"] = duration_s(option, option.words[1])
    return Options(**settings)  # type: ignore[arg-type]


def build(options: Options, site: Site, following: Serve) -> Serve:
    count = 0

    def serve(request: Request) -> Result:
        nonlocal count
        count += 1
        if options.drop and count % options.drop == 0:
            return Response(plugin="erratic", silent=True)
        query = request.query
        answer: tuple[records.Record, ...] = ()
        if query.kind == numbers.A:
            answer = (records.address(query.name, 0, "192.0.2.53"),)
        elif query.kind == numbers.AAAA:
            answer = (records.address(query.name, 0, "2001:db8::53"),)
        cut = options.truncate and count % options.truncate == 0
        response = Response(answer=answer, flags=numbers.AA | (numbers.TC if cut else 0), plugin="erratic")
        if options.delay and count % options.delay == 0:
            return _late(response, options.delay_s)
        return response

    return serve


async def _late(response: Response, delay_s: float) -> Response:
    import asyncio

    await asyncio.sleep(delay_s)
    return response
