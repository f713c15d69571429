"""Calls of the official client, each with what it must give; run by the client's own environment."""

import threading
import time
from collections.abc import Callable
from typing import Any

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "official"


def refused(code: int, call: Callable[[], Any]) -> str:
    """The body of the refusal."""
    try:
        call()
    except ApiException as error:
        assert error.status == code, f"{error.status} is not {code}: {error.body}"
        return str(error.body)
    raise AssertionError(f"this was to be refused with {code}")


def deployment(name: str, image: str = "a") -> client.V1Deployment:
    container = client.V1Container(name="c", image=image, ports=[client.V1ContainerPort(container_port=80)])
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": name}), spec=client.V1PodSpec(containers=[container])
    )
    selector = client.V1LabelSelector(match_labels={"app": name})
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(replicas=0, selector=selector, template=template),
    )


def config_map(name: str, **data: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"kind": "test"}), data=data)


def typed_crud(core: client.CoreV1Api, apps: client.AppsV1Api) -> None:
    made = core.create_namespaced_config_map(NAMESPACE, config_map("a", k="1"))
    assert made.metadata.uid
    assert made.metadata.creation_timestamp.tzinfo is not None
    assert core.read_namespaced_config_map("a", NAMESPACE).data == {"k": "1"}
    assert "AlreadyExists" in refused(
        409, lambda: core.create_namespaced_config_map(NAMESPACE, config_map("a"))
    )
    made.data = {"k": "2"}
    newer = core.replace_namespaced_config_map("a", NAMESPACE, made)
    assert int(newer.metadata.resource_version) > int(made.metadata.resource_version)
    assert "Conflict" in refused(409, lambda: core.replace_namespaced_config_map("a", NAMESPACE, made))
    dry = core.create_namespaced_config_map(NAMESPACE, config_map("dry"), dry_run="All")
    assert dry.metadata.name == "dry"
    refused(404, lambda: core.read_namespaced_config_map("dry", NAMESPACE))
    refused(422, lambda: core.create_namespaced_config_map(NAMESPACE, config_map("Not Valid")))
    found = apps.create_namespaced_deployment(NAMESPACE, deployment("d"))
    assert found.spec.strategy.rolling_update.max_surge == "25%"
    assert found.spec.template.spec.containers[0].ports[0].protocol == "TCP"
    for _ in range(10):  # the controller writes status meanwhile
        scale = apps.read_namespaced_deployment_scale("d", NAMESPACE)
        scale.spec.replicas = 1
        try:
            assert apps.replace_namespaced_deployment_scale("d", NAMESPACE, scale).spec.replicas == 1
            break
        except ApiException as error:
            assert error.status == 409
    assert apps.read_namespaced_deployment("d", NAMESPACE).spec.replicas == 1
    status = apps.read_namespaced_deployment_status("d", NAMESPACE)
    assert status.metadata.name == "d"
    secret = core.create_namespaced_secret(
        NAMESPACE, client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"x": "y"})
    )
    assert secret.data == {"x": "eQ=="}
    assert secret.string_data is None
    service = client.V1Service(
        metadata=client.V1ObjectMeta(name="svc"),
        spec=client.V1ServiceSpec(selector={"app": "d"}, ports=[client.V1ServicePort(port=80)]),
    )
    assert core.create_namespaced_service(NAMESPACE, service).spec.cluster_ip.startswith("10.96.")
    assert core.delete_namespaced_service("svc", NAMESPACE).metadata.name == "svc"


def lists(core: client.CoreV1Api) -> None:
    for number in range(5):
        core.create_namespaced_config_map(NAMESPACE, config_map(f"page-{number}", n=str(number)))
    first = core.list_namespaced_config_map(NAMESPACE, label_selector="kind=test", limit=2)
    assert len(first.items) == 2
    names, token = [item.metadata.name for item in first.items], first.metadata._continue
    while token:
        page = core.list_namespaced_config_map(
            NAMESPACE, label_selector="kind=test", limit=2, _continue=token
        )
        assert page.metadata.resource_version == first.metadata.resource_version
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
    assert names == ["a", *(f"page-{number}" for number in range(5))]
    one = core.list_config_map_for_all_namespaces(field_selector="metadata.name=page-3")
    assert [item.metadata.namespace for item in one.items] == [NAMESPACE]
    assert not core.list_namespaced_config_map(NAMESPACE, label_selector="kind notin (test),kind").items
    refused(400, lambda: core.list_namespaced_config_map(NAMESPACE, label_selector="a in b"))
    gone = core.delete_collection_namespaced_config_map(
        NAMESPACE, label_selector="kind=test", field_selector="metadata.name!=a"
    )
    assert gone is not None
    assert [
        item.metadata.name
        for item in core.list_namespaced_config_map(NAMESPACE, label_selector="kind=test").items
    ] == ["a"]


