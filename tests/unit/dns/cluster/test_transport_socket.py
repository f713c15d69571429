from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dns.cluster.source import Source
from dns.cluster.transport_socket import transport_of
from dns.fakes.objects import example_cluster
from dns.fakes.serve import FakeApi
from dns.metrics import Registry
from kube.client.errors import Unreachable
from kube.client.kubeconfig_disk import KubeconfigError
from kube.client.measured_socket import MeasuredTransport

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: far
clusters:
- {{name: far, cluster: {{server: "http://192.0.2.1:1"}}}}
- {{name: near, cluster: {{server: "{url}"}}}}
contexts:
- {{name: far, context: {{cluster: far}}}}
- {{name: near, context: {{cluster: near}}}}
"""
NOTHING: dict[str, Any] = {"query": {}, "headers": {}}


def with_api(steps: Any) -> Any:
    async def main() -> Any:
        api = FakeApi(example_cluster())
        url = await api.start()
        try:
            return await steps(str(url))
        finally:
            await api.stop()

    return asyncio.run(main())


def measured(source: Source) -> tuple[MeasuredTransport, Registry]:
    registry = Registry()
    times = iter(range(1000))
    return transport_of(source, registry, lambda: float(next(times))), registry


def test_requests_are_counted_by_code_method_and_host() -> None:
    async def steps(url: str) -> None:
        transport, registry = measured(Source(endpoint=url))
        host = url.removeprefix("http://")
        for path in ("/api/v1/services", "/api/v1/services", "/nowhere"):
            await transport.request("GET", path, body=b"", **NOTHING)
        await transport.close()
        text = registry.render()
        name = "coredns_kubernetes_rest_client"
        assert f'{name}_requests_total{{code="200",method="GET",host="{host}"}} 2' in text
        assert f'{name}_requests_total{{code="404",method="GET",host="{host}"}} 1' in text
        assert f'{name}_request_duration_seconds_count{{verb="GET",host="{host}"}} 3' in text
        assert f'{name}_request_duration_seconds_bucket{{verb="GET",host="{host}",le="1"}} 3' in text
        assert f'{name}_rate_limiter_duration_seconds_sum{{verb="GET",host="{host}"}} 0' in text

    with_api(steps)


def test_a_watch_is_measured_until_its_reply_begins() -> None:
    async def steps(url: str) -> None:
        transport, registry = measured(Source(endpoint=url))
        async with transport.stream("/api/v1/services", query={"watch": "true"}, headers={}) as stream:
            assert stream.status == 200
            assert 'code="200",method="GET"' in registry.render()
        await transport.close()
        assert "request_duration_seconds_count" in registry.render()

    with_api(steps)


def test_a_server_that_is_not_there_is_counted_as_an_error() -> None:
    async def steps() -> str:
        transport, registry = measured(Source(endpoint="127.0.0.1:1"))
        with pytest.raises(Unreachable):
            await transport.request("GET", "/api/v1/services", body=b"", **NOTHING)
        with pytest.raises(Unreachable):
            async with transport.stream("/api/v1/services", **NOTHING):
                pass
        return registry.render()

    assert 'requests_total{code="<error>",method="GET",host="127.0.0.1:1"} 2' in asyncio.run(steps())


def test_a_kubeconfig_comes_before_the_endpoint_and_its_context_may_be_named(tmp_path: Path) -> None:
    async def steps(url: str) -> None:
        file = tmp_path / "kubeconfig"
        file.write_text(KUBECONFIG.format(url=url))
        source = Source(endpoint="http://192.0.2.9:9", kubeconfig=str(file), context="near")
        transport, _ = measured(source)
        reply = await transport.request("GET", "/api/v1/services", body=b"", **NOTHING)
        await transport.close()
        assert reply.status == 200

    with_api(steps)


def test_outside_a_pod_something_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(KubeconfigError, match="not in a pod"):
        measured(Source())
