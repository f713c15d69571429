"""Services whose traffic policy is Local and that have no endpoint on this node, counted as they change. Pure."""

from collections.abc import Iterable

from kproxy.forwarding import Drop, ForwardingTable, FrontendKind, ServiceForwarding, ServicePortName

POLICIES = ("internal", "external")


def without_local_endpoints(service: ServiceForwarding) -> tuple[bool, bool]:
    """(internal, external): traffic that is dropped because its policy is Local and no endpoint is here."""
    external = any(f.kind is not FrontendKind.CLUSTER_IP for f in service.frontends)
    return isinstance(service.internal, Drop), external and isinstance(service.external, Drop)


class WithoutLocal:
    """Of one IP family."""

    def __init__(self) -> None:
        self._names: dict[str, set[ServicePortName]] = {policy: set() for policy in POLICIES}

    def take(self, table: ForwardingTable, changed: Iterable[ServicePortName]) -> dict[str, int]:
        """By policy: how many there are now."""
        for name in changed:
            service = table.get(name)
            found = without_local_endpoints(service) if service is not None else (False, False)
            for policy, is_without in zip(POLICIES, found, strict=True):
                (self._names[policy].add if is_without else self._names[policy].discard)(name)
        return {policy: len(names) for policy, names in self._names.items()}
