"""A Corefile is taken or refused with a place; nothing else can happen."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dns.build import parse
from dns.corefile.tokens import CorefileError
from dns.handlers import HANDLERS

CLASSIC = """
.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :9153
    forward . 192.0.2.1 {
        max_concurrent 1000
    }
    cache 30 {
        disable success cluster.local
        prefetch 10 1m 10%
    }
    rewrite name suffix .a. .b. answer auto
    hosts {
        192.0.2.1 a.b
        fallthrough
    }
    template IN A {
        answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
    loop
    reload
    loadbalance
}
"""
WORDS = [
    *HANDLERS,
    *CLASSIC.split(),
    "{",
    "}",
    "\n",
    '"',
    "#",
    "\\",
    "{$X}",
    "import",
    "(s)",
    "-1",
    "99999999999",
    "é",
]


def is_taken_or_refused(text: str) -> None:
    try:
        parse(text, environment={"X": "y"})
    except CorefileError as problem:
        assert str(problem)
        assert "\n" not in str(problem)


def test_a_changed_corefile() -> None:
    rng = Random(3)
    for _ in range(1500):
        words = CLASSIC.replace("\n", " \n ").split(" ")
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(words))
            match rng.randrange(3):
                case 0:
                    del words[place]
                case 1:
                    words[place] = rng.choice(WORDS)
                case _:
                    words.insert(place, rng.choice(WORDS))
        is_taken_or_refused(" ".join(words))


@given(st.lists(st.sampled_from(WORDS), max_size=40))
@settings(max_examples=300, deadline=None)
def test_words_in_any_order(words: list[str]) -> None:
    is_taken_or_refused(" ".join(words))


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text(text: str) -> None:
    is_taken_or_refused(text)
