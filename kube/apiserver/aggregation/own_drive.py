"""The APIService objects of the groups that are served here, and how extension servers get to know this server."""

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

import msgspec

from kube.apiserver import status
from kube.apiserver.aggregation.services import API_SERVICES, AVAILABLE
from kube.apiserver.kinds import KINDS, Kind, kind_at
from kube.apiserver.requests.options import WriteOptions
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api
from kube.apiserver.verbs.write import Write, create, rewrite
from kube.store import Conflict, Delete, StoreError
from kube.store.cache import store_key

_log = logging.getLogger(__name__)
_SERVER = User("system:apiserver", ("system:masters", "system:authenticated"))
_LABEL = "kube-aggregator.kubernetes.io/automanaged"
_PERIOD_S = 1.0
_CUSTOM_PRIORITY = 1000, 100  # of groups that definitions made; built-in ones come before them
_maps = kind_at("", "v1", "configmaps")
assert _maps is not None
CONFIG_MAPS: Kind = _maps
AUTHENTICATION = "extension-apiserver-authentication"


class Trust(NamedTuple):
    """PEM: who signs clients' certificates, and who signs the one by which this server speaks for others."""

    client_ca: str
    front_proxy_ca: str


def trust(client_ca: Path, front_proxy_ca: Path) -> Trust:
    return Trust(client_ca.read_text(), front_proxy_ca.read_text())


def wanted(kinds: tuple[Kind, ...]) -> dict[str, Object]:
    """By name, an APIService for each group version that is served here."""
    found: dict[str, Object] = {}
    groups = list(dict.fromkeys(kind.group for kind in KINDS))
    for kind in kinds:
        name = f"{kind.version}.{kind.group}"
        if name in found or kind.group == "metrics.k8s.io":
            continue
        built_in = kind.custom is None
        group_priority, version_priority = _CUSTOM_PRIORITY
        if built_in:
            group_priority = 18_000 if not kind.group else 17_800 - 10 * groups.index(kind.group)
            version_priority = 15
        found[name] = {
            "kind": "APIService",
            "apiVersion": "apiregistration.k8s.io/v1",
            "metadata": {"name": name, "labels": {_LABEL: "onstart" if built_in else "true"}},
            "spec": {
                **({"group": kind.group} if kind.group else {}),
                "version": kind.version,
                "groupPriorityMinimum": group_priority,
                "versionPriority": version_priority,
            },
        }
    return found


class OwnServices:
    """One loop that follows what is served."""

    def __init__(self, api: Api, known: Trust | None) -> None:
        self._api = api
        self._trust = known
        self._done: tuple[Kind, ...] = ()

    async def run(self) -> None:
        """For ever."""
        told = False
        while True:
            try:
                if not told and self._trust is not None:
                    await self._tell(self._trust)
                    told = True
                kinds = self._api.catalog.kinds
                if kinds is not self._done:
                    await self._match(kinds)
                    self._done = kinds
            except (StoreError, status.StatusError) as error:
                _log.error("APIServices of this server's groups: %s", error)
            await asyncio.sleep(_PERIOD_S)

    async def _match(self, kinds: tuple[Kind, ...]) -> None:
        rows = wanted(kinds)
        present = self._api.cache.collection(API_SERVICES.storage_key).entries
        await asyncio.gather(*(self._make(obj) for name, obj in rows.items() if name not in present))
        for name, entry in list(present.items()):
            if name not in rows and entry.labels.get(_LABEL) == "true":
                try:
                    key = store_key(API_SERVICES.storage_key, "", name)
                    await self._api.store.txn([Delete(key, entry.revision)])
                except Conflict:
                    continue  # the next turn sees it as it is now

    async def _make(self, obj: Object) -> None:
        await self._create(API_SERVICES, "", obj)
        row = {
            "type": AVAILABLE,
            "status": "True",
            "lastTransitionTime": self._api.now(),
            "reason": "Local",
            "message": "Local APIServices are always available",
        }
        await rewrite(
            self._api,
            API_SERVICES,
            "",
            obj["metadata"]["name"],
            lambda stored: {**stored, "status": {"conditions": [row]}},
        )

    async def _create(self, kind: Kind, namespace: str, obj: Object) -> None:
        options = WriteOptions(False, "Ignore", "kcore", None)
        write = Write(self._api, kind, kind, namespace, options, _SERVER, [])
        try:
            await create(write, obj, [])
        except status.StatusError as error:
            if error.reason != "AlreadyExists":
                raise

    async def _tell(self, known: Trust) -> None:
        """The ConfigMap in which extension servers look up whom to believe."""
        data = {
            "client-ca-file": known.client_ca,
            "requestheader-client-ca-file": known.front_proxy_ca,
            "requestheader-allowed-names": _text(["front-proxy-client"]),
            "requestheader-username-headers": _text(["X-Remote-User"]),
            "requestheader-uid-headers": _text(["X-Remote-Uid"]),
            "requestheader-group-headers": _text(["X-Remote-Group"]),
            "requestheader-extra-headers-prefix": _text(["X-Remote-Extra-"]),
        }
        found = self._api.get(CONFIG_MAPS, "kube-system", AUTHENTICATION)
        if found is None:
            obj: Object = {
                "kind": "ConfigMap",
                "apiVersion": "v1",
                "metadata": {"name": AUTHENTICATION},
                "data": data,
            }
            await self._create(CONFIG_MAPS, "kube-system", obj)
        elif found.decode().get("data") != data:
            await rewrite(
                self._api, CONFIG_MAPS, "kube-system", AUTHENTICATION, lambda stored: {**stored, "data": data}
            )


def _text(names: list[str]) -> str:
    return msgspec.json.encode(names).decode()
