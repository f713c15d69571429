import json

import pytest

from nodeagent.server.channels import (
    EXEC_PROTOCOLS,
    Data,
    End,
    Resize,
    choose_protocol,
    exit_status,
    parse,
    runtime_exit_code,
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\x00abc", Data(0, b"abc")),
        (b"\xff\x00", End(0)),
        (b'\x04{"Width":80,"Height":24}', Resize(80, 24)),
        (b"\x04nonsense", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_messages_of_a_client(message, expected):
    assert parse(message) == expected


def test_the_newest_common_subprotocol_is_chosen():
    assert choose_protocol(["v4.channel.k8s.io", " v5.channel.k8s.io"], EXEC_PROTOCOLS) == "v5.channel.k8s.io"
    assert choose_protocol(["v4.channel.k8s.io"], EXEC_PROTOCOLS) == "v4.channel.k8s.io"
    assert choose_protocol(["chat"], EXEC_PROTOCOLS) is None


def test_exit_codes_are_told_as_kubectl_reads_them():
    assert json.loads(exit_status(0)) == {"metadata": {}, "status": "Success"}
    failure = json.loads(exit_status(3))
    assert failure["reason"] == "NonZeroExitCode"
    assert failure["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


@pytest.mark.parametrize(
    ("code", "error", "expected"),
    [
        (255, 'exec: "x": executable file not found in $PATH', 127),
        (255, "permission denied", 126),
        (255, "", 255),
        (3, "not found", 3),
    ],
)
def test_what_never_started_has_the_shells_code(code, error, expected):
    assert runtime_exit_code(code, error) == expected


def test_the_first_protocol_speaks_only_of_failure_and_in_words():
    assert exit_status(0, "channel.k8s.io") == b""
    assert b"exit status 3" in exit_status(3, "channel.k8s.io")
