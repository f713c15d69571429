"""The same requests to a real kube-apiserver and to `kcore apiserver`: codes, reasons, causes, words, filled-in objects."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from kube.client import Client
from tests.lab.kcore_process import Kcore
from tests.lab.kube_apiserver import KubeApiserver
from tests.lab.reference.requests import ASKED, DIFFERING, WORDED_DIFFERENTLY, Asked

pytestmark = pytest.mark.lab

# What depends on the moment, and what the ServiceAccount plugin fills in, which is off in the real server.
_DROPPED = {"uid", "creationTimestamp", "resourceVersion", "managedFields", "generation"}
_DROPPED |= {"serviceAccount", "serviceAccountName", "lastPhaseTransitionTime"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, tuple[Any, Any]]]:
    """By title: of the real server, of ours."""
    with KubeApiserver(tmp_path_factory.mktemp("real")) as real:
        theirs = asyncio.run(_ask_all(real.kubeconfig))
    ours = Kcore(tmp_path_factory.mktemp("ours"), "--authorization-mode", "Node,RBAC")
    ours.start()
    try:
        found = asyncio.run(_ask_all(ours.kubeconfig))
    finally:
        ours.end()
    yield {title: (theirs[title], found[title]) for title in theirs}


async def _ask_all(kubeconfig: Path) -> dict[str, Any]:
    client = Client.from_kubeconfig(str(kubeconfig), user_agent="test")
    try:
        return {asked.title: await _ask(client, asked) for asked in ASKED}
    finally:
        await client.close()


async def _ask(client: Client, asked: Asked) -> Any:
    path, _, query = asked.path.partition("?")
    body = (
        b""
        if asked.body is None
        else asked.body.encode()
        if isinstance(asked.body, str)
        else msgspec.json.encode(asked.body)
    )
    headers = {"accept": asked.accept} | ({"content-type": asked.media} if body else {})
    reply = await client.transport.request(
        asked.method, path, query=dict(parse_qsl(query)), headers=headers, body=body
    )
    try:
        return reply.status, _lasting(msgspec.json.decode(reply.body))
    except msgspec.DecodeError:
        return reply.status, reply.body.decode()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _lasting(item) for name, item in value.items() if name not in _DROPPED}
        return {
            name: item for name, item in kept.items() if item != [] or name not in ("volumes", "volumeMounts")
        }
    if isinstance(value, list):
        return [_lasting(item) for item in value if not _is_token(item)]
    return value


def _is_token(value: Any) -> bool:
    return isinstance(value, dict) and str(value.get("name") or "").startswith("kube-api-access")


def _gist(answer: Any) -> Any:
    """Code and reason: what programs branch on."""
    code, body = answer
    return code, body.get("reason") if isinstance(body, dict) else None


@pytest.mark.parametrize("title", [asked.title for asked in ASKED])
def test_both_servers_answer_alike(answers: Mapping[str, tuple[Any, Any]], title: str) -> None:
    theirs, ours = answers[title]
    if title in DIFFERING:
        assert ours != theirs, f"{title} does not differ any more: take it out of DIFFERING"
    elif title in WORDED_DIFFERENTLY:
        assert _gist(ours) == _gist(theirs)
    else:
        assert ours == theirs
