"""Who gets answers in lines."""

from typing import Any

import pytest

PATH = "/api/v1/namespaces/default"


@pytest.mark.parametrize(
    ("agent", "asked", "lines"),
    [
        ("kubectl/v1.36", None, False),
        ("curl/8.0", None, True),
        ("Wget/1.21", None, True),
        ("Mozilla/5.0 (X11)", None, True),
        ("curl/8.0", "false", False),
        ("kubectl/v1.36", "true", True),
        ("kubectl/v1.36", "1", True),
        ("kubectl/v1.36", "yes", False),
    ],
)
def test_people_read_lines(run: Any, agent: str, asked: str | None, lines: bool) -> None:
    async def body(call: Any) -> None:
        query = {} if asked is None else {"pretty": asked}
        reply = await call.send("GET", PATH, query=query, headers={"user-agent": agent})
        assert reply.body.startswith(b'{\n  "kind": "Namespace",\n' if lines else b'{"kind":"Namespace",')
        refused = await call.send("GET", "/api/v1/nope", query=query, headers={"user-agent": agent})
        assert (b"\n" in refused.body.strip()) == lines or refused.body.startswith(b"404")

    run(body)
