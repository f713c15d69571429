"""What Go's own text/template makes of these (Go 1.26): the results below are its results."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.templates.parse import parse
from dns.templates.run import FUNCTIONS, MAX_OUTPUT_CHARS, Fixed, run
from dns.templates.tokens import TemplateError

QUESTION = Fixed(Name="a-10-2.example.", Qtype=1, Qclass=1)
GROUPS = {"0": "a-10-2.example.", "a": "10", "b": "2", "h": "0f", "1": "10", "e": ""}
DATA = Fixed(
    Zone="example.",
    Name="a-10-2.example.",
    Class="IN",
    Type="A",
    Remote="192.0.2.9",
    Match=["a-10-2.example.", "10", "2", "0f"],
    Group=GROUPS,
    Question=QUESTION,
    Message=Fixed(Id=7, Opcode=0, RecursionDesired=True, Question=[QUESTION]),
    Meta=lambda name: "",
)


def text_of(template: str) -> str:
    return run(parse(template, FUNCTIONS), DATA)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}", "a-10-2.example. 60 IN A 10.2"),
        ("{{.Name}}{{ .Zone -}}   x", "a-10-2.example.example.x"),
        ('a  {{- " b " -}}  c', "a b c"),
        ('{{ index .Group "zz" }}|', "|"),
        ("{{ .Group.zz }}", "<no value>"),
        ("{{ parseInt .Group.h 16 8 }}", "15"),
        ('{{ .Group.h | printf "%s-%s" "x" }}', "x-0f"),
        ('{{ if eq .Type "A" "AAAA" }}yes{{ else }}no{{ end }}', "yes"),
        ('{{ if ne .Type "A" }}yes{{ else if eq .Class "IN" }}in{{ else }}no{{ end }}', "in"),
        ("{{ with .Group.e }}e{{ else }}none{{ end }}", "none"),
        ("{{ with .Group.a }}{{ . }}{{ end }}", "10"),
        ("{{ range .Match }}[{{ . }}]{{ end }}", "[a-10-2.example.][10][2][0f]"),
        ("{{ range $i, $m := .Match }}{{ $i }}={{ $m }};{{ end }}", "0=a-10-2.example.;1=10;2=2;3=0f;"),
        (
            "{{ range $i, $m := .Group }}{{ $i }}={{ $m }};{{ end }}",
            "0=a-10-2.example.;1=10;a=10;b=2;e=;h=0f;",
        ),
        (
            '{{ range .Match }}{{ if eq . "10" }}{{ continue }}{{ end }}{{ . }}{{ if eq . "2" }}{{ break }}{{ end }}{{ end }}',
            "a-10-2.example.2",
        ),
        ('{{ $x := .Group.a }}{{ $x }}{{ $x = "7" }}{{ $x }}', "107"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ if $y := .Group.a }}{{ $y }}{{ end }}", "10"),
        ("{{ (index .Match 1) }}.{{ (.Question).Name }}", "10.a-10-2.example."),
        (
            "{{ .Message.Id }} {{ .Message.RecursionDesired }} {{ .Question.Qtype }} {{ (index .Message.Question 0).Name }}",
            "7 true 1 a-10-2.example.",
        ),
        ('{{ .Meta "kubernetes/client" }}|', "|"),
        ("{{ len .Name }} {{ len .Match }} {{ len .Group }}", "15 4 6"),
        ("{{ slice .Name 2 4 }} {{ slice .Match 1 2 }} {{ slice .Name 3 }}", "10 [10] 0-2.example."),
        (
            '{{ printf "%03d %x %X %q %5s|%-5s| %v %t" 7 255 "hi" "a\\"b" "ab" "cd" .Match true }}',
            '007 ff 6869 "a\\"b"    ab|cd   | [a-10-2.example. 10 2 0f] true',
        ),
        ('{{ print 1 2 "a" "b" 3 4 }} {{ println "x" 1 }}', "1 2ab3 4 x 1\n"),
        ('{{ and true .Group.e }}|{{ or .Group.e "d" }}|{{ not .Group.e }}', "|d|true"),
        ('{{ lt 1 2 }} {{ le 2 2 }} {{ gt "a" "b" }} {{ ge 3 2 }}', "true true false true"),
        ("{{/* comment */}}x{{- /* other */ -}} y", "xy"),
        ("{{ \"a\\tb\\x41\\u00e9\" }} {{ `raw \\n` }} {{ 'a' }}", "a\tbAé raw \\n 97"),
        ("{{ 0x10 }} {{ 010 }} {{ 1.5 }} {{ -3 }} {{ 2.0 }}", "16 8 1.5 -3 2"),
        ('{{ printf "%v" nil }}', "<nil>"),
        ('{{ "x" | .Meta }}', ""),
        (
            "{{ .Match }} {{ .Group }}",
            "[a-10-2.example. 10 2 0f] map[0:a-10-2.example. 1:10 a:10 b:2 e: h:0f]",
        ),
        ('{{ html "<a&b>" }} {{ urlquery "a b/c" }}', "&lt;a&amp;b&gt; a+b%2Fc"),
        ("{{ .Name|len }}", "15"),
        ('{{ index .Match 1 | printf "%s!" }}', "10!"),
        ('{{ printf "%d" (parseInt .Group.a 10 32) }}', "10"),
        ("{{ $.Name }}", "a-10-2.example."),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ('{{ if and (eq .Type "A") (ne .Class "CH") }}ok{{ end }}', "ok"),
        ('{{ .Name}} 60 IN TXT "{{ .Remote }}"', 'a-10-2.example. 60 IN TXT "192.0.2.9"'),
        ("{{- .Name -}}", "a-10-2.example."),
        ("{{ index .Match }}", "[a-10-2.example. 10 2 0f]"),
        ("{{ range $k := .Match }}{{ $k }}{{ end }}", "a-10-2.example.1020f"),
        ("{{ index .Name 0 }}", "97"),
    ],
)
def test_texts(template: str, text: str) -> None:
    assert text_of(template) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ $z }}",
        "{{ nosuch }}",
        "{{ .Name",
        "{{ end }}",
        "{{ if .Name }}x",
        "{{ if .Name }}{{ else }}{{ else }}{{ end }}",
        '{{ "x" | "y" }}',
        "{{ }}",
        "{{ break }}",
        "{{ (1 }}",
        '{{ "unterminated }}',
        "{{ with $x := .Group.a }}{{ $x }}{{ . }}{{ end }}{{ $x }}",
    ],
)
def test_what_is_no_template(template: str) -> None:
    with pytest.raises(TemplateError):
        parse(template, FUNCTIONS)


@pytest.mark.parametrize(
    "template",
    [
        '{{ index .Match 1 }} {{ index .Group "a" }} {{ index .Match 9 }}',
        "{{ .Grup.d }}",
        '{{ parseInt "1ff" 16 8 }}',
        '{{ parseInt "-1" 10 8 }}',
        '{{ parseInt "1_0" 10 8 }}',
        "{{ parseInt }}",
        "{{ range .Group.e }}x{{ else }}empty{{ end }}",
        "{{ slice .Name 5 2 }}",
        '{{ lt 1 "a" }}',
        '{{ eq 1 "a" }}',
        "{{ true }} {{ nil }}",
        "{{ .Name .Zone }}",
        "{{ .Name.Foo }}",
        "{{ not }}",
        "{{ eq 1 }}",
        "{{ len 3 }}",
        "{{ .Group.a.b }}",
        "{{ and }}",
    ],
)
def test_what_fails_for_this_question(template: str) -> None:
    tree = parse(template, FUNCTIONS)
    with pytest.raises(TemplateError):
        run(tree, DATA)


def test_a_text_without_end_is_cut_off() -> None:
    template = "{{ range 9999 }}{{ range 9999 }}xxxxxxxxxx{{ end }}{{ end }}"
    with pytest.raises(TemplateError, match="too long"):
        text_of(template)
    assert MAX_OUTPUT_CHARS < 1 << 20


words = st.sampled_from(
    (
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        ".",
        ".Name",
        ".Group.a",
        "index",
        ".Match",
        "1",
        '"x"',
        "`y`",
        "|",
        "(",
        ")",
        "if",
        "else",
        "end",
        "range",
        "with",
        "$x",
        ":=",
        "=",
        ",",
        "eq",
        "len",
        "printf",
        "parseInt",
        "/*",
        "*/",
        "'a'",
    )
)


@settings(max_examples=500, deadline=None)
@given(st.lists(words, max_size=24).map("".join) | st.text(max_size=60))
def test_any_text_is_a_template_or_said_not_to_be(text: str) -> None:
    for template in (text, "{{ " + text + " }}"):
        try:
            text_of(template)
        except TemplateError as problem:
            assert str(problem)
