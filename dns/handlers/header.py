"""Sets or clears header flags: of questions on their way to the handlers behind, of answers on their way back."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, then
from dns.handlers.site import Site, no_args, one_line
from dns.wire import numbers

FLAGS = {"aa": numbers.AA, "ra": numbers.RA, "rd": numbers.RD}


class Rules(msgspec.Struct, frozen=True):
    """Header bits; the last rule for a bit counts."""

    on: int = 0
    off: int = 0

    def of(self, flags: int) -> int:
        return flags & ~self.off | self.on

    def decide(self, flag: int) -> bool | None:
        """What becomes of a flag; None where no rule is about it."""
        return None if not (self.on | self.off) & flag else bool(self.on & flag)


class Options(msgspec.Struct, frozen=True):
    query: Rules = Rules()
    response: Rules = Rules()


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_args(line)
    found = {"query": Rules(), "response": Rules()}
    for option in line.body:
        which, words = option.name.text.lower(), [word.lower() for word in option.words]
        if which not in found:
            raise option.error(f"header: a line begins with query or response, found {which!r}")
        if len(words) < 2 or words[0] not in {"set", "clear"}:
            raise option.error(f"header: {which} takes set or clear, and flags")
        for word in words[1:]:
            if word not in FLAGS:
                raise option.error(f"header: the flags are {', '.join(FLAGS)}, found {word!r}")
            rules, bit = found[which], FLAGS[word]
            on, off = (bit, 0) if words[0] == "set" else (0, bit)
            found[which] = Rules(rules.on & ~bit | on, rules.off & ~bit | off)
    if not line.body:
        raise line.error("header takes a block with lines such as `response set ra`")
    return Options(found["query"], found["response"])


def build(options: Options, site: Site, following: Serve) -> Serve:
    wanted = options.response.decide(numbers.RD)
    copied = options.query.decide(numbers.RD) if wanted is None else wanted

    def change(response: Response) -> Response:
        asked = response.recursion_desired if copied is None else copied
        return replace(response, flags=options.response.of(response.flags), recursion_desired=asked)

    def serve(request: Request) -> Result:
        query = replace(request.query, flags=options.query.of(request.query.flags))
        return then(following(replace(request, query=query)), change)

    return serve
