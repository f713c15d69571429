"""Request options: the query of a list, watch or write, and DELETE's body, checked as the server checks them."""

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import Kind
from kube.apiserver.kinds.selectors import FieldSelector, LabelSelector, parse_fields, parse_labels
from kube.apiserver.requests.request import Object, Query
from kube.apiserver.status import GroupName

_LIST_OPTIONS = GroupName("meta.k8s.io", "ListOptions")
_DELETE_OPTIONS = GroupName("meta.k8s.io", "DeleteOptions")
_CREATE_OPTIONS = GroupName("meta.k8s.io", "CreateOptions")
_MANAGER_BYTES = 128
_PROPAGATION = ("Foreground", "Background", "Orphan")
_MATCHES = ("Exact", "NotOlderThan")


class ListOptions(NamedTuple):
    """`revision` None: not given; `start` is the key behind which a continued list goes on."""

    labels: LabelSelector
    fields: FieldSelector
    revision: int | None
    match: str
    limit: int
    start: str
    watch: bool
    bookmarks: bool
    initial_events: bool | None
    timeout_s: int | None


class Token(msgspec.Struct, frozen=True):
    """The continue token's content; rv -1 goes on at the newest revision."""

    v: str
    rv: int
    start: str


def encode_token(revision: int, start: str) -> str:
    content = msgspec.json.encode(Token("meta.k8s.io/v1", revision, start + "\0"))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_token(text: str) -> Token:
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        token = msgspec.json.decode(content, type=Token)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise status.bad_request(f"continue key is not valid: {error}") from error
    if token.v != "meta.k8s.io/v1" or not token.start or token.rv == 0 or token.rv < -1:
        raise status.bad_request("continue key is not valid: incorrect encoded start resourceVersion or key")
    return Token(token.v, token.rv, token.start.removesuffix("\0"))


def revision_of(text: str) -> int:
    """A resourceVersion: uint64 decimal."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= 1 << 64:
        detail = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        error = status.invalid_value("resourceVersion", text, detail)
        raise status.bad_request(f"invalid resource version: {error.message}")
    return int(text)


def list_options(kind: Kind, query: Query, *, watch: bool) -> ListOptions:
    """Raises StatusError with the server's sentences."""
    try:
        labels = parse_labels(query.get("labelSelector"))
        fields = parse_fields(kind, query.get("fieldSelector"))
    except ValueError as error:
        raise status.bad_request(str(error)) from error
    version, match, token = (
        query.get("resourceVersion"),
        query.get("resourceVersionMatch"),
        query.get("continue"),
    )
    initial = query.flag("sendInitialEvents") if "sendInitialEvents" in query else None
    errors = _watch_errors(match, initial, query) if watch else _list_errors(version, match, token, initial)
    if errors:
        raise status.invalid(_LIST_OPTIONS, "", errors)
    revision = revision_of(version) if version else None
    start = ""
    if token and not watch:
        if version and version != "0":
            raise status.bad_request("specifying resource version is not allowed when using continue")
        decoded = decode_token(token)
        revision, start = (decoded.rv if decoded.rv > 0 else None), decoded.start
        match = "Exact" if decoded.rv > 0 else ""
    return ListOptions(
        labels=labels,
        fields=fields,
        revision=revision,
        match=match,
        limit=min(max(_number(query, "limit") or 0, 0), 1 << 62),
        start=start,
        watch=watch,
        bookmarks=query.flag("allowWatchBookmarks"),
        initial_events=initial,
        timeout_s=_number(query, "timeoutSeconds"),
    )


def _number(query: Query, name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _list_errors(version: str, match: str, token: str, initial: bool | None) -> list[status.FieldError]:
    field = "resourceVersionMatch"
    if initial is not None:
        return [status.forbidden_value("sendInitialEvents", "sendInitialEvents is forbidden for list")]
    if not match:
        return []
    if match not in _MATCHES:
        return [status.not_supported(field, match, (*_MATCHES, ""))]
    if token:
        return [status.forbidden_value(field, "resourceVersionMatch is forbidden when continue is provided")]
    if not version:
        return [
            status.forbidden_value(
                field, "resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
        ]
    if match == "Exact" and version == "0":
        return [
            status.forbidden_value(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
        ]
    return []


def _watch_errors(match: str, initial: bool | None, query: Query) -> list[status.FieldError]:
    field = "resourceVersionMatch"
    if initial is None:
        if match:
            return [
                status.forbidden_value(
                    field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
                )
            ]
        return []
    if not match:
        detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        return [status.forbidden_value(field, detail)]
    if match != "NotOlderThan":
        return [status.not_supported(field, match, ("NotOlderThan",))]
    if initial and not query.flag("allowWatchBookmarks"):
        return []
    return []


class WriteOptions(NamedTuple):
    """How a create, update or patch is to be done."""

    dry_run: bool
    validation: str  # Strict, Warn, Ignore
    manager: str
    force: bool | None


def write_options(query: Query, user_agent: str) -> WriteOptions:
    validation = query.get("fieldValidation") or "Warn"
    errors = []
    if validation not in ("Ignore", "Strict", "Warn"):
        errors.append(status.not_supported("fieldValidation", validation, ("", "Ignore", "Strict", "Warn")))
    if len(query.get("fieldManager").encode()) > _MANAGER_BYTES:
        errors.append(status.too_long("fieldManager", _MANAGER_BYTES))
    dry_run = dry_run_of(query.all("dryRun"), errors)
    if errors:
        raise status.invalid(_CREATE_OPTIONS, "", errors)
    manager = query.get("fieldManager") or user_agent.partition("/")[0][:_MANAGER_BYTES] or "unknown"
    return WriteOptions(dry_run, validation, manager, query.flag("force") if "force" in query else None)


def dry_run_of(values: tuple[str, ...] | list[str], errors: list[status.FieldError]) -> bool:
    wrong = [value for value in values if value not in ("", "All")]
    if wrong:
        errors.append(status.not_supported("dryRun", wrong, ("All",)))
    return "All" in values


class DeleteOptions(NamedTuple):
    """`propagation` empty: the kind's default, which is Background."""

    dry_run: bool = False
    grace_s: int | None = None
    propagation: str = ""
    uid: str | None = None
    revision: str | None = None


def delete_options(query: Query, body: Object | None) -> DeleteOptions:
    """The body's options, or the query's when there is no body."""
    given: dict[str, Any] = dict(body or {})
    if not given:
        if "gracePeriodSeconds" in query:
            given["gracePeriodSeconds"] = _number(query, "gracePeriodSeconds")
        if "propagationPolicy" in query:
            given["propagationPolicy"] = query.get("propagationPolicy")
        if "orphanDependents" in query:
            given["orphanDependents"] = query.flag("orphanDependents")
    errors: list[status.FieldError] = []
    policy, orphan = given.get("propagationPolicy"), given.get("orphanDependents")
    if policy is not None and orphan is not None:
        errors.append(
            status.invalid_value(
                "propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"
            )
        )
    elif policy and policy not in _PROPAGATION:
        errors.append(status.not_supported("propagationPolicy", policy, (*_PROPAGATION, "nil")))
    dry_run = dry_run_of([*query.all("dryRun"), *(given.get("dryRun") or ())], errors)
    grace = given.get("gracePeriodSeconds")
    if errors:
        raise status.invalid(_DELETE_OPTIONS, "", errors)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    preconditions = given.get("preconditions") or {}
    return DeleteOptions(
        dry_run=dry_run,
        grace_s=max(int(grace), 0) if grace is not None else None,
        propagation=policy or "",
        uid=preconditions.get("uid"),
        revision=preconditions.get("resourceVersion"),
    )
