"""Which user a container's process runs as, from the image's own passwd and group files (pure text)."""

from collections.abc import Iterator

from kube.objects import Pod
from kube.objects.containers import Container
from nodeagent.runtime.spec import User


class UserRefused(Exception):
    """runAsNonRoot forbids what the image asks for, or a name is not in its passwd file."""


def resolve_user(pod: Pod, container: Container, image_user: str, passwd: str, group: str) -> User:
    """SecurityContext of the container, then of the pod, then the image's USER. Raises UserRefused."""
    own, whole = container.security_context, pod.spec.security_context
    uid = _first(own and own.run_as_user, whole and whole.run_as_user)
    gid = _first(own and own.run_as_group, whole and whole.run_as_group)
    name = "" if uid is not None else image_user
    if _first(own and own.run_as_non_root, whole and whole.run_as_non_root):
        _check_non_root(pod, container, uid, image_user)
    named_uid, named_gid, user_name = _lookup(name or str(uid or 0), passwd, group)
    uid = named_uid if uid is None else uid
    gid = named_gid if gid is None else gid
    # Strict: no groups but those the pod names (KEP-3619).
    strict = bool(whole and whole.supplemental_groups_policy == "Strict")
    extra = {
        number
        for line in _rows(group, 4)
        if user_name and not strict and user_name in line[3].split(",")
        for number in [int(line[2])]
    }
    if whole:
        extra |= set(whole.supplemental_groups) | ({whole.fs_group} if whole.fs_group is not None else set())
    return User(uid, gid, tuple(sorted(extra - {gid})))


def _check_non_root(pod: Pod, container: Container, uid: int | None, image_user: str) -> None:
    """RunAsNonRoot: the user has to be known to be another than root before anything starts. Raises UserRefused."""
    meta = pod.metadata
    who = f'(pod: "{meta.name}_{meta.namespace}({meta.uid})", container: {container.name})'
    if uid == 0:
        raise UserRefused(f"container's runAsUser breaks non-root policy {who}")
    name = image_user.partition(":")[0]
    if uid is not None:
        return
    if name and not name.isdigit():
        text = f"image has non-numeric user ({name}), cannot verify user is non-root"
        raise UserRefused(f"container has runAsNonRoot and {text} {who}")
    if int(name or 0) == 0:
        raise UserRefused(f"container has runAsNonRoot and image will run as root {who}")


def _first(*values: object) -> int | None:
    return next((value for value in values if isinstance(value, int)), None)


def _lookup(text: str, passwd: str, group: str) -> tuple[int, int, str]:
    """`user`, `user:group`, names or numbers, as a Dockerfile's USER."""
    user, _, given_group = text.partition(":")
    for row in _rows(passwd, 7):
        if user in (row[0], row[2]):
            uid, gid, name = int(row[2]), int(row[3]), row[0]
            break
    else:
        if not user.isdigit():
            raise UserRefused(f"unable to find user {user}: no matching entries in the image's passwd file")
        uid, gid, name = int(user), 0, ""
    if given_group:
        gid = _group(given_group, group)
    return uid, gid, name


def _group(text: str, group: str) -> int:
    for row in _rows(group, 4):
        if text in (row[0], row[2]):
            return int(row[2])
    if text.isdigit():
        return int(text)
    raise UserRefused(f"unable to find group {text}: no matching entries in the image's group file")


def _rows(text: str, width: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        row = line.split(":")
        if len(row) >= width and row[2].isdigit():
            yield row
