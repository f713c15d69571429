from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.build import parse
from dns.corefile.blocks import parse_blocks
from dns.corefile.config import ServerKey, normalize_zones, parse_key
from dns.corefile.tokens import CorefileError, Token, tokenize

KUBEADM = """
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
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""


def test_kubeadms_corefile_is_read() -> None:
    (block,) = parse(KUBEADM, environment={})
    assert [name for name, _, _ in block.handlers] == [
        "reload", "ready", "health", "prometheus", "errors", "loadbalance", "cache", "kubernetes", "loop", "forward",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (". {\n  foo\n}", "Corefile:2:3: unknown plugin 'foo'"),
        (
            ". {\n  dnssec\n}",
            "Corefile:2:3: the plugin 'dnssec' of CoreDNS is not supported here: remove the line",
        ),
        (". {\n cache {\n   bar 1\n }\n}", "Corefile:3:4: plugin/cache: unknown option 'bar'"),
        (
            ". {\n kubernetes cluster.local {\n  ttl 3601\n }\n}",
            "Corefile:3:3: ttl must be in the range [0, 3600]",
        ),
        (". {\n forward .\n}", "Corefile:2:2: forward takes a zone and the servers"),
        (". {\n forward . 10.0.0\n}", "neither an address nor a host's name nor a resolv.conf file"),
        (". {\n forward . 10.0.0.1 {\n  policy best\n }\n}", "Corefile:3:3: policy is one of"),
        (". {\n cache\n cache\n}", "Corefile:3:2: cache may stand once"),
        (". {\n errors", "Corefile:1:1: this block is never closed"),
        ("}", "Corefile:1:1: this } closes nothing"),
        ("{\n errors\n}", "Corefile:1:1: a block without a zone"),
        ('. {\n log "x\n}', "Corefile:2:6: this quote is never closed"),
        (". {\n import nothing\n}", "Corefile:2:9: import nothing: there is no such snippet or file"),
        ("a.org a.org {\n errors\n}", "Corefile:1:7: dns://a.org.:53 is already served"),
        ("https://. {\n errors\n}", "https:// is not served here"),
        (".:99999 {\n errors\n}", "port 99999 is above 65535"),
        ("", "has no server block"),
        ("10.in-addr.arpa {\n kubernetes\n}", "name a zone that is not a reverse zone"),
        (
            ". {\n kubernetes cluster.local {\n  namespaces a\n  namespace_labels b\n }\n}",
            "cannot both be set",
        ),
        ("tls://. {\n errors\n}", ""),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, message: str) -> None:
    if not message:
        parse(text, environment={})
        return
    with pytest.raises(CorefileError) as caught:
        parse(text, environment={})
    assert message in str(caught.value)


def test_words_comments_quotes_and_environment() -> None:
    tokens = tokenize('a "b c" # d\n{$X}y {%Z%} "q\\"r" e#f', "F", {"X": "1", "Z": "2"})
    assert [(t.text, t.line, t.column) for t in tokens] == [
        ("a", 1, 1), ("b c", 1, 3), ("1y", 2, 1), ("2", 2, 7), ('q"r', 2, 13), ("e#f", 2, 20),
    ]  # fmt: skip


def test_one_server_may_do_without_braces() -> None:
    (block,) = parse_blocks(".:1053\nerrors\nlog\n", environment={})
    assert [line.name.text for line in block.lines] == ["errors", "log"]


def test_several_zones_over_lines_by_comma() -> None:
    (block,) = parse_blocks("a.org,\nb.org c.org {\n errors\n}", environment={})
    assert [token.text for token in block.keys] == ["a.org", "b.org", "c.org"]


def test_snippets_are_put_in_place() -> None:
    first, second = parse_blocks(
        "(shared) {\n errors\n log\n}\na.org {\n import shared\n cache 5\n}\nb.org {\n import shared\n}",
        environment={},
    )
    assert [line.name.text for line in first.lines] == ["errors", "log", "cache"]
    assert [line.name.text for line in second.lines] == ["errors", "log"]


def test_files_are_put_in_place() -> None:
    def importer(pattern: str, token: Token) -> list[tuple[str, str]]:
        return [("x.server", "x.org {\n errors\n}\n")]

    blocks = parse_blocks("a.org {\n log\n}\nimport *.server\n", environment={}, importer=importer)
    assert [block.keys[0].text for block in blocks] == ["a.org", "x.org"]


def test_a_file_that_imports_itself_is_refused() -> None:
    def importer(pattern: str, token: Token) -> list[tuple[str, str]]:
        return [("x", "import x\n")]

    with pytest.raises(CorefileError, match="too many imports"):
        parse_blocks("import x", environment={}, importer=importer)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (".", ServerKey("dns", ".", 53)),
        ("example.ORG", ServerKey("dns", "example.org.", 53)),
        (".:1053", ServerKey("dns", ".", 1053)),
        ("dns://a.b:5", ServerKey("dns", "a.b.", 5)),
        ("tls://.", ServerKey("tls", ".", 853)),
        ("10.0.0.0/24", ServerKey("dns", "0.0.10.in-addr.arpa.", 53)),
        ("2001:db8::/32", ServerKey("dns", "8.b.d.0.1.0.0.2.ip6.arpa.", 53)),
    ],
)
def test_keys(text: str, key: ServerKey) -> None:
    assert parse_key(Token(text, 1, 1)) == [key]


def test_a_range_that_ends_inside_a_label_is_several_zones() -> None:
    assert normalize_zones("10.0.0.0/15") == ["0.10.in-addr.arpa.", "1.10.in-addr.arpa."]


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, environment={})
    except CorefileError:
        pass


WORDS = st.sampled_from(
    [".", "{", "}", "\n", "errors", "cache", "30", "forward", "10.0.0.1", "kubernetes", "cluster.local", "import",
     "(x)", "x", '"', "#", ",", "ttl", "health", "lameduck", "5s", "log", "reload", "{$A}", "a.org:53", "bind"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    try:
        parse(" ".join(words), environment={})
    except CorefileError:
        pass