def patches(core: client.CoreV1Api, apps: client.AppsV1Api) -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "b"}]}}}}
    patched = apps.patch_namespaced_deployment("d", NAMESPACE, body)
    assert {c.name for c in patched.spec.template.spec.containers} == {"c", "side"}
    merged = apps.patch_namespaced_deployment(
        "d", NAMESPACE, body, _content_type="application/merge-patch+json"
    )
    assert [c.name for c in merged.spec.template.spec.containers] == ["side"]
    steps = [{"op": "add", "path": "/metadata/labels", "value": {"x": "y"}}]
    assert apps.patch_namespaced_deployment("d", NAMESPACE, steps).metadata.labels == {"x": "y"}
    applied = core.patch_namespaced_config_map(
        "ssa",
        NAMESPACE,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ssa"}, "data": {"mine": "1"}},
        field_manager="one",
        _content_type="application/apply-patch+yaml",
    )
    assert applied.metadata.managed_fields[0].manager == "one"
    conflict = refused(
        409,
        lambda: core.patch_namespaced_config_map(
            "ssa",
            NAMESPACE,
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"mine": "2"}},
            field_manager="two",
            _content_type="application/apply-patch+yaml",
        ),
    )
    assert "FieldManagerConflict" in conflict
    refused(
        422,
        lambda: core.patch_namespaced_config_map(
            "ssa", NAMESPACE, {"data": {}}, _content_type="application/apply-patch+yaml"
        ),
    )
    status = {"status": {"conditions": [{"type": "Mine", "status": "True"}]}}
    assert apps.patch_namespaced_deployment_status("d", NAMESPACE, status).status.conditions[-1].type


def watches(core: client.CoreV1Api) -> None:
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version

    def write() -> None:
        core.create_namespaced_config_map(NAMESPACE, config_map("w", v="0"))
        core.patch_namespaced_config_map("w", NAMESPACE, {"data": {"v": "1"}})
        core.delete_namespaced_config_map("w", NAMESPACE)

    writer = threading.Timer(0.2, write)
    writer.start()
    seen, versions = [], []
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_namespaced_config_map, NAMESPACE, resource_version=start, timeout_seconds=120
    ):
        seen.append((event["type"], event["object"].data["v"]))
        versions.append(event["object"].metadata.resource_version)
        if event["type"] == "DELETED":
            watcher.stop()
    writer.join()
    assert seen == [("ADDED", "0"), ("MODIFIED", "1"), ("DELETED", "1")]
    assert sorted(versions, key=int) == versions
    again = watch.Watch().stream(  # resumed behind the first event
        core.list_namespaced_config_map, NAMESPACE, resource_version=versions[0], timeout_seconds=1
    )
    assert [event["type"] for event in again] == ["MODIFIED", "DELETED"]
    bookmarks = watch.Watch().stream(
        core.list_namespaced_config_map,
        NAMESPACE,
        timeout_seconds=1,
        allow_watch_bookmarks=True,
        send_initial_events=True,
        resource_version_match="NotOlderThan",
    )
    assert [event["type"] for event in bookmarks][-1] == "BOOKMARK"


def expired(core: client.CoreV1Api) -> None:
    """The server of this test has forgotten its first revisions."""
    for _ in range(600):  # it compacts every half second
        try:
            next(iter(watch.Watch().stream(core.list_config_map_for_all_namespaces, resource_version="1")))
        except ApiException as error:
            assert error.status == 410
            assert "too old resource version" in str(error.reason)
            break
        time.sleep(0.1)
    else:
        raise AssertionError("revision 1 can still be watched")
    refused(
        410,
        lambda: core.list_config_map_for_all_namespaces(resource_version="1", resource_version_match="Exact"),
    )
    newest = core.list_config_map_for_all_namespaces().metadata.resource_version
    again = watch.Watch().stream(
        core.list_config_map_for_all_namespaces, resource_version=newest, timeout_seconds=1
    )
    assert not list(again)


def other_apis(api: client.ApiClient, core: client.CoreV1Api) -> None:
    assert client.VersionApi(api).get_code().git_version.startswith("v1.")
    assert "apps" in {group.name for group in client.ApisApi(api).get_api_versions().groups}
    resources = client.CoreV1Api(api).get_api_resources().resources
    assert {"pods", "pods/status", "services"} <= {resource.name for resource in resources}
    review = client.AuthorizationV1Api(api).create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="get", resource="pods")
            )
        )
    )
    assert review.status.allowed
    token = core.create_namespaced_service_account_token(
        "default",
        "default",
        client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=None, expiration_seconds=600)
        ),
    )
    assert token.status.token.count(".") == 2
    batch = client.BatchV1Api(api)
    job = utils.create_from_dict(
        api,
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j", "namespace": NAMESPACE},
            "spec": {
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
            },
        },
    )
    assert job[0].spec.backoff_limit == 6
    batch.delete_namespaced_job("j", NAMESPACE, propagation_policy="Background")
    refused(404, lambda: batch.read_namespaced_job("nothing", NAMESPACE))
    lease = client.CoordinationV1Api(api).create_namespaced_lease(
        NAMESPACE,
        client.V1Lease(metadata=client.V1ObjectMeta(name="l"), spec=client.V1LeaseSpec(holder_identity="me")),
    )
    assert lease.spec.holder_identity == "me"


