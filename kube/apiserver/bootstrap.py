"""The objects that are there before anybody makes one."""

from kube.apiserver import status
from kube.apiserver.admission import NAMESPACES
from kube.apiserver.kinds import bootstrap, kind_of
from kube.apiserver.options import WriteOptions
from kube.apiserver.request import Object, User
from kube.apiserver.state import Api
from kube.apiserver.write import Write, create

SERVER = User("system:apiserver", ("system:masters", "system:authenticated"))


async def ensure(api: Api) -> None:
    """Make those that are missing; what is there stays as it is."""
    for obj in bootstrap.objects(api.now()):
        await ensure_object(api, obj)


async def ensure_object(api: Api, obj: Object) -> None:
    kind = kind_of(obj["apiVersion"], obj["kind"])
    assert kind is not None
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "")
    if api.get(kind, namespace, metadata["name"]) is not None:
        return
    if namespace and api.get(NAMESPACES, "", namespace) is None:
        await ensure_object(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    write = Write(api, kind, kind, namespace, WriteOptions(False, "Ignore", "kcore", None), SERVER, [])
    try:
        await create(write, obj, [])
    except status.StatusError as error:
        if error.reason != "AlreadyExists":
            raise
