"""Logs queries that failed, one line each: `plugin/errors: 2 example.org. A: reason`; equal ones may be gathered."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, then
from dns.handlers.site import Site, Task, duration_s, expression, no_args, one_line, unknown_option
from dns.wire import numbers


class Rule(msgspec.Struct, frozen=True):
    """Errors that match are counted and said once a period."""

    period_s: float
    pattern: re.Pattern[str]
    level: str = "error"
    show_first: bool = False


class Options(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...] = ()


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    rules: list[Rule] = []
    line = one_line(lines)
    if line.words not in {(), ("stdout",)}:
        raise line.error(f"errors takes no argument, found {line.words[0]!r}")
    for line in lines:
        for option in line.body:
            match option.name.text:
                case "stacktrace":
                    no_args(option)
                case "consolidate":
                    rules.append(_rule(option))
                case _:
                    raise unknown_option("errors", option)
    return Options(tuple(rules))


def _rule(line: Line) -> Rule:
    if not 2 <= len(line.args) <= 4:
        raise line.error("consolidate takes a duration, an expression and, if wanted, a level and show_first")
    period_s = duration_s(line, line.words[0])
    pattern = expression(line, line.words[1])
    rest = list(line.words[2:])
    show_first = rest[-1:] == ["show_first"]
    if show_first:
        rest.pop()
    if len(rest) > 1:
        raise line.error(f"consolidate: show_first stands last, found {rest[-1]!r}")
    level = rest[0] if rest else "error"
    if level not in {"debug", "info", "warning", "error"}:
        raise line.error(f"consolidate: {level!r} is no level: use debug, info, warning or error")
    return Rule(period_s, pattern, level, show_first)


def build(options: Options, site: Site, following: Serve) -> Serve:
    errors = Errors(options, following, site.world.log)
    if options.rules:
        site.world.tasks.append(Task("errors", errors.run))
    return errors.serve


class Errors:
    def __init__(self, options: Options, following: Serve, log: Callable[[str, str], None]) -> None:
        self._rules = options.rules
        self._following = following
        self._log = log
        self._counts = [0] * len(options.rules)

    def serve(self, request: Request) -> Result:
        result = self._following(request)
        if isinstance(result, Response):
            if result.error:
                self._report(request, result)
            return result
        return then(result, lambda response: self._report(request, response))

    def _report(self, request: Request, response: Response) -> Response:
        if not response.error:
            return response
        query = request.query
        text = f"{response.rcode} {query.name} {numbers.type_name(query.kind)}: {response.error}"
        for index, rule in enumerate(self._rules):
            if rule.pattern.search(response.error):
                self._counts[index] += 1
                if rule.show_first and self._counts[index] == 1:
                    self._log(rule.level, text)
                return response
        self._log("error", text)
        return response

    async def run(self) -> None:
        import asyncio

        async def say(index: int, rule: Rule) -> None:
            while True:
                await asyncio.sleep(rule.period_s)
                count, self._counts[index] = self._counts[index], 0
                if count > (1 if rule.show_first else 0):
                    text = f"{count} errors like '{rule.pattern.pattern}' occurred in last {rule.period_s:g}s"
                    self._log(rule.level, text)

        async with asyncio.TaskGroup() as group:
            for index, rule in enumerate(self._rules):
                group.create_task(say(index, rule))
