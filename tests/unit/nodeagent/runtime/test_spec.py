from nodeagent.runtime.spec import (
    ALL_CAPABILITIES,
    DEFAULT_CAPABILITIES,
    Launch,
    Limits,
    capabilities_of_mask,
    granted_capabilities,
    oci_spec,
)

EVERY = frozenset(ALL_CAPABILITIES)
MINIMAL = Launch(args=("true",), env=(), cwd="/", rootfs="/r")


def granted(add=(), drop=(), *, privileged=False, available=EVERY):
    return granted_capabilities(add=add, drop=drop, privileged=privileged, available=available)


def test_capabilities_are_defaults_less_drop_plus_add_within_what_the_agent_has():
    assert set(granted()) == set(DEFAULT_CAPABILITIES)
    assert granted(drop=("ALL",), add=("CAP_NET_ADMIN",)) == ("NET_ADMIN",)
    assert set(granted(add=("ALL",), drop=("SYS_ADMIN",))) == EVERY - {"SYS_ADMIN"}
    assert granted(add=("SYS_TIME",), drop=("ALL",), available=frozenset({"CHOWN"})) == ()
    assert set(granted(privileged=True, available=EVERY - {"SYS_BOOT"})) == EVERY - {"SYS_BOOT"}


def test_capability_masks_are_read_by_bit():
    assert capabilities_of_mask(0b101) == {"CHOWN", "DAC_READ_SEARCH"}


def test_without_a_cgroup_nothing_is_asked_of_one():
    spec = oci_spec(MINIMAL._replace(limits=Limits(memory_bytes=1)))
    assert spec["linux"]["resources"] == {}
    assert "cgroupsPath" not in spec["linux"]
    assert "/sys/fs/cgroup" not in [mount["destination"] for mount in spec["mounts"]]


def test_limits_are_set_in_the_cgroup():
    limits = Limits(memory_bytes=64, cpu_shares=2, cpu_quota_us=1000)
    resources = oci_spec(MINIMAL._replace(cgroup_path="/podnet/x", limits=limits))["linux"]["resources"]
    assert resources["memory"] == {"limit": 64}
    assert resources["cpu"] == {"shares": 2, "quota": 1000, "period": 100_000}
    assert resources["devices"] == [{"allow": False, "access": "rwm"}]


def test_a_privileged_container_sees_all_of_proc_and_may_write_sys():
    spec = oci_spec(MINIMAL._replace(privileged=True, cgroup_path="/podnet/x"))
    assert "maskedPaths" not in spec["linux"]
    sys_mount = next(mount for mount in spec["mounts"] if mount["destination"] == "/sys")
    assert "rw" in sys_mount["options"]
    assert spec["linux"]["resources"]["devices"][0]["allow"]


def test_pinned_namespaces_are_joined_and_the_others_made():
    spec = oci_spec(MINIMAL._replace(namespaces=(("pid", ""), ("network", "/run/ns/net"))))
    assert spec["linux"]["namespaces"] == [{"type": "pid"}, {"type": "network", "path": "/run/ns/net"}]
