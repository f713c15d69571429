"""Quotas and the other admission rules, as a client of the server sees them."""

import asyncio
from typing import Any

import pytest

from tests.unit.kube.apiserver.conftest import Caller, Run, config_map, pod

CORE = "/api/v1/namespaces/default"
QUOTAS, PODS, MAPS = f"{CORE}/resourcequotas", f"{CORE}/pods", f"{CORE}/configmaps"


def quota(name: str, **hard: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"hard": {key.replace("__", "."): v for key, v in hard.items()}},
    }


async def used(caller: Caller, name: str = "q") -> dict[str, str]:
    found: dict[str, str] = (await caller.get(f"{QUOTAS}/{name}"))["status"]["used"]
    return found


def test_what_is_made_is_charged_in_the_same_transaction(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(MAPS, config_map("before"))
        await caller.create(QUOTAS, quota("q", configmaps="3"))
        made = await caller.create(MAPS, config_map("one"))
        found = await caller.get(f"{QUOTAS}/q")
        assert found["status"] == {"hard": {"configmaps": "3"}, "used": {"configmaps": "2"}}
        assert found["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        await caller.create(MAPS, config_map("two"))
        refused = await caller.create(MAPS, config_map("three"), expect=403)
        assert refused["message"] == (
            'configmaps "three" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=3, '
            "limited: configmaps=3"
        )
        assert refused["reason"] == "Forbidden"
        await caller.create("/api/v1/namespaces/kube-system/configmaps", config_map("three"))

    run(body)


def test_a_dry_run_is_checked_and_not_charged(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(QUOTAS, quota("q", configmaps="1"))
        await caller.create(MAPS, config_map("one"), dryRun="All")
        await caller.create(MAPS, config_map("one"))
        await caller.create(MAPS, config_map("two"), dryRun="All", expect=403)
        assert await used(caller) == {"configmaps": "1"}

    run(body)


def test_of_many_at_once_as_many_get_through_as_fit(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(QUOTAS, quota("q", configmaps="20"))
        replies = await asyncio.gather(
            *(caller.send("POST", MAPS, config_map(f"m{number}")) for number in range(50))
        )
        assert sorted(reply.status for reply in replies) == [201] * 20 + [403] * 30
        assert await used(caller) == {"configmaps": "20"}
        assert len((await caller.get(MAPS))["items"]) == 20

    run(body)


def test_all_quotas_of_a_namespace_are_charged_or_none(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(QUOTAS, quota("large", configmaps="9", secrets="9"))
        await caller.create(QUOTAS, quota("small", configmaps="0"))
        assert (await caller.create(MAPS, config_map("one"), expect=403))["message"].count(
            "exceeded quota: small"
        )
        await caller.create(f"{CORE}/secrets", {"metadata": {"name": "s"}})
        assert await used(caller, "large") == {"configmaps": "0", "secrets": "1"}

    run(body)


def test_kinds_defined_by_users_can_be_limited_by_number(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(
            QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {"count/deployments.apps": "0"}}}
        )
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        path = "/apis/apps/v1/namespaces/default/deployments"
        refused = await caller.create(path, {"metadata": {"name": "d"}, "spec": spec}, expect=403)
        assert "requested: count/deployments.apps=1" in refused["message"]

    run(body)


def test_pods_are_filled_in_before_they_are_charged(run: Run) -> None:
    async def body(caller: Caller) -> None:
        defaults = {"type": "Container", "default": {"cpu": "200m"}, "max": {"memory": "1Gi"}}
        await caller.create(
            f"{CORE}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [defaults]}}
        )
        await caller.create(QUOTAS, quota("q", pods="5", requests__cpu="500m", limits__memory="2Gi"))
        made = await caller.create(PODS, pod("one"))
        assert made["spec"]["containers"][0]["resources"] == {
            "limits": {"cpu": "200m", "memory": "1Gi"},
            "requests": {"cpu": "200m", "memory": "1Gi"},
        }
        assert made["status"]["qosClass"] == "Guaranteed"
        assert await used(caller) == {"pods": "1", "requests.cpu": "200m", "limits.memory": "1Gi"}
        await caller.create(PODS, pod("two"))
        refused = await caller.create(PODS, pod("three"), expect=403)
        assert "requested: limits.memory=1Gi,requests.cpu=200m" in refused["message"]
        big = pod("big", containers=[{"name": "c", "image": "x", "resources": {"limits": {"memory": "4Gi"}}}])
        refused = await caller.create(PODS, big, expect=403)
        assert refused["message"] == (
            'pods "big" is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi'
        )

    run(body)


def test_a_service_that_becomes_a_node_port_is_charged(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(QUOTAS, quota("q", services__nodeports="1"))
        for name, code in (("a", 200), ("b", 403)):
            spec = {"ports": [{"port": 80}], "selector": {"a": "b"}}
            await caller.create(f"{CORE}/services", {"metadata": {"name": name}, "spec": spec})
            await caller.patch(f"{CORE}/services/{name}", {"spec": {"type": "NodePort"}}, expect=code)
        assert await used(caller) == {"services.nodeports": "1"}

    run(body)


@pytest.mark.parametrize("given", ["", "other"])
def test_an_ingress_without_a_class_gets_the_default(run: Run, given: str) -> None:
    async def body(caller: Caller) -> None:
        mark = {"ingressclass.kubernetes.io/is-default-class": "true"}
        path = "/apis/networking.k8s.io/v1"
        for name, annotations in (("plain", {}), ("usual", mark)):
            obj = {"metadata": {"name": name, "annotations": annotations}, "spec": {"controller": "a.b/c"}}
            await caller.create(f"{path}/ingressclasses", obj)
        backend = {"service": {"name": "s", "port": {"number": 80}}}
        spec = {"defaultBackend": backend, **({"ingressClassName": given} if given else {})}
        made = await caller.create(
            f"{path}/namespaces/default/ingresses", {"metadata": {"name": "i"}, "spec": spec}
        )
        assert made["spec"]["ingressClassName"] == (given or "usual")

    run(body)


def test_a_pod_gets_its_account_s_token_and_pull_secrets(run: Run) -> None:
    async def body(caller: Caller) -> None:
        account = {"metadata": {"name": "bot"}, "imagePullSecrets": [{"name": "registry"}]}
        await caller.create(f"{CORE}/serviceaccounts", account)
        made = await caller.create(PODS, pod("p", serviceAccountName="bot"))
        assert made["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        assert made["spec"]["volumes"][0]["name"].startswith("kube-api-access-")
        assert made["spec"]["volumes"][0]["projected"]["sources"][0] == {
            "serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}
        }
        quiet = await caller.create(PODS, pod("q", automountServiceAccountToken=False))
        assert "volumes" not in quiet["spec"]
        again = await caller.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})
        assert again["spec"]["volumes"] == made["spec"]["volumes"]

    run(body)
