"""The seccomp filter and the AppArmor profile a container asks for."""

import json
from collections.abc import Mapping
from typing import Any

from kube.objects import Pod
from kube.objects.containers import Container, Profile
from nodeagent.runtime.seccomp import default_filter

_APPARMOR = "/sys/module/apparmor/parameters/enabled"


class ProfileMissing(Exception):
    """A profile of type Localhost is not on this node."""


def seccomp_filter(
    pod: Pod, container: Container, folder: str, capabilities: tuple[str, ...], *, default: bool
) -> Mapping[str, Any] | None:
    """The OCI form; None leaves all system calls open. `folder` holds Localhost profiles.

    With `default` who names no profile gets RuntimeDefault. Raises ProfileMissing.
    """
    own, whole = container.security_context, pod.spec.security_context
    profile = (own and own.seccomp_profile) or (whole and whole.seccomp_profile) or None
    if profile is None and default:
        profile = Profile(type="RuntimeDefault")
    if profile is None or profile.type == "Unconfined" or (own and own.privileged):
        return None
    if profile.type == "RuntimeDefault":
        return default_filter(capabilities)
    return _load(profile, folder)


def _load(profile: Profile, folder: str) -> Mapping[str, Any]:
    path = f"{folder}/{profile.localhost_profile}"
    try:
        with open(path, encoding="utf-8") as file:
            body = json.load(file)
    except (OSError, ValueError) as error:
        raise ProfileMissing(f'cannot load seccomp profile "{path}": {error}') from error
    if not isinstance(body, dict) or "defaultAction" not in body:
        raise ProfileMissing(f'cannot load seccomp profile "{path}": it has no defaultAction')
    return body


def apparmor_profile(pod: Pod, container: Container) -> str:
    """The name of a loaded profile, "" for none."""
    own, whole = container.security_context, pod.spec.security_context
    profile = (own and own.app_armor_profile) or (whole and whole.app_armor_profile) or None
    return profile.localhost_profile if profile and profile.type == "Localhost" else ""


def apparmor_enabled() -> bool:
    try:
        with open(_APPARMOR, encoding="ascii") as file:
            return file.read().strip() == "Y"
    except OSError:
        return False
