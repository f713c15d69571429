"""The ServiceAccount and root CA publishers: both put one fixed object into every active namespace."""

from __future__ import annotations

from kube.client import AlreadyExists, Forbidden
from kube.controllers.context import Context
from kube.objects import ConfigMap, Namespace, NamespacedName, ServiceAccount
from kube.watch import WorkQueue

ROOT_CA = "kube-root-ca.crt"
_ABOUT = "The authority that signs this cluster's API server, for clients inside the cluster."


class ServiceAccounts:
    """Keyed by namespace."""

    name = "serviceaccount-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._namespaces = context.mirror(Namespace)
        self._accounts = context.mirror(ServiceAccount)
        self.queue: WorkQueue[str] = WorkQueue()
        self._namespaces.subscribe(self._on_namespace)
        self._accounts.subscribe(self._on_account)

    def _on_namespace(self, key: NamespacedName, old: Namespace | None, new: Namespace | None) -> None:
        if old is None and new is not None:
            self.queue.add(key.name)

    def _on_account(
        self, key: NamespacedName, old: ServiceAccount | None, new: ServiceAccount | None
    ) -> None:
        if new is None and key.name == "default":
            self.queue.add(key.namespace)

    async def reconcile(self, key: str) -> None:
        if not is_active(self._namespaces.get("", key)) or self._accounts.get(key, "default") is not None:
            return
        try:
            await self._context.write.create(
                ServiceAccount, key, {"metadata": {"name": "default", "namespace": key}}
            )
        except (AlreadyExists, Forbidden):
            return  # the namespace ends, or the watch is late


class RootCertificates:
    """Keyed by namespace; a changed or deleted ConfigMap is put right."""

    name = "root-ca-certificate-publisher-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._namespaces = context.mirror(Namespace)
        self._maps = context.mirror(ConfigMap)
        self.queue: WorkQueue[str] = WorkQueue()
        if context.options.root_ca_pem:
            self._namespaces.subscribe(self._on_namespace)
            self._maps.subscribe(self._on_map)

    def _on_namespace(self, key: NamespacedName, old: Namespace | None, new: Namespace | None) -> None:
        if old is None and new is not None:
            self.queue.add(key.name)

    def _on_map(self, key: NamespacedName, old: ConfigMap | None, new: ConfigMap | None) -> None:
        if key.name == ROOT_CA:
            self.queue.add(key.namespace)

    async def reconcile(self, key: str) -> None:
        if not is_active(self._namespaces.get("", key)):
            return
        data = {"ca.crt": self._context.options.root_ca_pem}
        existing = self._maps.get(key, ROOT_CA)
        if existing is not None:
            if existing.data != data:
                await self._context.write.patch(existing, {"data": {**dict.fromkeys(existing.data), **data}})
            return
        meta = {
            "name": ROOT_CA,
            "namespace": key,
            "annotations": {"kubernetes.io/description": _ABOUT},
        }
        try:
            await self._context.write.create(ConfigMap, key, {"metadata": meta, "data": data})
        except (AlreadyExists, Forbidden):
            return


def is_active(namespace: Namespace | None) -> bool:
    return (
        namespace is not None
        and namespace.metadata.deletion_timestamp is None
        and namespace.status.phase == "Active"
    )
