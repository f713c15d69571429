"""IngressClass (networking.k8s.io/v1), as far as choosing an implementation goes."""

from __future__ import annotations

from typing import ClassVar

from kube.objects import Object, Resource
from kube.objects.value import Value

CONTROLLER = "podnet.internal/ingress"
DEFAULT_CLASS_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"
OLD_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
REDIRECT_ANNOTATION = "podnet.internal/ssl-redirect"


class IngressClassSpec(Value):
    controller: str = ""


class IngressClass(Object):
    resource: ClassVar[Resource] = Resource(
        "networking.k8s.io", "v1", "ingressclasses", "IngressClass", namespaced=False
    )
    spec: IngressClassSpec = IngressClassSpec()
