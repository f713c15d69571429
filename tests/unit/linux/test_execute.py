"""Running a program without the subprocess module."""

import os
import signal

import pytest

from linux.execute import execute, find

ENV = {"PATH": "/usr/bin:/bin", "MARK": "here"}


def sh(script, **options):
    return execute(["/bin/sh", "-c", script], env=ENV, timeout_s=10, **options)


def test_both_streams_and_the_status():
    assert sh("echo out; echo err >&2; exit 3") == (b"out\n", b"err\n", 3)


def test_the_environment_is_exactly_what_is_given():
    assert sh("echo $MARK $HOME").stdout == b"here\n"


def test_more_than_a_pipe_holds_goes_both_ways():
    data = os.urandom(1 << 20)
    assert execute(["/bin/cat"], stdin=data, env=ENV, timeout_s=10).stdout == data


def test_a_program_that_does_not_read_its_input():
    assert sh("exit 0", stdin=b"x" * (1 << 20)).code == 0


def test_a_signal_is_a_negative_status():
    assert sh("kill -9 $$").code == -signal.SIGKILL


def test_a_program_that_does_not_end_is_killed():
    with pytest.raises(TimeoutError, match="did not end within"):
        execute(["/bin/sleep", "10"], env=ENV, timeout_s=0.05)


def test_an_absent_program():
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        execute(["/absent/program"], env=ENV, timeout_s=1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_finding():
    assert find("sh", "/nowhere") == find("sh", "")
    assert find("podnet-no-such-program") is None
    assert find("/bin/sh") == "/bin/sh"
