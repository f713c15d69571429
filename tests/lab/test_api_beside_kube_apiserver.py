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

# What depends on the moment.
_DROPPED = {"uid", "creationTimestamp", "resourceVersion", "generation", "lastPhaseTransitionTime"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, tuple[Any, Any]]]:
    """By title: of the real server, of ours."""
    with KubeApiserver(tmp_path_factory.mktemp("real")) as real:
        theirs = asyncio.run(_ask_all(real.kubeconfig))
    options = ("--authorization-mode", "Node,RBAC", "--disable-admission-plugins", "ServiceAccount")
    ours = Kcore(tmp_path_factory.mktemp("ours"), *options)
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
        dropped = _DROPPED | {"time"} if "fieldsV1" in value else _DROPPED
        kept = {name: _lasting(item) for name, item in value.items() if name not in dropped}
        if "managedFields" in kept:
            kept["managedFields"].sort(key=_manager)
        return kept
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _manager(entry: dict[str, Any]) -> tuple[str, ...]:
    """They are sorted by their times, of which there are few in a second."""
    return entry["operation"], entry["manager"], entry.get("subresource", "")


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
