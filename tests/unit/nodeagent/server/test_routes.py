import pytest

from nodeagent.server.routes import (
    Attach,
    BadQuery,
    ContainerLogs,
    Exec,
    LogOptions,
    Plain,
    PortForward,
    Streams,
    log_options,
    parse_target,
    streams,
)


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/containerLogs/ns/pod/c", ContainerLogs("ns", "pod", "c")),
        ("/exec/ns/pod/c?command=ls&command=-l%20x", Exec("ns", "pod", "c", ("ls", "-l x"))),
        ("/exec/ns/pod/uid/c?command=ls", Exec("ns", "pod", "c", ("ls",))),
        ("/attach/ns/pod/c", Attach("ns", "pod", "c")),
        ("/portForward/ns/pod?port=80&port=81", PortForward("ns", "pod", (80, 81))),
        ("/healthz", Plain("healthz")),
        ("/stats/summary", Plain("stats/summary")),
        ("/exec/ns/pod", None),
        ("/", None),
    ],
)
def test_the_kubelets_paths(target, route):
    assert parse_target(target)[0] == route


def test_both_names_of_the_streams_are_taken_and_a_terminal_has_no_stderr():
    _, query = parse_target("/exec/n/p/c?input=1&output=1&error=1")
    assert streams(query) == Streams(stdin=True, stdout=True, stderr=True, tty=False)
    _, query = parse_target("/exec/n/p/c?stdin=true&stdout=true&stderr=true&tty=true")
    assert streams(query) == Streams(stdin=True, stdout=True, stderr=False, tty=True)


def test_log_options():
    _, query = parse_target("/containerLogs/n/p/c?follow=true&tailLines=5&previous=false&sinceSeconds=9")
    assert log_options(query) == LogOptions(follow=True, tail_lines=5, since_s=9)


@pytest.mark.parametrize("target", ["/portForward/n/p?port=x", "/portForward/n/p?port=0"])
def test_a_bad_port_is_refused(target):
    with pytest.raises(BadQuery):
        parse_target(target)


def test_a_bad_number_is_refused():
    _, query = parse_target("/containerLogs/n/p/c?tailLines=many")
    with pytest.raises(BadQuery, match="tailLines"):
        log_options(query)
