"""How long TCP and TLS clients may be silent, and how much one connection may ask."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, duration_s, no_args, one_line, one_word, unknown_option, whole_number


class Options(msgspec.Struct, frozen=True):
    idle_s: float = 10.0
    questions: int = 0  # of one connection; 0: as many as the client likes


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_args(line)
    if not line.body:
        raise line.error("timeouts takes a block with read, write, idle or maxtcpqueries")
    idle_s, questions = 10.0, 0
    for option in line.body:
        match option.name.text:
            case "read" | "write" | "idle" as which:
                text = one_word(option)
                seconds = duration_s(option, text + "s" if text.isdigit() else text)
                if not 1 <= seconds <= 86_400:
                    raise option.error(f"{which} is from 1s to 24h: {text}")
                if which == "idle":
                    idle_s = seconds
            case "maxtcpqueries":
                questions = whole_number(option, one_word(option), -1)
                if not questions:
                    raise option.error("maxtcpqueries is a number from 1, or -1 for no limit")
                questions = max(questions, 0)
            case _:
                raise unknown_option("timeouts", option)
    return Options(idle_s, questions)


def build(options: Options, site: Site, following: Serve) -> Serve:
    site.world.stream_idle_s = options.idle_s
    site.world.stream_questions = options.questions
    return following
