"""Ingresses as one table: who owns a place, what is ours, what is told."""

import msgspec

from kube.ingress.kinds import CONTROLLER, IngressClass, IngressClassSpec
from kube.ingress.routes import ANY_HOST, BackendRef, is_ours, plan_routes
from kube.objects import Ingress, NamespacedName, ObjectMeta, decode

WEB, API = BackendRef("demo", "web", "80"), BackendRef("demo", "api", "http")


def backend(name: str) -> dict:
    port = {"number": 80} if name == "web" else {"name": "http"}
    return {"service": {"name": name, "port": port}}


def path(text: str, name: str, kind: str = "Prefix") -> dict:
    return {"path": text, "pathType": kind, "backend": backend(name)}


def ingress(name: str = "one", made: str = "2026-01-01T00:00:00Z", **spec: object) -> Ingress:
    annotations = spec.pop("annotations", {})
    metadata = {"name": name, "namespace": "demo", "creationTimestamp": made, "annotations": annotations}
    return decode(Ingress, msgspec.json.encode({"metadata": metadata, "spec": spec}))


def rule(*paths: dict, host: str = "") -> dict:
    return {"host": host, "http": {"paths": list(paths)}}


def test_prefixes_end_in_a_slash_and_exact_paths_do_not() -> None:
    routes = plan_routes(
        [
            ingress(
                rules=[
                    rule(
                        path("/", "web"), path("/api/", "api"), path("/v1", "api", "ImplementationSpecific")
                    ),
                    rule(path("/ok", "api", "Exact"), host="A.example"),
                ]
            )
        ]
    )
    assert routes.prefix == {"*/": WEB, "*/api/": API, "*/v1/": API}
    assert routes.exact == {"a.example/ok": API}
    assert routes.sites == {ANY_HOST, "a.example"}
    assert routes.backends == (API, WEB)


def test_the_older_ingress_keeps_a_place_and_the_newer_is_told() -> None:
    older = ingress("older", "2026-01-01T00:00:00Z", rules=[rule(path("/", "web"))])
    newer = ingress("newer", "2026-01-02T00:00:00Z", rules=[rule(path("/", "api"), path("/x", "api"))])
    routes = plan_routes([newer, older])
    assert routes.prefix == {"*/": WEB, "*/x/": API}
    (problem,) = routes.problems
    assert (problem.ingress, problem.reason) == (NamespacedName("demo", "newer"), "Conflict")
    assert "is taken by an older Ingress" in problem.message


def test_a_default_backend_answers_for_its_hosts_and_for_all_that_have_none() -> None:
    with_rules = ingress(defaultBackend=backend("web"), rules=[rule(path("/x", "api"), host="a.example")])
    routes = plan_routes([with_rules])
    assert routes.defaults == {"a.example": WEB, ANY_HOST: WEB}


def test_certificates_of_one_secret_are_joined() -> None:
    tls = [
        {"hosts": ["A.example"], "secretName": "s"},
        {"hosts": ["b.example", "a.example"], "secretName": "s"},
    ]
    routes = plan_routes([ingress(tls=tls), ingress("two", tls=[{"hosts": ["c.example"]}])])
    (certificate,) = routes.certificates
    assert certificate == (NamespacedName("demo", "s"), ("a.example", "b.example"))
    assert [problem.reason for problem in routes.problems] == ["NoCertificate"]


def test_redirects_are_asked_for_by_annotation() -> None:
    asked = ingress(annotations={"podnet.internal/ssl-redirect": "true"}, rules=[rule(host="a.example")])
    assert plan_routes([asked]).redirected == {"a.example"}
    assert plan_routes([ingress(rules=[rule(host="a.example")])]).redirected == frozenset()


def test_what_is_no_service_is_told_not_served() -> None:
    resource = {"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    routes = plan_routes([ingress(rules=[{"http": {"paths": [resource]}}])])
    assert routes.prefix == {}
    assert [problem.reason for problem in routes.problems] == ["Unsupported"]


def test_ingresses_of_others_are_left_alone() -> None:
    def a_class(name: str, controller: str) -> IngressClass:
        return IngressClass(metadata=ObjectMeta(name=name), spec=IngressClassSpec(controller=controller))

    ours, other = a_class("podnet", CONTROLLER), a_class("other", "example.com/other")
    both, alone = {"podnet": ours, "other": other}, {"podnet": ours}
    assert is_ours(ingress(ingressClassName="podnet"), both)
    assert not is_ours(ingress(ingressClassName="other"), both)
    assert not is_ours(ingress(ingressClassName="absent"), both)
    assert is_ours(ingress(annotations={"kubernetes.io/ingress.class": "podnet"}), both)
    assert is_ours(ingress(), alone)
    assert not is_ours(ingress(), both)
    assert not is_ours(ingress(), {})
