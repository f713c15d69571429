"""Servers on the other side of the calls that the API server makes: functions from a request to an answer."""

import base64
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import msgspec

from kube.apiserver.outbound.calls import CallFailed, Place
from kube.client.transport import Reply, Stream

Object = dict[str, Any]


class Asked(NamedTuple):
    place: Place
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    timeout_s: float


class FarServers:
    """By path; `asked` is what came. An answer that is an int is a status code, one that is a text a failure."""

    def __init__(self, answers: Mapping[str, Callable[[Any], Any]]) -> None:
        self._answers = answers
        self.asked: list[Asked] = []

    async def send(
        self,
        place: Place,
        method: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
    ) -> Reply:
        decoded = msgspec.json.decode(body) if body else None
        self.asked.append(Asked(place, method, query, headers, decoded, timeout_s))
        answer = self._answers[place.path](decoded)
        if isinstance(answer, str):
            raise CallFailed(answer)
        if isinstance(answer, int):
            return Reply(answer, {}, b"")
        return Reply(200, {}, msgspec.json.encode(answer))

    def stream(
        self, place: Place, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Stream]:
        raise CallFailed("no watches here")

    def requests(self, path: str) -> list[Object]:
        """The AdmissionRequests that came to the path."""
        return [asked.body["request"] for asked in self.asked if asked.place.path == path]


def answered(review: Object, **response: Any) -> Object:
    """The AdmissionReview that answers another."""
    return {
        "kind": "AdmissionReview",
        "apiVersion": review["apiVersion"],
        "response": {"uid": review["request"]["uid"], "allowed": True, **response},
    }


def patching(*operations: Object) -> Callable[[Object], Object]:
    text = base64.b64encode(msgspec.json.encode(operations)).decode()
    return lambda review: answered(review, patch=text, patchType="JSONPatch")


def refusing(message: str = "no", **status: Any) -> Callable[[Object], Object]:
    return lambda review: answered(review, allowed=False, status={"message": message, **status})


def allowing(review: Object) -> Object:
    return answered(review)
