"""What to do about an image a container asks for, and what to tell the user when it cannot be had."""

from typing import NamedTuple

from nodeagent.images.reference import InvalidReference, Reference, default_pull_policy, parse_reference

BACKOFF_FIRST_S = 10.0
BACKOFF_LIMIT_S = 300.0


class UsePresent(NamedTuple):
    """The image is here and the policy is content with it."""


class TryPull(NamedTuple):
    """Ask the registry; if it cannot be reached and the image is here, use what is here and say so."""

    reference: Reference
    present: bool


class Refuse(NamedTuple):
    """Nothing can be done: `reason` and `message` go into the container's waiting state."""

    reason: str
    message: str


Step = UsePresent | TryPull | Refuse


def decide(image: str, policy: str, *, present: bool) -> Step:
    """`policy` is Always, IfNotPresent, Never or "" for the default (core/v1 PullPolicy)."""
    try:
        reference = parse_reference(image)
    except InvalidReference as error:
        return Refuse("InvalidImageName", f'Failed to apply default image tag "{image}": {error}')
    if reference.builtin:
        if present:
            return UsePresent()
        return Refuse(
            "ErrImagePull", f'"{image}" is no built-in image: there are podnet/toolbox and podnet/host'
        )
    wanted = policy or default_pull_policy(reference)
    if wanted == "Never":
        if present:
            return UsePresent()
        return Refuse(
            "ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never'
        )
    if present and wanted == "IfNotPresent":
        return UsePresent()
    return TryPull(reference, present)


def pull_error(image: str, cause: str) -> str:
    """The message of ErrImagePull: what failed, and what to do where there is no registry."""
    return (
        f'failed to pull image "{image}": {cause}; without a registry: '
        f"`klab image import FILE` (or `knode image import FILE` on the node) takes an OCI or docker archive"
    )


def backoff_message(image: str, cause: str) -> str:
    return f'Back-off pulling image "{image}": {cause}'


def next_delay_s(delay_s: float) -> float:
    """The wait after one more failed pull: 10 s doubling to 5 minutes, as the kubelet waits."""
    return min(max(delay_s * 2, BACKOFF_FIRST_S), BACKOFF_LIMIT_S)