def pods(core: client.CoreV1Api) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert core.create_namespaced_pod(NAMESPACE, body).status.phase == "Pending"
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    assert core.patch_namespaced_pod_status("p", NAMESPACE, ready).status.phase == "Running"
    assert (
        core.patch_namespaced_pod("p", NAMESPACE, {"status": {"phase": "Failed"}}).status.phase == "Running"
    )
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="p", namespace=NAMESPACE))
    core.create_namespaced_pod_eviction("p", NAMESPACE, eviction)
    refused(404, lambda: core.read_namespaced_pod("p", NAMESPACE))
    held = {"metadata": {"name": "held", "finalizers": ["a.test/x"]}}
    core.create_namespaced_config_map(NAMESPACE, held)
    preconditions = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other"))
    refused(409, lambda: core.delete_namespaced_config_map("held", NAMESPACE, body=preconditions))
    core.delete_namespaced_config_map("held", NAMESPACE)
    assert core.read_namespaced_config_map("held", NAMESPACE).metadata.deletion_timestamp
    core.patch_namespaced_config_map("held", NAMESPACE, {"metadata": {"finalizers": None}})
    refused(404, lambda: core.read_namespaced_config_map("held", NAMESPACE))


def dynamic_client(api: client.ApiClient) -> None:
    found = dynamic.DynamicClient(api)
    kind = found.resources.get(api_version="v1", kind="ConfigMap")
    made = kind.create(
        body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dyn"}}, namespace=NAMESPACE
    )
    assert made.metadata.name == "dyn"
    patched = kind.patch(
        body={"data": {"a": "b"}},
        name="dyn",
        namespace=NAMESPACE,
        content_type="application/merge-patch+json",
    )
    assert patched.data.a == "b"
    applied = kind.server_side_apply(
        body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dyn"}, "data": {"c": "d"}},
        name="dyn",
        namespace=NAMESPACE,
        field_manager="dyn",
    )
    assert applied.data.to_dict() == {"a": "b", "c": "d"}
    assert "dyn" in {item.metadata.name for item in kind.get(namespace=NAMESPACE).items}
    events = kind.watch(namespace=NAMESPACE, timeout=1, name="dyn")
    assert [event["type"] for event in events] == ["ADDED"]
    assert found.resources.search(short_names=["deploy"])[0].group == "apps"
    kind.delete(name="dyn", namespace=NAMESPACE)
    try:
        kind.get(name="dyn", namespace=NAMESPACE)
    except dynamic.exceptions.NotFoundError as error:
        assert error.status == 404
    else:
        raise AssertionError("deleted and still there")


def custom_objects(api: client.ApiClient) -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"n": {"type": "integer", "default": 7}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.official.test"},
        "spec": {
            "group": "official.test",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version],
        },
    }
    extensions = client.ApiextensionsV1Api(api)
    extensions.create_custom_resource_definition(definition)
    for _ in range(1200):
        conditions = extensions.read_custom_resource_definition("things.official.test").status.conditions
        if any(c.type == "Established" and c.status == "True" for c in conditions or []):
            break
        time.sleep(0.05)
    things = client.CustomObjectsApi(api)
    where = ("official.test", "v1", NAMESPACE, "things")
    thing = {"apiVersion": "official.test/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {}}
    assert things.create_namespaced_custom_object(*where, thing)["spec"] == {"n": 7}
    assert things.patch_namespaced_custom_object(*where, "t", {"spec": {"n": 8}})["spec"] == {"n": 8}
    with_status = things.patch_namespaced_custom_object_status(*where, "t", {"status": {"ok": True}})
    assert with_status["status"] == {"ok": True}
    assert with_status["metadata"]["generation"] == 2
    refused(422, lambda: things.patch_namespaced_custom_object(*where, "t", {"spec": {"n": "eight"}}))
    assert len(things.list_namespaced_custom_object(*where)["items"]) == 1
    things.delete_namespaced_custom_object(*where, "t")
    extensions.delete_custom_resource_definition("things.official.test")


def main() -> None:
    config.load_kube_config()
    api = client.ApiClient()
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    core.create_namespace({"metadata": {"name": NAMESPACE}})
    typed_crud(core, apps)
    lists(core)
    patches(core, apps)
    watches(core)
    pods(core)
    other_apis(api, core)
    dynamic_client(api)
    custom_objects(api)
    expired(core)
    apps.delete_namespaced_deployment("d", NAMESPACE, propagation_policy="Foreground")
    core.delete_namespace(NAMESPACE)
    print("every call was answered as expected")


if __name__ == "__main__":
    main()
