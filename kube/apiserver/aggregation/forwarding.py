"""Which request goes to which server, and as whom."""

from collections.abc import Iterator
from urllib.parse import quote

from kube.apiserver import status
from kube.apiserver.aggregation.services import Extension
from kube.apiserver.outbound.calls import Place
from kube.apiserver.outbound.places import Unresolved, decoded_ca, of_service
from kube.apiserver.requests.request import ANONYMOUS, Relay, Request, User
from kube.apiserver.state import Api

OPENAPI = "/openapi/v3"


def extension_of(api: Api, path: str) -> Extension | None:
    """Who serves the path, where it is somebody else."""
    inside = path.removeprefix(OPENAPI)
    match inside.split("/"):
        case ["", "apis", group, version, *_]:
            return api.extensions.at(group, version)
        case _:
            return None


def place_of(api: Api, one: Extension) -> Place:
    """Raises Unresolved."""
    ca = decoded_ca(one.ca_bundle)
    return of_service(api, one.namespace, one.service, one.port, one.path, ca, checked=one.checked)


def forwarded(api: Api, one: Extension, request: Request) -> Relay:
    """StatusError 503 while the server does not answer."""
    if not one.available:
        raise status.service_unavailable("service unavailable")
    try:
        place = place_of(api, one)
    except Unresolved as error:
        raise status.service_unavailable("service unavailable") from error
    target = f"{request.path}?{request.raw_query}" if request.raw_query else request.path
    identity = tuple((name, _in_header(value)) for name, value in headers_of(request.user or ANONYMOUS))
    return Relay(place.host, place.port, target, tls="none", headers=identity, place=place)


def _in_header(value: str) -> str:
    """As UTF-8 on the wire. StatusError 400 for a name that would end the header and begin another."""
    if any(char < " " or char == "\x7f" for char in value):
        raise status.bad_request("the user's name or groups have characters that no header can hold")
    return value.encode().decode("latin-1")


def headers_of(user: User) -> Iterator[tuple[str, str]]:
    """Who asks, as the server behind us reads it."""
    yield "X-Remote-User", user.name
    if user.uid:
        yield "X-Remote-Uid", user.uid
    for group in user.groups:
        yield "X-Remote-Group", group
    for name, values in user.extra.items():
        for value in values:
            yield f"X-Remote-Extra-{quote(name, safe='')}", value
