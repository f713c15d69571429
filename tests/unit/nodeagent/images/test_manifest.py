import hashlib

import pytest

from nodeagent.images.manifest import InvalidImage, chain_ids, image_config, pick_platform, reference_of


def test_chain_ids_follow_the_specification():
    second = hashlib.sha256(b"sha256:a sha256:b").hexdigest()
    assert chain_ids(["sha256:a", "sha256:b"]) == ("sha256:a", f"sha256:{second}")
    assert chain_ids([]) == ()


def test_the_manifest_of_this_platform_is_taken():
    arm = {"platform": {"os": "linux", "architecture": "arm64"}}
    amd = {"platform": {"os": "linux", "architecture": "amd64"}, "digest": "x"}
    assert pick_platform([arm, amd], "amd64") is amd
    with pytest.raises(InvalidImage, match="only linux/arm64"):
        pick_platform([arm], "amd64")


def test_names_come_from_either_annotation():
    assert reference_of({"io.containerd.image.name": "docker.io/a:1"}, "") == "docker.io/a:1"
    assert reference_of({"org.opencontainers.image.ref.name": "a/b:1"}, "") == "a/b:1"
    assert reference_of({"org.opencontainers.image.ref.name": "1"}, "web") == "web:1"


def test_a_config_without_a_run_part_is_empty():
    assert image_config({"config": None}).cmd == ()
    assert image_config({"config": {"Cmd": ["a"], "User": "web"}}).user == "web"
