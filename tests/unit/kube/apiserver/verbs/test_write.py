"""Create, update, patch: names, conflicts, namespaces, dry runs, field validation, services, subresources."""

import asyncio
from typing import Any

import msgspec

CMS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def deployment(name: str, replicas: int = 1) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def test_a_created_object_has_uid_time_and_revision(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        made = await call.create(CMS, make.config_map("a"))
        metadata = made["metadata"]
        assert metadata["namespace"] == "default"
        assert metadata["resourceVersion"] == str(call.api.cache.revision)
        assert len(metadata["uid"]) == 36
        assert metadata["creationTimestamp"].endswith("Z")
        assert await call.get(f"{CMS}/a") == made
        again = await call.create(CMS, make.config_map("a"), expect=409)
        assert (again["reason"], again["message"]) == ("AlreadyExists", 'configmaps "a" already exists')

    run(body)


def test_generated_names_differ(run: Any) -> None:
    async def body(call: Any) -> None:
        wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}
        made = await asyncio.gather(*(call.create(CMS, wanted) for _ in range(20)))
        found = {obj["metadata"]["name"] for obj in made}
        assert len(found) == 20
        assert all(name.startswith("x-") and len(name) == 7 for name in found)

    run(body)


def test_creating_where_there_is_no_namespace_or_a_dying_one(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        nowhere = await call.create("/api/v1/namespaces/nowhere/configmaps", make.config_map("a"), expect=404)
        assert nowhere["message"] == 'namespaces "nowhere" not found'
        await call.create("/api/v1/namespaces", {"metadata": {"name": "dying"}})
        await call.do("DELETE", "/api/v1/namespaces/dying")
        refused = await call.create("/api/v1/namespaces/dying/configmaps", make.config_map("a"), expect=403)
        assert refused["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        finalize = {"metadata": {"name": "dying"}, "spec": {"finalizers": []}}
        await call.do("PUT", "/api/v1/namespaces/dying/finalize", finalize)
        await call.get("/api/v1/namespaces/dying", expect=404)

    run(body)


def test_bodies_that_do_not_fit_the_path_are_refused(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        elsewhere = make.config_map("a", metadata={"namespace": "kube-system"})
        refused = await call.create(CMS, elsewhere, expect=400)
        assert "does not match the namespace" in refused["message"]
        await call.create(
            CMS, {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "a"}}, expect=400
        )
        await call.create(CMS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}, expect=400)
        await call.do("POST", CMS, b"{not json", expect=400)
        await call.do("POST", CMS, b"[]", expect=400)
        await call.do("POST", CMS, b"x", expect=415, headers={"content-type": "application/cbor"})
        await call.do("POST", CMS, b" " * (4 << 20), expect=413)

    run(body)


def test_a_yaml_body_is_taken(run: Any) -> None:
    async def body(call: Any) -> None:
        text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {k: v}\n"
        made = await call.do("POST", CMS, text, expect=201, headers={"content-type": "application/yaml"})
        assert made["data"] == {"k": "v"}

    run(body)


def test_unknown_fields_are_warned_of_or_refused_or_ignored(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        wanted = make.config_map("a", colour="red")
        warned = await call.send("POST", CMS, wanted)
        assert warned.status == 201
        assert warned.headers["warning"] == '299 - "unknown field \\"colour\\""'
        assert "colour" not in msgspec.json.decode(warned.body)
        strict = await call.create(
            CMS, make.config_map("b", colour="red"), expect=400, fieldValidation="Strict"
        )
        assert 'strict decoding error: unknown field "colour"' in strict["message"]
        ignored = await call.send(
            "POST", CMS, make.config_map("c", colour="red"), query={"fieldValidation": "Ignore"}
        )
        assert "warning" not in ignored.headers
        doubled = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","name":"d"}}'
        reply = await call.send("POST", CMS, doubled)
        assert 'duplicate field \\"metadata.name\\"' in reply.headers["warning"]

    run(body)


def test_a_dry_run_stores_nothing(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        before = call.api.cache.revision
        made = await call.create(CMS, make.config_map("a"), dryRun="All")
        assert made["metadata"]["uid"]
        assert "resourceVersion" not in made["metadata"]
        await call.get(f"{CMS}/a", expect=404)
        first = await call.create(SERVICES, service("s", clusterIP="10.96.0.77"), dryRun="All")
        assert first["spec"]["clusterIP"] == "10.96.0.77"
        assert call.api.cache.revision == before
        await call.create(SERVICES, service("s", clusterIP="10.96.0.77"))
        await call.patch(f"{SERVICES}/s", {"metadata": {"labels": {"a": "b"}}}, dryRun="All")
        assert "labels" not in (await call.get(f"{SERVICES}/s"))["metadata"]
        await call.do("DELETE", f"{SERVICES}/s", query={"dryRun": "All"})
        await call.get(f"{SERVICES}/s")
        await call.create(CMS, make.config_map("a"), dryRun="Some", expect=422)

    run(body)


def test_an_update_of_an_old_revision_is_a_conflict(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        old = await call.create(CMS, make.config_map("a"))
        new = await call.do("PUT", f"{CMS}/a", {**old, "data": {"k": "1"}})
        assert new["metadata"]["uid"] == old["metadata"]["uid"]
        refused = await call.do("PUT", f"{CMS}/a", {**old, "data": {"k": "2"}}, expect=409)
        assert refused["reason"] == "Conflict"
        assert "the object has been modified" in refused["message"]
        unconditional = make.config_map("a", data={"k": "3"})
        assert (await call.do("PUT", f"{CMS}/a", unconditional))["data"] == {"k": "3"}
        await call.do("PUT", f"{CMS}/missing", make.config_map("missing"), expect=404)
        await call.do("PUT", f"{CMS}/a", make.config_map("b"), expect=400)

    run(body)


def test_patches_without_a_revision_never_conflict(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(CMS, make.config_map("a"))
        await asyncio.gather(*(call.patch(f"{CMS}/a", {"data": {f"k{n}": "v"}}) for n in range(12)))
        assert len((await call.get(f"{CMS}/a"))["data"]) == 12
        await call.patch(f"{CMS}/a", {"metadata": {"resourceVersion": "1"}, "data": {"z": "1"}}, expect=409)

    run(body)


def test_the_four_patch_types(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEPLOYMENTS, deployment("web"))
        path = f"{DEPLOYMENTS}/web"
        merged = await call.patch(path, {"metadata": {"labels": {"a": "b"}}})
        assert merged["metadata"]["labels"] == {"a": "b"}
        containers = [{"name": "side", "image": "s"}]
        strategic = {"spec": {"template": {"spec": {"containers": containers}}}}
        both = await call.patch(path, strategic, kind="strategic-merge-patch+json")
        assert {c["name"] for c in both["spec"]["template"]["spec"]["containers"]} == {"c", "side"}
        assert both["metadata"]["generation"] == 2
        operations = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
        replaced = await call.patch(path, operations, kind="json-patch+json")
        assert replaced["spec"]["replicas"] == 5
        await call.patch(path, {}, kind="unknown+json", expect=415)

    run(body)


def test_status_is_written_through_its_subresource_alone(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEPLOYMENTS, {**deployment("web"), "status": {"replicas": 9}})
        path = f"{DEPLOYMENTS}/web"
        assert "replicas" not in (await call.get(path)).get("status", {})
        await call.patch(path, {"status": {"replicas": 9}})
        assert "replicas" not in (await call.get(path)).get("status", {})
        await call.patch(f"{path}/status", {"status": {"replicas": 9}, "spec": {"replicas": 7}})
        found = await call.get(path)
        assert (found["status"]["replicas"], found["spec"]["replicas"]) == (9, 1)
        assert found["metadata"]["generation"] == 1

    run(body)


def test_scale_is_read_and_written(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEPLOYMENTS, deployment("web", replicas=2))
        path = f"{DEPLOYMENTS}/web/scale"
        found = await call.get(path)
        assert (found["kind"], found["spec"], found["status"]["selector"]) == (
            "Scale",
            {"replicas": 2},
            "app=web",
        )
        assert (await call.patch(path, {"spec": {"replicas": 4}}))["spec"]["replicas"] == 4
        assert (await call.do("PUT", path, {**found, "spec": {"replicas": 1}}, expect=409))[
            "reason"
        ] == "Conflict"
        fresh = await call.get(path)
        assert (await call.do("PUT", path, {**fresh, "spec": {}}))["spec"] == {}
        assert (await call.get(f"{DEPLOYMENTS}/web"))["spec"]["replicas"] == 0
        await call.patch(path, {"spec": {"replicas": -1}}, expect=422)

    run(body)


def test_services_get_addresses_and_give_them_back(run: Any) -> None:
    async def body(call: Any) -> None:
        made = await call.create(SERVICES, service("a", type="NodePort"))
        address, port = made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]
        shown = await call.get(f"/apis/networking.k8s.io/v1/ipaddresses/{address}")
        assert shown["spec"]["parentRef"]["name"] == "a"
        taken = await call.create(SERVICES, service("b", clusterIP=address), expect=422)
        assert "provided IP is already allocated" in taken["message"]
        twice = await call.create(SERVICES, service("a", clusterIP=address), expect=422)
        assert "provided IP is already allocated" in twice["message"]  # before its name is looked at
        assert (await call.create(SERVICES, service("a"), expect=409))["reason"] == "AlreadyExists"
        await call.get(f"{SERVICES}/b", expect=404)
        back = await call.patch(f"{SERVICES}/a", {"spec": {"type": "ClusterIP"}})
        assert "nodePort" not in back["spec"]["ports"][0]
        again = service("c", type="NodePort", ports=[{"port": 80, "nodePort": port}])
        await call.create(SERVICES, again)
        await call.do("DELETE", f"{SERVICES}/a")
        await call.get(f"/apis/networking.k8s.io/v1/ipaddresses/{address}", expect=404)
        assert (await call.create(SERVICES, service("b", clusterIP=address)))["spec"]["clusterIP"] == address

    run(body)


def test_binding_sets_the_node_once(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(PODS, make.pod("p"))
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": "n1"}}
        await call.create(f"{PODS}/p/binding", binding)
        found = await call.get(f"{PODS}/p")
        assert found["spec"]["nodeName"] == "n1"
        assert found["status"]["conditions"][0]["type"] == "PodScheduled"
        second = await call.create(f"{PODS}/p/binding", binding, expect=409)
        assert 'already assigned to node "n1"' in second["message"]
        await call.create(f"{PODS}/p/binding", {**binding, "target": {}}, expect=422)
        await call.create(
            "/api/v1/namespaces/default/bindings", {**binding, "metadata": {"name": "q"}}, expect=404
        )

    run(body)


def test_events_are_one_kind_in_two_groups(run: Any) -> None:
    async def body(call: Any) -> None:
        path = "/apis/events.k8s.io/v1/namespaces/default/events"
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "e"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "regarding": {"kind": "Pod", "namespace": "default", "name": "p"},
            "note": "hello",
            "reason": "Because",
            "action": "Doing",
            "type": "Normal",
            "reportingController": "test",
            "reportingInstance": "test-1",
        }
        made = await call.create(path, event)
        assert (made["apiVersion"], made["note"]) == ("events.k8s.io/v1", "hello")
        core = await call.get("/api/v1/namespaces/default/events", fieldSelector="involvedObject.name=p")
        assert core["items"][0]["message"] == "hello"
        patched = await call.patch(f"{path}/e", {"series": {"count": 2, "lastObservedTime": None}})
        assert patched["series"]["count"] == 2
        listed = await call.get(path)
        assert listed["apiVersion"] == "events.k8s.io/v1"
        assert listed["items"][0]["regarding"]["name"] == "p"

    run(body)


def test_put_makes_what_may_be_made_by_put(run: Any) -> None:
    async def body(call: Any) -> None:
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "n1"},
            "spec": {},
        }
        await call.do("PUT", path, {**lease, "spec": {"holderIdentity": "n1"}}, expect=201)
        assert (await call.get(path))["spec"]["holderIdentity"] == "n1"

    run(body)


def test_a_writer_sees_its_own_write_at_once(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for n in range(20):
            made = await call.create(CMS, make.config_map(f"a{n}"))
            listed = await call.get(CMS, resourceVersion="0")
            assert made["metadata"]["resourceVersion"] == listed["metadata"]["resourceVersion"]
            assert f"a{n}" in [item["metadata"]["name"] for item in listed["items"]]

    run(body)


def test_pods_are_admitted_with_priority_account_and_tolerations(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(
            "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 1000}
        )
        made = await call.create(PODS, make.pod("p", priorityClassName="high"))
        assert made["spec"]["priority"] == 1000
        assert made["spec"]["serviceAccountName"] == "default"
        assert [t["key"] for t in made["spec"]["tolerations"]] == [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
        ]
        await call.create(PODS, make.pod("q", priorityClassName="none"), expect=403)
        refused = await call.create(PODS, make.pod("q", serviceAccountName="bob"), expect=403)
        assert 'serviceaccount "bob" not found' in refused["message"]

    run(body)


def test_the_text_of_a_secret_is_kept_as_data(run: Any) -> None:
    async def body(call: Any) -> None:
        secrets = "/api/v1/namespaces/default/secrets"
        secret = {"metadata": {"name": "s"}, "data": {"a": "MQ=="}, "stringData": {"a": "2", "b": "3"}}
        made = await call.create(secrets, secret)
        assert made["data"] == {"a": "Mg==", "b": "Mw=="}
        assert "stringData" not in made
        patched = await call.patch(f"{secrets}/s", {"stringData": {"c": "4"}})
        assert patched["data"] == {"a": "Mg==", "b": "Mw==", "c": "NA=="}

    run(body)
