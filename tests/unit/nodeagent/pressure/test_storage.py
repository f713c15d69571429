"""Pods over their share of the disk."""

from nodeagent.places import Places
from nodeagent.pressure.storage import excess, size_bytes


def test_an_empty_dir_over_its_limit(pod, record, runtime, tmp_path):
    places = Places(str(tmp_path), str(tmp_path))
    made = pod(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "64Ki"}}])
    folder = tmp_path / "pods" / "u1" / "volumes" / "v" / "deep"
    folder.mkdir(parents=True)
    (folder / "x").write_bytes(b"x" * 4096)
    assert excess(places, made, runtime(record())) == ""
    (folder / "y").write_bytes(b"x" * 131072)
    assert (
        excess(places, made, runtime(record())) == 'Usage of EmptyDir volume "v" exceeds the limit "64Ki". '
    )


def test_a_container_over_its_limit_counts_layer_and_logs(pod, record, runtime, tmp_path):
    places = Places(str(tmp_path), str(tmp_path))
    limited = {"name": "main", "resources": {"limits": {"ephemeral-storage": "64Ki"}}}
    made = pod(containers=[limited])
    assert excess(places, made, runtime(record())) == ""
    log = tmp_path / "pods" / "u1" / "logs" / "main"
    log.mkdir(parents=True)
    (log / "0.log").write_bytes(b"x" * 131072)
    assert "ephemeral storage" in excess(places, made, runtime(record()))
    assert size_bytes(str(tmp_path / "absent")) == 0
