"""The command line as its users meet it."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from dns import cli

COREFILE = """.:1053 {
    errors
    whoami
}
example.org {
    hosts {
        10.0.0.1 a.example.org
    }
}
"""


@pytest.fixture
def corefile(tmp_path: Path) -> str:
    file = tmp_path / "Corefile"
    file.write_text(COREFILE)
    return str(file)


def status(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    return int(str(ended.value.code))


def test_check_names_the_blocks(corefile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("check", corefile) == 0
    assert capsys.readouterr().out == "dns://.:1053: errors whoami\ndns://example.org.:53: hosts\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (". {\n cahce 30\n}", ":2:2: unknown plugin 'cahce': did you mean cache?"),
        (". {\n zzz\n}", ":2:2: unknown plugin 'zzz'\n"),
        (". {\n dnssec\n}", "'dnssec' of CoreDNS is not supported here"),
        (". {\n cache 30 {\n  sucess 1\n }\n}", ":3:3: plugin/cache: unknown option 'sucess'"),
        (". {", ":1:1: this block is never closed"),
    ],
)
def test_check_names_the_first_mistake_and_its_place(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert status("check", "-") == 1
    assert said in capsys.readouterr().err


def test_query_asks_the_block_whose_zone_is_longest(
    corefile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("query", "a.example.org", "--explain", "-conf", corefile) == 0
    out = capsys.readouterr().out
    assert "plugin hosts" in out
    assert "10.0.0.1" in out
    assert "asked of dns://:53, server block example.org." in out


def test_query_says_why_there_is_no_answer(corefile: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("query", "b.example.org", "AAAA", "-conf", corefile) == 1
    assert ";; SERVFAIL, 0 answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("query",), 2, "takes a name"),
        (("query", "a", "B", "c"), 2, "takes a name"),
        (("query", "a.example.org", "BLAH"), 1, "BLAH is no record type"),
        (("check", "a", "b"), 2, "takes one Corefile"),
        (("check", "/nowhere/Corefile"), 1, "no such file"),
        (("query", "a", "-conf", "/nowhere/Corefile"), 1, "there is no Corefile at /nowhere/Corefile"),
        (("-conf", "/nowhere/Corefile"), 1, "there is no Corefile at /nowhere/Corefile"),
        (("-conf",), 2, "needs a value"),
        (("-dns.port", "x", "-conf", "COREFILE"), 2, "a port is a number"),
        (("-memory", "0", "-conf", "COREFILE"), 2, "megabytes are a number"),
        (("--bogus",), 2, "there is no option -bogus"),
        (("frob",), 2, "'frob' is not understood"),
        (("--print-completion", "fish"), 2, "takes bash"),
    ],
)
def test_mistakes_are_one_line_and_say_what_to_do(
    words: tuple[str, ...],
    code: int,
    said: str,
    corefile: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [corefile if word == "COREFILE" else word for word in words]
    if "BLAH" in given:
        given += ["-conf", corefile]
    assert status(*given) == code
    err = capsys.readouterr().err
    assert err.startswith("kdns: ")
    assert said in err
    assert err.count("\n") == (2 if code == 2 else 1)


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("-version",), ("-plugins",), ("-version=true",)])
def test_what_only_tells(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert status(*words) == 0
    assert capsys.readouterr().out


def test_every_flag_of_the_help_is_completed(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--print-completion", "bash") == 0
    script = capsys.readouterr().out
    for name in (cli._WITH_VALUE | cli._FLAGS) - {"h", "help", "p", "pidfile"}:
        assert f"-{name}" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing: apt-get install bash")
def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--print-completion", "bash") == 0
    script = tmp_path / "kdns.bash"
    script.write_text(capsys.readouterr().out)

    def complete(*words: str) -> set[str]:
        line = " ".join(words)
        run = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _shtab_kdns; echo ${{COMPREPLY[@]}}"
        found = subprocess.run(["bash", "-c", run], capture_output=True, text=True, check=True, cwd=tmp_path)
        return set(found.stdout.split())

    assert complete("kdns", "q") == {"query"}
    assert {"-conf", "-dns.port", "-memory"} <= complete("kdns", "-")
    assert "--explain" in complete("kdns", "query", "--")
    (tmp_path / "Corefile.one").touch()
    assert complete("kdns", "-conf", "Coref") == {"Corefile.one"}
