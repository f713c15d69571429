import asyncio
import logging

import msgspec
import pytest

from kube.apiserver.computed.resource_metrics.summaries import NodeSummaries, Place, Summary, Use, parse

BODY = b"""{"node": {"nodeName": "n1", "cpu": {"time": "t", "usageNanoCores": 5}, "memory": {"workingSetBytes": 7}},
  "pods": [{"podRef": {"name": "p", "namespace": "d", "uid": "u1"},
            "containers": [{"name": "a", "cpu": {"usageNanoCores": 1}, "memory": {"workingSetBytes": 2}},
                           {"name": "b"}]},
           {"podRef": {"name": "q", "namespace": "d", "uid": "u2"}}]}"""


def test_a_summary_is_read() -> None:
    assert parse(BODY) == Summary(Use(5, 7), {"u1": {"a": Use(1, 2), "b": Use()}, "u2": {}})
    for bad in (b"[]", b"{}", b"not json"):
        with pytest.raises(msgspec.DecodeError):
            parse(bad)


def test_nodes_are_asked_together_and_not_again_at_once(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []
    now = [100.0]

    async def fetch(host: str, port: int, path: str) -> bytes:
        asked.append(f"{host}:{port}{path}")
        await asyncio.sleep(0)
        if host == "bad":
            raise OSError("refused")
        return b"{" if host == "odd" else BODY

    async def main() -> None:
        summaries = NodeSummaries(fetch, lambda: now[0])
        places = [Place("n1", "a", 1), Place("n2", "bad", 2), Place("n3", "odd", 3)]
        with caplog.at_level(logging.WARNING):
            assert list(await summaries.of(places)) == ["n1"]
        assert asked == ["a:1/stats/summary", "bad:2/stats/summary", "odd:3/stats/summary"]
        assert [record.args[0] for record in caplog.records if record.args] == ["n2", "n3"]
        await summaries.of(places[:1])
        assert len(asked) == 3
        now[0] += 3
        await summaries.of(places[:1])
        assert len(asked) == 4

    asyncio.run(main())
