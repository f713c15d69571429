import pytest

from nodeagent.runtime.trial import NoRuntime, candidates, choose

INSTALLED = {"runc": "/usr/sbin/runc", "crun": "/usr/bin/crun"}


def offered(wanted="auto", installed=INSTALLED):
    return candidates(wanted, installed.get)


def test_cgroups_are_tried_with_every_runtime_before_doing_without():
    assert [(c.name, c.cgroups) for c in offered()] == [
        ("runc", True),
        ("crun", True),
        ("runc", False),
        ("crun", False),
    ]


def test_the_first_that_really_starts_is_chosen_and_the_others_errors_are_told():
    refuses = {("runc", True): "hidden", ("crun", True): "hybrid"}
    verdict = choose(offered(), lambda c: refuses.get((c.name, c.cgroups), ""), "auto")
    assert (verdict.candidate.name, verdict.candidate.arguments) == ("runc", ("--rootless", "true"))
    assert verdict.note == "runc: hidden; crun: hybrid; containers run without cgroup limits"
    assert choose(offered(), lambda _: "", "auto").note == ""


def test_no_runtime_is_an_error_that_says_what_to_do():
    with pytest.raises(NoRuntime, match="apt-get install -y runc"):
        choose(offered(installed={}), lambda _: "", "auto")
    with pytest.raises(NoRuntime, match="crun: broken; crun without cgroups: broken"):
        choose(offered("crun"), lambda _: "broken", "crun")
