"""Request bodies: from JSON, YAML or protobuf to an object of the expected type."""

from contextlib import suppress
from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import Kind, protobuf
from kube.apiserver.kinds.schema import duplicate_fields, read
from kube.apiserver.requests.limits import MAX_BYTES, check_depth, check_yaml_depth, is_deep, too_deep
from kube.apiserver.requests.request import Object, Request

PROTOBUF = "application/vnd.kubernetes.protobuf"
_ACCEPTED = ("application/json", "application/yaml", PROTOBUF)
_MAX_EXPANDED = 200_000  # values of one YAML document, aliases written out
_SUMMARY_BYTES = 30
_DECODER = msgspec.json.Decoder()


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def parse(request: Request, kind: str = "") -> Any:
    """The body, of a kind if one is expected, as JSON values; StatusError 400, 413, 415."""
    if len(request.body) > MAX_BYTES:
        raise status.too_large_entity(MAX_BYTES)
    match media_type(request):
        case "" | "application/json":
            return parse_json(request.body, kind)
        case "application/yaml":
            return parse_yaml(request.body)
        case media if media == PROTOBUF:
            try:
                return protobuf.decode(request.body)
            except ValueError as error:
                raise status.bad_request(f"cannot decode the protobuf body: {error}") from error
        case _:
            raise status.unsupported_media_type(_ACCEPTED)


def parse_json(body: bytes, kind: str = "") -> Any:
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        why = f"couldn't get version/kind; json parse error: {_json_fault(body, error)}"
        if kind:
            why = f"the object provided is unrecognized (must be of type {kind}): {why} ({_summary(body)})"
        raise status.bad_request(why) from error
    check_depth(found, body)
    return found


def _json_fault(body: bytes, error: Exception) -> str:
    """What is wrong, as Go says it where that is simple."""
    text = body.lstrip(b" \t\r\n")
    if not text or "truncated" in str(error):
        return "unexpected end of JSON input"
    first = text.decode("utf-8", "replace")[0]
    if first not in '{["-0123456789tfn':
        shown = "\\'" if first == "'" else first
        return f"invalid character '{shown}' looking for beginning of value"
    return str(error)


def _summary(body: bytes) -> str:
    """The beginning of a body, in hex where it is not even the beginning of an object."""
    if not body:
        return "<empty>"
    start = body[:_SUMMARY_BYTES]
    shown = start.decode("utf-8", "replace") if body[:1] == b"{" else start.hex()
    return shown + (" ..." if len(body) > _SUMMARY_BYTES else "")


def parse_yaml(body: bytes) -> Any:
    """JSON, which many send as YAML, is read as such: a hundred times faster."""
    import yaml

    if body[:1] == b"{":
        with suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found = _DECODER.decode(body)
            check_depth(found, body)
            return found
    try:
        check_yaml_depth(body)
        found = yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        excessive = b"*" in body and _expanded(found, {}) > _MAX_EXPANDED
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise status.bad_request(f"error converting YAML to JSON: {error}") from error
    if excessive:
        raise status.bad_request("error converting YAML to JSON: yaml: document contains excessive aliasing")
    if is_deep(found):
        raise too_deep()
    return found


def _expanded(value: Any, known: dict[int, int]) -> int:
    """How many values there are when each alias is written out; what contains itself raises RecursionError."""
    if not isinstance(value, dict | list):
        return 1
    size = known.get(id(value))
    if size is None:
        items = value.values() if isinstance(value, dict) else value
        size = known[id(value)] = 1 + sum(_expanded(item, known) for item in items)
    return size


def doubled_yaml_keys(body: bytes, obj: Any) -> list[str]:
    """A sentence for each key that a map of the YAML document `body`, decoded as `obj`, gives twice."""
    import yaml

    if body[:1] == b"{" and not duplicate_fields(body, obj):
        return []
    root = yaml.compose(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    found: list[tuple[int, str]] = []
    waiting, visited = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    line = key.start_mark.line + 1
                    found.append((line, f"line {line}: key {status.quote(key.value)} already set in map"))
                if isinstance(key, yaml.ScalarNode):
                    seen.add(key.value)
                waiting.append(value)
    return [sentence for _, sentence in sorted(found)]


def typed_object(request: Request, api_version: str, kind: str) -> tuple[Object, list[str]]:
    """The object, of the expected apiVersion and kind (filled in when absent), and its doubled fields."""
    obj = parse(request, kind)
    if not isinstance(obj, dict):
        raise status.bad_request(
            f"the object provided is unrecognized (must be of type {kind}): it is not an object"
        )
    check_type(obj, api_version, kind)
    twice = duplicate_fields(request.body, obj) if media_type(request) in ("", "application/json") else []
    return obj, twice


def check_type(obj: Object, api_version: str, kind: str) -> None:
    found_version, found_kind = obj.get("apiVersion") or api_version, obj.get("kind") or kind
    if found_version != api_version:
        raise status.bad_request(
            f"the API version in the data ({found_version}) does not match the expected API version ({api_version})"
        )
    if found_kind != kind:
        raise status.bad_request(
            f"the kind in the data ({found_kind}) does not match the expected kind ({kind})"
        )
    obj["apiVersion"], obj["kind"] = api_version, kind


def object_of(request: Request, kind: Kind) -> tuple[Object, list[str]]:
    if kind.custom is not None and media_type(request) == PROTOBUF:
        raise status.unsupported_media_type(_ACCEPTED[:2])
    return typed_object(request, kind.api_version, kind.kind)


def subresource_of(request: Request, api_version: str, kind: str) -> Object:
    """What is asked of a subresource, or a review: of the kind, every field of its type. StatusError 400."""
    obj, _ = typed_object(request, api_version, kind)
    group, _, version = api_version.rpartition("/")
    read(f"io.k8s.api.{group.partition('.')[0] or 'core'}.{version}.{kind}", obj)
    return obj


def delete_options_of(request: Request) -> Object | None:
    """The body of a DELETE; None where there is none. StatusError 400."""
    if not request.body:
        return None
    body = parse(request)
    if body is None:
        return None
    if not isinstance(body, dict) or body.get("kind", "DeleteOptions") != "DeleteOptions":
        raise status.bad_request("the body of a DELETE must be DeleteOptions")
    read("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", body)
    return body


def copy_of(obj: Object) -> Object:
    """A deep copy of JSON values; the fastest there is."""
    return msgspec.json.decode(msgspec.json.encode(obj), type=dict[str, Any])
