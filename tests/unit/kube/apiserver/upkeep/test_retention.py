"""Old events go, history is compacted, the bootstrap objects follow the server."""

import asyncio
from typing import Any

from kube.apiserver.core import ApiServer
from kube.apiserver.run import open_api
from kube.apiserver.state import Settings
from kube.apiserver.upkeep.bootstrap import ensure, point_to
from kube.apiserver.upkeep.retention import EVENTS_LAST_S, EventExpiry, compact
from kube.store.memory import MemoryStore

EVENTS = "/api/v1/namespaces/default/events"


def event(name: str) -> dict[str, Any]:
    involved = {"kind": "Pod", "namespace": "default", "name": "p"}
    return {"metadata": {"name": name}, "involvedObject": involved, "reason": "Because", "type": "Normal"}


def test_an_event_goes_an_hour_after_its_last_write(run: Any) -> None:
    async def body(call: Any) -> None:
        expiry = EventExpiry(call.api)
        started = call.api.clock()
        await call.create(EVENTS, event("a"))
        await call.create(EVENTS, event("b"))
        await expiry.sweep(started + EVENTS_LAST_S - 10)
        assert len((await call.get(EVENTS))["items"]) == 2
        await call.patch(f"{EVENTS}/a", {"count": 2})
        assert expiry.expired(started + EVENTS_LAST_S + 60) == ["default/b", "default/a"]
        await call.do("DELETE", f"{EVENTS}/a")
        await expiry.sweep(started + EVENTS_LAST_S + 60)
        assert (await call.get(EVENTS))["items"] == []
        assert expiry.expired(started + 10 * EVENTS_LAST_S) == []

    run(body)


def test_history_is_forgotten_one_interval_late(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        begun = call.api.store.revision
        task = asyncio.ensure_future(compact(call.api, 0.02))
        await asyncio.sleep(0)
        await call.create("/api/v1/namespaces/default/configmaps", make.config_map("a"))
        seen: list[int] = []
        async with asyncio.timeout(90):
            while not seen or seen[-1] <= begun:
                await asyncio.sleep(0.002)
                if call.api.store.compacted not in (0, *seen):
                    seen.append(call.api.store.compacted)
        assert seen == [begun, begun + 1]
        task.cancel()

    run(body)


def test_the_kubernetes_service_follows_the_servers_address() -> None:
    async def main() -> None:
        store = MemoryStore()
        for address in ("10.0.0.1", "10.0.0.2"):
            api = await open_api(store, Settings(advertise_address=address))
            server = ApiServer(api)
            found = server.api.cache.get("endpoints", "default", "kubernetes")
            assert found is not None
            assert found.decode()["subsets"][0]["addresses"] == [{"ip": address}]
            before = store.revision
            await ensure(api)
            await point_to(api, [address])
            assert store.revision == before
            api.cache.stop()

    asyncio.run(main())
