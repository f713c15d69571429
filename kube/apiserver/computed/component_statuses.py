"""ComponentStatuses: the store, and the scheduler and the controllers as far as this server knows of them.

kube-apiserver asks the health endpoints of its own host, so what runs elsewhere is unhealthy to it. Here a part is
healthy that runs in this process, or whose Lease is renewed; of one that never showed itself nothing is said.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import kind_at
from kube.apiserver.representation.views import ListMeta, negotiate
from kube.apiserver.requests.call import Call
from kube.apiserver.requests.request import JSON, Answer, Object
from kube.apiserver.state import Api
from kube.store import StoreError
from kube.store.entries import Entry
from kube.store.watchers import View

KEY = "componentstatuses"
# Component: the part's name in this process, and its Lease in kube-system.
_PARTS = {
    "scheduler": ("scheduler", "kube-scheduler"),
    "controller-manager": ("controllers", "kube-controller-manager"),
}
_LEASES = kind_at("coordination.k8s.io", "v1", "leases")
_DEFAULT_LEASE_S = 15


async def answer(api: Api, call: Call) -> Answer:
    """StatusError 404, 405."""
    if call.verb not in call.kind.verbs:
        raise status.method_not_allowed(call.kind.resource, call.verb)
    shown = negotiate(call.kind, call.request.headers.get("accept", ""), call.request.query, api.clock())
    found = [_status("etcd-0", await _store_fault(api)), *_parts(api)]
    if call.verb == "list":
        return Answer(200, shown.list(shown.rows(found), ListMeta(api.cache.revision)), JSON)
    for entry in found:
        if entry.key == call.target.name:
            return Answer(200, shown.object(View(entry)), JSON)
    raise status.not_found(call.kind.resource, call.target.name)


async def _store_fault(api: Api) -> str:
    try:
        await api.store.caught_up()
    except StoreError as error:
        return str(error)
    return ""


def _parts(api: Api) -> Iterator[Entry]:
    assert _LEASES is not None
    for component, (part, name) in sorted(_PARTS.items()):
        lease = api.get(_LEASES, "kube-system", name)
        if lease is not None:
            yield _status(component, lease_fault(lease.decode(), api.clock()))
        elif part in api.metrics.parts:
            yield _status(component, "")


def lease_fault(lease: Object, now: float) -> str:
    """Why nobody holds it; empty when somebody does. `now` in Unix seconds."""
    spec = lease.get("spec") or {}
    if not spec.get("holderIdentity"):
        return "nobody holds its lease"
    renewed = datetime.fromisoformat(spec["renewTime"]).timestamp() if spec.get("renewTime") else 0.0
    late_s = now - renewed - (spec.get("leaseDurationSeconds") or _DEFAULT_LEASE_S)
    return f"its lease ended {late_s:.0f} s ago" if late_s > 0 else ""


def _status(name: str, fault: str) -> Entry:
    condition = {"type": "Healthy", "status": "False" if fault else "True", "message": fault or "ok"}
    obj = {
        "kind": "ComponentStatus",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "conditions": [condition],
    }
    return Entry(name, msgspec.json.encode(obj), 0, 0, {})
