"""The default filter of system calls."""

from nodeagent.runtime.seccomp import default_filter


def denied(*capabilities: str) -> set[str]:
    rules = default_filter(capabilities, "x86_64")["syscalls"]
    return {name for rule in rules if "args" not in rule for name in rule["names"]}


def test_calls_that_reach_past_a_container_are_closed():
    assert {"mount", "unshare", "init_module", "reboot", "bpf", "keyctl", "clone3"} <= denied()
    assert not {"clone", "ptrace", "read", "chroot"} & denied()


def test_a_capability_opens_what_it_stands_for():
    assert "reboot" not in denied("SYS_BOOT")
    assert {"mount", "unshare", "clone3", "bpf", "perf_event_open"}.isdisjoint(denied("SYS_ADMIN"))
    assert "keyctl" in denied("SYS_ADMIN")


def test_new_namespaces_are_refused_by_flag_and_threads_are_not():
    rules = [rule for rule in default_filter((), "x86_64")["syscalls"] if "args" in rule]
    flags = [rule["args"][0]["value"] for rule in rules]
    assert all(rule["names"] == ["clone"] for rule in rules)
    assert 0x10000000 in flags  # CLONE_NEWUSER
    assert not any(flag & 0x00010F00 for flag in flags)  # what a thread shares
    assert default_filter(("SYS_ADMIN",), "aarch64")["architectures"][0] == "SCMP_ARCH_AARCH64"
