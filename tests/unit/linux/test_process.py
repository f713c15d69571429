"""Starting programs."""

import asyncio

import pytest

from linux import process


def test_output_input_and_status():
    done = process.run(["cat"], input=b"text")
    assert (done.stdout, done.stderr, done.code) == ("text", "", 0)


def test_a_bad_status_is_an_error_that_names_the_program_and_its_last_words():
    with pytest.raises(process.ProgramFailed, match=r"sh -c .*: exit status 3: second") as caught:
        process.run(["sh", "-c", "echo first >&2; echo second >&2; exit 3"])
    assert caught.value.code == 3


def test_a_bad_status_can_be_wanted():
    assert process.run(["false"], check=False).code == 1


def test_an_absent_program_says_so():
    with pytest.raises(process.ProgramFailed, match="install it or correct PATH") as caught:
        process.run(["podnet-no-such-program"])
    assert caught.value.code == 127


def test_a_program_that_does_not_end_is_killed():
    with pytest.raises(process.ProgramFailed, match=r"no end after 0.05 s"):
        process.run(["sleep", "10"], timeout_s=0.05)


def test_system_folders_are_searched_without_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = process.find("sh")
    assert found is not None
    assert found.startswith("/")


def test_spawn_returns_at_once():
    child = process.spawn(["sleep", "60"])
    try:
        assert child.poll() is None
    finally:
        child.kill()
        assert child.wait() == -9


def test_beside_the_loop_programs_say_the_same_and_are_killed_with_their_children(tmp_path):
    async def act():
        done = await process.run_async(["sh", "-c", "echo said; echo more >&2"])
        assert done == ("said\n", "more\n", 0)
        with pytest.raises(process.ProgramFailed, match="exit status 3: last"):
            await process.run_async(["sh", "-c", "echo last >&2; exit 3"])
        with pytest.raises(process.ProgramFailed, match="install it or correct PATH"):
            await process.run_async(["podnet-no-such-program"])
        with pytest.raises(process.ProgramFailed, match=r"no end after 0.2 s"):
            await process.run_async(["sh", "-c", "sleep 60 & wait"], timeout_s=0.2)

    asyncio.run(act())
