import msgspec
import pytest

from kube.apiserver.kinds import KINDS, discovery, disk, openapi


def test_aggregated_discovery_is_that_of_the_reference_server() -> None:
    reference = disk.load("discovery")
    for served, listed in (
        (discovery.aggregated_core(), reference["core"]),
        (discovery.aggregated_groups(), reference["groups"]),
    ):
        ours = {
            (group["metadata"].get("name", ""), version["version"]): [
                r["resource"] for r in version["resources"]
            ]
            for group in served["items"]
            for version in group["versions"]
        }
        theirs = {
            (group["metadata"].get("name", ""), version["version"]): [
                r["resource"] for r in version["resources"]
            ]
            for group in listed
            for version in group["versions"]
        }
        assert ours == theirs
        assert list(ours) == list(theirs)


def test_plain_discovery_lists_subresources() -> None:
    found = discovery.resource_list("apps", "v1")
    assert found is not None
    names = [resource["name"] for resource in found["resources"]]
    assert "deployments" in names
    assert "deployments/scale" in names
    scale = next(resource for resource in found["resources"] if resource["name"] == "deployments/scale")
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")


@pytest.mark.parametrize(
    ("group", "version", "plural", "expected"),
    [
        ("", "v1", "configmaps", "qFsyl6wFWjQ="),
        ("", "v1", "events", "r2yiGXH7wu8="),
        ("events.k8s.io", "v1", "events", "r2yiGXH7wu8="),  # stored as the other one
        ("apps", "v1", "daemonsets", "dd7pWHUlMKQ="),
        ("autoscaling", "v1", "horizontalpodautoscalers", "qwQve8ut294="),
        ("authorization.k8s.io", "v1", "subjectaccessreviews", None),
        ("apps", "v1", "deployments/scale", None),
    ],
)
def test_the_stored_version_has_the_reference_servers_hash(
    group: str, version: str, plural: str, expected: str | None
) -> None:
    found = discovery.resource_list(group, version)
    assert found is not None
    (row,) = (row for row in found["resources"] if row["name"] == plural)
    assert row.get("storageVersionHash") == expected


def test_groups_prefer_their_first_version() -> None:
    group = discovery.api_group("autoscaling")
    assert group is not None
    assert group["preferredVersion"]["version"] == "v2"
    assert [version["version"] for version in group["versions"]] == ["v2", "v1"]


def test_what_is_not_served_is_none() -> None:
    assert discovery.api_group("nope") is None
    assert discovery.resource_list("apps", "v9") is None
    assert openapi.document("apps", "v9") is None


GROUP_VERSIONS = sorted({(kind.group, kind.version) for kind in KINDS})


@pytest.mark.parametrize(("group", "version"), GROUP_VERSIONS)
def test_documents_are_whole(group: str, version: str) -> None:
    body = openapi.document(group, version)
    assert body is not None
    document = msgspec.json.decode(body)
    schemas = document["components"]["schemas"]
    references = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                references.add(value["$ref"])
            for item in value.values():
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)

    collect(document)
    assert references <= {f"#/components/schemas/{name}" for name in schemas}


def test_kubectl_finds_what_it_looks_for() -> None:
    body = openapi.document("apps", "v1")
    assert body is not None
    document = msgspec.json.decode(body)
    operation = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert operation["x-kubernetes-group-version-kind"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
    }
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]
    assert "application/strategic-merge-patch+json" in operation["requestBody"]["content"]


def test_the_index_names_each_document_with_its_hash() -> None:
    paths = openapi.index()["paths"]
    assert set(paths) == {openapi.path_of(group, version) for group, version in GROUP_VERSIONS}
    assert paths["apis/apps/v1"]["serverRelativeURL"].endswith(f"?hash={openapi.etag('apps', 'v1')}")
