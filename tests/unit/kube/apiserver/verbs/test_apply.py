"""Server-side apply through the server: creation, ownership, conflicts, migration, impersonation."""

from typing import Any

PATH = "/apis/apps/v1/namespaces/default/deployments/web"


def config(**spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


async def _apply(call: Any, body: Any, manager: str, **more: Any) -> dict[str, Any]:
    expect = more.pop("expect", 200)
    query = {"fieldManager": manager, **more}
    headers = {"content-type": "application/apply-patch+yaml"}
    result: dict[str, Any] = await call.do("PATCH", PATH, body, expect=expect, query=query, headers=headers)
    return result


def _managers(obj: dict[str, Any]) -> dict[str, str]:
    return {entry["manager"]: entry["operation"] for entry in obj["metadata"]["managedFields"]}


def test_apply_creates_then_changes_nothing_then_conflicts(run: Any) -> None:
    async def body(call: Any) -> None:
        made = await _apply(call, config(replicas=2), "one", expect=201)
        assert _managers(made) == {"one": "Apply"}
        assert made["spec"]["replicas"] == 2
        same = await _apply(call, config(replicas=2), "one")
        assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        refused = await _apply(call, config(replicas=3), "two", expect=409)
        assert refused["details"]["causes"][0]["field"] == ".spec.replicas"
        forced = await _apply(call, config(replicas=3), "two", force="true")
        assert forced["spec"]["replicas"] == 3
        assert _managers(forced) == {"one": "Apply", "two": "Apply"}

    run(body)


def test_an_update_takes_ownership_of_what_it_changes(run: Any) -> None:
    async def body(call: Any) -> None:
        await _apply(call, config(replicas=2), "one", expect=201)
        scaled = await call.patch(PATH, {"spec": {"replicas": 5}}, fieldManager="scaler")
        assert _managers(scaled) == {"one": "Apply", "scaler": "Update"}
        await _apply(call, config(replicas=2), "one", expect=409)
        assert (await _apply(call, config(), "one"))["spec"]["replicas"] == 5

    run(body)


def test_apply_needs_a_manager_and_takes_yaml(run: Any) -> None:
    async def body(call: Any) -> None:
        headers = {"content-type": "application/apply-patch+yaml"}
        await call.do("PATCH", PATH, config(), expect=422, headers=headers)
        text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {k: v}\n"
        path = "/api/v1/namespaces/default/configmaps/y"
        query = {"fieldManager": "me"}
        made = await call.do("PATCH", path, text, expect=201, query=query, headers=headers)
        assert made["data"] == {"k": "v"}
        changed = await call.do("PATCH", path, text.replace(b"k: v", b"j: w"), query=query, headers=headers)
        assert changed["data"] == {"j": "w"}

    run(body)


def test_impersonation_asks_as_the_other_user(run: Any) -> None:
    async def body(call: Any) -> None:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        headers = {"impersonate-user": "bob", "impersonate-group": "a\nb"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        found = await call.do("POST", path, review, expect=201, headers=headers)
        assert found["status"]["userInfo"] == {
            "username": "bob",
            "groups": ["a", "b", "system:authenticated"],
        }

    run(body)


def test_a_strategic_patch_that_makes_no_object_is_told_as_such(run: Any) -> None:
    async def body(call: Any) -> None:
        await _apply(call, config(), "one", expect=201)
        change = {"metadata": {"labels": "invalid"}}
        refused = await call.patch(PATH, change, kind="strategic-merge-patch+json", expect=422)
        why = 'Invalid value: "map[metadata:map[labels:invalid]]": cannot restore map from string'
        assert refused["message"] == f' "" is invalid: patch: {why}'
        assert refused["details"]["causes"] == [
            {"reason": "FieldValueInvalid", "message": why, "field": "patch"}
        ]

    run(body)


def test_who_scales_owns_the_replicas_through_the_subresource(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(PATH.rpartition("/")[0], config(replicas=1), fieldManager="maker")
        await call.patch(f"{PATH}/scale", {"spec": {"replicas": 3}}, fieldManager="kubectl")
        entries = (await call.get(PATH))["metadata"]["managedFields"]
        scaler = next(entry for entry in entries if entry["manager"] == "kubectl")
        assert (scaler["subresource"], scaler["apiVersion"]) == ("scale", "apps/v1")
        assert scaler["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
        maker = next(entry for entry in entries if entry["manager"] == "maker")
        assert "f:replicas" not in maker["fieldsV1"]["f:spec"]

    run(body)
