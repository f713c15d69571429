"""kube-scheduler's configuration, read as far as it goes."""

from typing import Any

import pytest

from kube.scheduler.config import API_VERSION, ConfigError, parse_config
from kube.scheduler.profile import SchedulerProfile

LAB = SchedulerProfile.named("lab")


def document(**more: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "KubeSchedulerConfiguration", **more}


def test_bin_packing_is_a_few_lines() -> None:
    strategy = {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 2}, {"name": "memory"}]}
    args = {"kind": "NodeResourcesFitArgs", "apiVersion": API_VERSION, "scoringStrategy": strategy}
    profile = {"schedulerName": "packer", "pluginConfig": [{"name": "NodeResourcesFit", "args": args}]}
    found = parse_config(document(profiles=[profile], leaderElection={"leaderElect": True}), LAB)
    assert (found.scheduler_name, found.fit_strategy) == ("packer", "MostAllocated")
    assert found.fit_resources == (("cpu", 2), ("memory", 1))
    assert found.initial_backoff_s == LAB.initial_backoff_s


def test_weights_and_back_off() -> None:
    plugins = {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "ImageLocality", "weight": 9}]}}
    found = parse_config(document(profiles=[{"plugins": plugins}], podMaxBackoffSeconds=3), LAB)
    assert (found.weights.image_locality, found.weights.node_affinity) == (9, 0)
    assert found.max_backoff_s == 3.0


def test_nothing_said_changes_nothing() -> None:
    assert parse_config(document(), LAB) == LAB


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "kind must be"),
        ({"kind": "KubeSchedulerConfiguration", "apiVersion": "v1"}, "apiVersion must be"),
        (document(extenders=[{}]), "extenders is not supported"),
        (document(profiles=[{}, {}]), "one can be served"),
        (document(profiles=[{"plugins": {"filter": {}}}]), "plugins.filter is not supported"),
        (document(profiles=[{"plugins": {"score": {"enabled": [{"name": "Mine"}]}}}]), "Mine scores nothing"),
        (
            document(
                profiles=[
                    {
                        "pluginConfig": [
                            {"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "X"}}}
                        ]
                    }
                ]
            ),
            "scoringStrategy X",
        ),
        (
            document(profiles=[{"pluginConfig": [{"name": "VolumeBinding"}]}]),
            "VolumeBinding are not supported",
        ),
    ],
)
def test_what_is_not_understood_is_named(given: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_config(given, LAB)
