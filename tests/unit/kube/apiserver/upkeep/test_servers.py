"""Several servers on one store: endpoints of the living, addresses given once, news seen in time."""

import asyncio

from kube.apiserver.core import ApiServer
from kube.apiserver.requests.request import Answer, Query, Request, User
from kube.apiserver.run import open_api
from kube.apiserver.state import Api, Settings
from kube.apiserver.upkeep.servers import GONE_S, Seen, Servers, gone, look
from kube.store.memory import MemoryStore

USER = User("test", ("system:masters",))


def _addresses(api: Api) -> list[str]:
    found = api.cache.get("endpoints", "default", "kubernetes")
    assert found is not None
    return [row["ip"] for row in found.decode()["subsets"][0]["addresses"]]


def test_the_living_are_the_endpoints() -> None:
    async def main() -> None:
        store, now_s = MemoryStore(), 100.0
        apis = [await open_api(store, Settings(advertise_address=f"10.0.0.{n}"), alone=False) for n in (1, 2)]
        first, second = (Servers(api, lambda: now_s) for api in apis)
        await first.renew()
        await second.renew()
        assert _addresses(apis[0]) == ["10.0.0.1", "10.0.0.2"]
        await first.renew()  # sees the second's key for the first time
        now_s += GONE_S + 1
        await first.renew()
        assert _addresses(apis[1]) == ["10.0.0.1"]
        await second.renew()
        await first.leave()
        assert _addresses(apis[1]) == ["10.0.0.2"]

    asyncio.run(main())


def test_a_server_is_gone_when_its_key_stands_still() -> None:
    seen = look({}, {"a": 1, "b": 2}, 10.0)
    seen = look(seen, {"a": 1, "b": 3}, 20.0)
    assert seen == {"a": Seen(1, 10.0), "b": Seen(3, 20.0)}
    assert gone(seen, 10.0 + GONE_S + 1) == ["a"]


def test_two_servers_never_give_one_address_twice() -> None:
    async def main() -> None:
        store = MemoryStore()
        settings = Settings(service_cidrs=("10.96.0.0/28",), node_ports=(30000, 30015))
        servers = [ApiServer(await open_api(store, settings)) for _ in range(2)]

        async def create(n: int) -> int:
            path = "/api/v1/namespaces/default/services"
            body = b'{"metadata":{"name":"s%d"},"spec":{"type":"NodePort","ports":[{"port":80}]}}' % n
            headers = {"content-type": "application/json"}
            answer = await servers[n % 2].handle(Request("POST", path, Query(), headers, body, USER))
            assert isinstance(answer, Answer)
            return answer.status

        codes = await asyncio.gather(*(create(n) for n in range(16)))
        services = [
            entry.decode()["spec"] for entry in servers[0].api.cache.collection("services").entries.values()
        ]
        addresses = [spec["clusterIP"] for spec in services]
        ports = [row["nodePort"] for spec in services for row in spec["ports"] if "nodePort" in row]
        assert len(set(addresses)) == len(addresses) == 14  # all of the range, `kubernetes` among them
        assert len(set(ports)) == len(ports) == 13
        assert sorted(codes) == [201] * 13 + [500] * 3

    asyncio.run(main())
