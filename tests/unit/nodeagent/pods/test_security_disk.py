"""Which filter a container gets."""

import pytest

from nodeagent.pods.security_disk import ProfileMissing, apparmor_profile, seccomp_filter

RUNTIME, OPEN = {"type": "RuntimeDefault"}, {"type": "Unconfined"}


def chosen(pod, folder="", *, own=None, whole=None, default=False, **context):
    context |= {"seccompProfile": own} if own else {}
    made = pod(
        containers=[{"name": "main", "securityContext": context}],
        securityContext={"seccompProfile": whole} if whole else {},
    )
    return seccomp_filter(made, made.spec.containers[0], folder, (), default=default)


def test_the_containers_own_profile_comes_before_the_pods(pod):
    assert chosen(pod) is None
    assert chosen(pod, whole=RUNTIME) is not None
    assert chosen(pod, own=OPEN, whole=RUNTIME) is None
    assert chosen(pod, own=RUNTIME, privileged=True) is None


def test_the_node_may_have_a_default(pod):
    assert chosen(pod, default=True) is not None
    assert chosen(pod, own=OPEN, default=True) is None


def test_profiles_of_the_node_are_files(pod, tmp_path):
    (tmp_path / "good.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    (tmp_path / "bad.json").write_text("[]")
    local = {"type": "Localhost", "localhostProfile": "good.json"}
    assert chosen(pod, str(tmp_path), own=local) == {"defaultAction": "SCMP_ACT_ALLOW"}
    for name in ("bad.json", "none.json"):
        with pytest.raises(ProfileMissing, match=name):
            chosen(pod, str(tmp_path), own={**local, "localhostProfile": name})


def test_apparmor_profiles_are_named(pod):
    made = pod(securityContext={"appArmorProfile": {"type": "Localhost", "localhostProfile": "web"}})
    assert apparmor_profile(made, made.spec.containers[0]) == "web"
    assert apparmor_profile(pod(), pod().spec.containers[0]) == ""
