import pytest

from nodeagent.pods.fields import PodFacts
from nodeagent.pods.sources import MissingSource, Ref, Source
from nodeagent.volumes.files import File, is_generated, volume_files

CONFIG = Source({"a.txt": b"one", "b.txt": b"two"})
SOURCES = {Ref("ConfigMap", "cfg"): CONFIG, Ref("Token", "vault", 600): Source({"token": b"jwt"})}


def files(pod, sources=SOURCES, **volume):
    spec = pod(metadata={"labels": {"app": "x"}}, volumes=[{"name": "v", **volume}])
    return volume_files(spec.spec.volumes[0], spec, sources, PodFacts())


def test_all_keys_or_the_chosen_ones(pod):
    assert files(pod, configMap={"name": "cfg"}) == {"a.txt": File(b"one"), "b.txt": File(b"two")}
    items = [{"key": "a.txt", "path": "deep/a", "mode": 0o600}]
    given = {"name": "cfg", "items": items, "defaultMode": 0o444}
    assert files(pod, configMap=given) == {"deep/a": File(b"one", 0o600)}


def test_what_is_missing_is_an_error_unless_optional(pod):
    with pytest.raises(MissingSource, match='secret "s" not found'):
        files(pod, secret={"secretName": "s"})
    assert files(pod, secret={"secretName": "s", "optional": True}) == {}
    with pytest.raises(MissingSource, match="references non-existent config key: z"):
        files(pod, configMap={"name": "cfg", "items": [{"key": "z", "path": "z"}]})


def test_projected_volumes_join_their_sources(pod):
    sources = [
        {"configMap": {"name": "cfg", "items": [{"key": "a.txt", "path": "a"}]}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}},
    ]
    assert files(pod, projected={"sources": sources, "defaultMode": 0o440}) == {
        "a": File(b"one", 0o440),
        "labels": File(b'app="x"', 0o440),
        "token": File(b"jwt", 0o440),
    }


def test_only_api_given_volumes_are_generated(pod):
    spec = pod(volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "downwardAPI": {}}])
    assert [is_generated(v) for v in spec.spec.volumes] == [False, True]
