"""The authorizers that `--authorization-mode` names, in its order."""

from collections.abc import Sequence

from kube.apiserver.access.authorization import AlwaysAllow, Authorizer, Chain
from kube.apiserver.access.nodes.authorizer import NodeAuthorizer
from kube.apiserver.access.nodes.references import PodReferences
from kube.apiserver.access.nodes.references import follow as follow_pods
from kube.apiserver.access.rbac.policy import Policy
from kube.apiserver.access.rbac.policy import follow as follow_roles
from kube.store.cache import WatchCache

MODES = ("AlwaysAllow", "Node", "RBAC")


def parse_modes(text: str) -> tuple[str, ...]:
    """`Node,RBAC`. Raises ValueError."""
    modes = tuple(mode.strip() for mode in text.split(","))
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"--authorization-mode {text}: {mode!r} is none of {', '.join(MODES)}")
    if len(set(modes)) < len(modes):
        raise ValueError(f"--authorization-mode {text}: a mode is named twice")
    return modes


def authorizers(modes: Sequence[str], cache: WatchCache) -> tuple[Authorizer, Policy]:
    """They follow what the cache holds; the policy is empty without RBAC."""
    policy = Policy()
    found: list[Authorizer] = []
    for mode in modes:
        match mode:
            case "RBAC":
                follow_roles(cache, policy)
                found.append(policy)
            case "Node":
                references = PodReferences()
                follow_pods(cache, references)
                found.append(NodeAuthorizer(references, cache))
            case _:
                found.append(AlwaysAllow())
    return (found[0] if modes == ("AlwaysAllow",) else Chain(found)), policy
