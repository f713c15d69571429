import pytest

from nodeagent.images.manifest import ImageConfig
from nodeagent.pods.launch import NoCommand, Surroundings, command, launch
from nodeagent.runtime.spec import Mount, User

IMAGE = ImageConfig(entrypoint=("/entry",), cmd=("serve",), working_dir="/srv")


def container(pod, **fields):
    return pod(containers=[{"name": "main", "image": "i", **fields}]).spec.containers[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("/entry", "serve")),
        ({"args": ["a", "$(X)"]}, ("/entry", "a", "1")),
        ({"command": ["run"]}, ("run",)),
        ({"command": ["run"], "args": ["a"]}, ("run", "a")),
    ],
)
def test_command_and_args_replace_the_images(pod, fields, expected):
    assert command(container(pod, **fields), IMAGE, {"X": "1"}) == expected


def test_nothing_to_run_is_an_error(pod):
    with pytest.raises(NoCommand, match="no command specified"):
        command(container(pod), ImageConfig(), {})


def test_a_volume_at_a_path_of_ours_takes_its_place(pod):
    spec = pod()
    own = Mount("/etc/hosts", "/mine")
    around = Surroundings(
        rootfs="/r",
        user=User(),
        environment={"A": "1"},
        volume_mounts=(own, Mount("/dev/shm", "/big")),
        etc_mounts=(Mount("/etc/hosts", "/ours"), Mount("/etc/hostname", "/ours2")),
        shm_dir="/shm",
        namespaces=(),
        cgroup_path="",
        node_memory_bytes=1,
        available_capabilities=frozenset({"CHOWN", "SYS_ADMIN"}),
    )
    made = launch(spec, spec.spec.containers[0], IMAGE, around)
    assert [m.source for m in made.mounts] == ["/ours2", "/mine", "/big"]
    assert (made.shm_dir, made.cwd, made.env, made.capabilities) == ("", "/srv", ("A=1",), ("CHOWN",))
