"""The objects that are there before anybody makes one."""

import ipaddress
from collections.abc import Sequence

from kube.apiserver import status
from kube.apiserver.admission import NAMESPACES
from kube.apiserver.kinds import bootstrap, kind_of
from kube.apiserver.requests.options import WriteOptions
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api
from kube.apiserver.upkeep.default_roles import ensure_roles
from kube.apiserver.verbs.write import Write, create, rewrite
from kube.store.entries import Entry

SERVER = User("system:apiserver", ("system:masters", "system:authenticated"))
# What of an object follows the command line; the rest stays as users left it.
_FOLLOWED = {
    "Endpoints": ("subsets",),
    "EndpointSlice": ("addressType", "endpoints", "ports"),
}


async def ensure(api: Api) -> None:
    """Make those that are missing."""
    if "RBAC" in api.settings.authorization_modes:
        await ensure_roles(api)
    for obj in _objects(api, api.settings.advertise_address):
        if obj["kind"] not in _FOLLOWED:
            await _ensure_object(api, obj)


async def point_to(api: Api, addresses: Sequence[str]) -> None:
    """The Service `kubernetes` leads to the servers at these addresses."""
    # Endpoints may not be loopback addresses: a server for this machine alone has none.
    reachable = [address for address in addresses if not ipaddress.ip_address(address).is_loopback]
    if not reachable:
        return
    family = ":" in reachable[0]
    same = [address for address in reachable if (":" in address) is family]
    for obj in _objects(api, same[0]):
        if obj["kind"] == "Endpoints":
            obj["subsets"][0]["addresses"] = [{"ip": address} for address in same]
        elif obj["kind"] == "EndpointSlice":
            obj["endpoints"] = [{**obj["endpoints"][0], "addresses": [address]} for address in same]
        else:
            continue
        await _ensure_object(api, obj)


def _objects(api: Api, address: str) -> list[Object]:
    return bootstrap.objects(
        service_cidrs=api.settings.service_cidrs,
        advertise_address=address,
        secure_port=api.settings.secure_port,
        with_rbac=False,
    )


async def _ensure_object(api: Api, obj: Object) -> None:
    kind = kind_of(obj["apiVersion"], obj["kind"])
    assert kind is not None
    metadata = obj["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    found = api.get(kind, namespace, name)
    if found is not None:
        await _follow(api, obj, found)
        return
    if namespace and api.get(NAMESPACES, "", namespace) is None:
        await _ensure_object(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    write = Write(api, kind, kind, namespace, WriteOptions(False, "Ignore", "kcore", None), SERVER, [])
    try:
        await create(write, obj, [])
    except status.StatusError as error:
        if error.reason != "AlreadyExists":
            raise
        return
    if kind.key == "servicecidrs.networking.k8s.io":
        ready = bootstrap.ready_service_cidr_status(api.now())
        await rewrite(api, kind, "", name, lambda stored: {**stored, "status": ready})


async def _follow(api: Api, wanted: Object, found: Entry) -> None:
    fields = _FOLLOWED.get(wanted["kind"], ())
    stored = found.decode()
    changed = {field: wanted[field] for field in fields if stored.get(field) != wanted.get(field)}
    if changed:
        kind = kind_of(wanted["apiVersion"], wanted["kind"])
        assert kind is not None
        await rewrite(api, kind, found.namespace, found.name, lambda now: {**now, **changed})
