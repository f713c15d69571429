"""Which network a pod gets: the four that container users know. Pure.

| wanted | how a pod says it |
| --- | --- |
| bridge | nothing: the node's CNI network |
| host | `spec.hostNetwork: true` |
| none | annotation `podnet.internal/network: none`: a loopback and nothing else |
| another pod's | annotation `podnet.internal/network: pod:NAME`, of the same namespace and on the same node |

The host's is not to be had by annotation: who may give it is decided by those who look at hostNetwork.
"""

from typing import NamedTuple, TypeAlias

from kube.objects import Pod

ANNOTATION = "podnet.internal/network"
_OTHER_POD = "pod:"


class InvalidNetwork(ValueError):
    """What the annotation says is not known, or does not go together with the rest of the pod."""


class Attached(NamedTuple):
    """To the CNI network."""


class Host(NamedTuple):
    """The node's own."""


class Alone(NamedTuple):
    """With nobody."""


class Joined(NamedTuple):
    """The namespace of another pod; what happens to that one's interfaces happens to this one."""

    pod: str


NetworkMode: TypeAlias = Attached | Host | Alone | Joined


def network_mode(pod: Pod) -> NetworkMode:
    """Raises InvalidNetwork."""
    word = pod.metadata.annotations.get(ANNOTATION, "")
    if pod.spec.host_network:
        if word:
            raise InvalidNetwork(f"annotation {ANNOTATION}={word!r} and hostNetwork exclude each other")
        return Host()
    if word in {"", "bridge"}:
        return Attached()
    if word == "none":
        return Alone()
    name = word.removeprefix(_OTHER_POD)
    if name in {"", word, pod.metadata.name}:
        raise InvalidNetwork(f"annotation {ANNOTATION}={word!r}: it may be bridge, none, or pod:NAME")
    return Joined(name)


def waits_for_network(pod: Pod) -> bool:
    """Whether the pod cannot start before the node's CNI network is configured."""
    return not pod.spec.host_network and pod.metadata.annotations.get(ANNOTATION, "bridge") == "bridge"
