"""Every example is taken by the API server, with strict validation."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.client import Client
from kube.core_run import scheduler_profile
from tests.unit.kube.controllers import virtual

EXAMPLES = Path(__file__).parents[3] / "examples"
MANIFESTS = sorted(
    path for name in ("workloads", "ingress", "k8sdemo") for path in (EXAMPLES / name).glob("*.yaml")
)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_the_server_takes_it(path: Path) -> None:
    async def main() -> None:
        async with in_memory(clock=virtual.wall_clock) as server:
            client = Client(LocalTransport(server, User("admin", ("system:masters",)), user_agent="test"))
            for document in yaml.safe_load_all(path.read_text()):
                await _apply(client, document)

    virtual.run(main())


async def _apply(client: Client, document: dict[str, Any]) -> None:
    api_version = document["apiVersion"]
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    kind = document["kind"].lower()
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    url = f"{root}/namespaces/default/{plural}"
    query, headers = {"fieldValidation": "Strict"}, {"content-type": "application/json"}
    await client.raw("POST", url, query=query, headers=headers, body=msgspec.json.encode(document))


def test_the_schedulers_configuration_packs() -> None:
    found = scheduler_profile("default", str(EXAMPLES / "scheduler" / "bin-packing.yaml"))
    assert found.fit_strategy == "MostAllocated"
    assert found.weights.topology_spread == 0
