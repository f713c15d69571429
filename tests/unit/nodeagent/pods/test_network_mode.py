"""Bridge, host, none, another pod's network: how a pod says which."""

import pytest

from kube.objects import ObjectMeta, Pod, PodSpec
from nodeagent.pods.network_mode import (
    ANNOTATION,
    Alone,
    Attached,
    Host,
    InvalidNetwork,
    Joined,
    NetworkMode,
    network_mode,
    waits_for_network,
)


def pod(word: str | None, *, host: bool = False) -> Pod:
    annotations = {} if word is None else {ANNOTATION: word}
    return Pod(metadata=ObjectMeta(name="web", annotations=annotations), spec=PodSpec(host_network=host))


@pytest.mark.parametrize(
    ("asked", "mode", "waits"),
    [
        (pod(None), Attached(), True),
        (pod("bridge"), Attached(), True),
        (pod("none"), Alone(), False),
        (pod("pod:db"), Joined("db"), False),
        (pod(None, host=True), Host(), False),
    ],
)
def test_each_mode_and_whether_the_nodes_network_is_needed_first(
    asked: Pod, mode: NetworkMode, *, waits: bool
) -> None:
    assert network_mode(asked) == mode
    assert waits_for_network(asked) == waits


@pytest.mark.parametrize(
    "asked", [pod("host"), pod("pod:"), pod("pod:web"), pod("weave"), pod("none", host=True)]
)
def test_what_is_not_known_or_not_allowed_is_named(asked: Pod) -> None:
    with pytest.raises(InvalidNetwork, match=ANNOTATION):
        network_mode(asked)
    assert not waits_for_network(asked)
