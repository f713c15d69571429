"""What a restarted agent begins with."""

import msgspec

from nodeagent.places import Places
from nodeagent.pods.disk import load_pods, save_container, save_sandbox
from nodeagent.runtime.records import SandboxRecord

SANDBOX = SandboxRecord(
    pod_uid="u1",
    pod_namespace="d",
    pod_name="p",
    id="u1-0",
    created_at="2026-01-01T00:00:00Z",
    host_network=True,
)


def test_a_sandbox_that_was_not_finished_is_made_anew(tmp_path, record):
    places = Places(str(tmp_path / "root"), str(tmp_path / "run"))
    save_container(places, "u1", record())
    save_sandbox(places, msgspec.structs.replace(SANDBOX, made=False))
    assert load_pods(places)["u1"].sandbox is None
    save_sandbox(places, SANDBOX)
    found = load_pods(places)["u1"]
    assert found.sandbox == SANDBOX
    assert [each.id for each in found.containers] == ["main-0"]


def test_a_sandbox_whose_namespace_is_gone_is_lost_unless_it_has_ended(tmp_path):
    places = Places(str(tmp_path / "root"), str(tmp_path / "run"))
    gone = msgspec.structs.replace(SANDBOX, netns=str(tmp_path / "none"))
    save_sandbox(places, gone)
    assert load_pods(places)["u1"].sandbox is None
    save_sandbox(places, msgspec.structs.replace(gone, torn_down=True))
    assert load_pods(places)["u1"].sandbox is not None


def test_half_a_record_is_no_record(tmp_path):
    places = Places(str(tmp_path / "root"), str(tmp_path / "run"))
    folder = tmp_path / "run" / "pods" / "u1" / "c" / "main.0"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text('{"name": "ma')
    assert load_pods(places)["u1"].containers == ()
