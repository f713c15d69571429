"""`kdns query`: one question through a Corefile's handlers in this process, without opening a port."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from random import Random

from dns import disk
from dns.answering.server import Router
from dns.build import Configuration, assemble, parse
from dns.corefile.tokens import CorefileError
from dns.handlers.request import Request, Response, Result, failed
from dns.handlers.site import World
from dns.upstream.lookup_socket import host_addresses
from dns.wire import encode, numbers, query, records

# What runs in the background for the answer's sake; probes and timers of a server are not started.
_NEEDED = frozenset(("kubernetes", "forward", "file", "hosts"))


def ask(name: str, kind: str, corefile: str, *, explain: bool) -> int:
    """Print the answer as dig would, with the way it came about. The exit status: 0 for an answer, 1 for none."""
    try:
        number = numbers.type_number(kind)
        parsed = parse(
            disk.read_text(corefile),
            file=os.path.basename(corefile),
            environment=os.environ,
            importer=disk.importer(os.path.dirname(corefile) or "."),
        )
        return asyncio.run(_ask(name if name.endswith(".") else name + ".", number, _Asker(parsed), explain))
    except (CorefileError, ValueError, OSError) as problem:
        text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        sys.stderr.write(f"kdns: {text}\n")
        return 1


class _Asker:
    """A World without sockets."""

    def __init__(self, parsed: object) -> None:
        world = World(
            clock=time.monotonic,
            now=time.time,
            rng=Random(),
            read_text=disk.read_text,
            lookup=host_addresses,
            resolve=self.resolve,
            invalidate=lambda _keys: None,
            local_ips=disk.own_addresses,
            log=lambda _level, _text: None,
            schedule=lambda _awaited, _done: None,
        )
        self.configuration: Configuration = assemble(parsed, world)  # type: ignore[arg-type]

    def resolve(self, request: Request) -> Result:
        if request.depth > 10:
            return failed("", "too many questions in turn")
        return self.router_of(request.query).answer(request)

    def router_of(self, asked: query.Query) -> Router:
        """Of several addresses the one whose block has the longest zone."""

        def length(router: Router) -> int:
            chain = router.route(asked)
            return -1 if chain is None else len(chain.zone)

        return max(self.configuration.routers.values(), key=length)


async def _ask(name: str, kind: int, asker: _Asker, explain: bool) -> int:
    configuration = asker.configuration
    world = configuration.world
    tasks = [asyncio.ensure_future(task.run()) for task in world.tasks if task.name in _NEEDED]
    await asyncio.gather(*(start() for start in world.startup))
    try:
        packet = encode.question(1, name, kind, edns=query.Edns(1232))
        parsed = query.parse(packet)
        assert isinstance(parsed, query.Query)
        result = asker.resolve(Request(parsed, explain=explain))
        response = result if isinstance(result, Response) else await result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    sys.stdout.write(render(response, explain=explain))
    if explain:
        router = asker.router_of(parsed)
        chain = router.route(parsed)
        block = f"server block {chain.zone}" if chain is not None else "no server block"
        sys.stdout.write(f";; asked of {router.server}, {block}\n")
    return 0 if response.rcode == numbers.NOERROR and response.answer else 1


def render(response: Response, *, explain: bool) -> str:
    """The answer's records by section, and the explanation."""
    lines = [
        f";; {numbers.rcode_name(response.rcode)}, {len(response.answer)} answers, plugin {response.plugin or '-'}"
    ]
    for title, section in (
        ("answer", response.answer),
        ("authority", response.authority),
        ("additional", response.additional),
    ):
        if section:
            lines += [f";; {title}", *(records.line_of(record) for record in section)]
    if response.reason is not None:
        lines.append(f";; why: {response.reason[1]}")
    if explain:
        lines += [f";; {line}" for line in response.trace]
        if response.error:
            lines.append(f";; error: {response.error}")
    return "\n".join(lines) + "\n"
