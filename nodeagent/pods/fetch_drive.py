"""Getting from the API what a pod refers to: ConfigMaps, Secrets, tokens, the volumes behind claims."""

import asyncio
import time
from collections.abc import Iterable

import msgspec

from kube.client import Client, NotFound
from kube.objects import ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret
from nodeagent.pods.sources import (
    MissingSource,
    Ref,
    Source,
    from_config_map,
    from_secret,
    from_volume,
    is_made_for,
)
from nodeagent.pods.times import epoch

_TOKEN_REFRESH_SHARE = 0.8  # a token is renewed when this much of its life is over


class _TokenStatus(msgspec.Struct):
    token: str
    expirationTimestamp: str  # noqa: N815  the JSON name


class _TokenReply(msgspec.Struct):
    status: _TokenStatus


class SourceFetcher:
    """For one pod; tokens are kept until they need renewal, the rest is asked for each time."""

    def __init__(self, client: Client, gate: asyncio.Semaphore) -> None:
        self._client = client
        self._gate = gate
        self._tokens: dict[Ref, tuple[Source, float]] = {}

    async def fetch(self, pod: Pod, refs: Iterable[Ref]) -> dict[Ref, Source | None]:
        """None for what does not exist. Raises ApiError when the API cannot be asked."""
        wanted = sorted(set(refs))
        found = await asyncio.gather(*(self._one(pod, ref) for ref in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _one(self, pod: Pod, ref: Ref) -> Source | None:
        async with self._gate:
            try:
                return await self._asked(pod, ref)
            except NotFound:
                return None

    async def _asked(self, pod: Pod, ref: Ref) -> Source:
        namespace = pod.metadata.namespace
        match ref.kind:
            case "ConfigMap":
                return from_config_map(await self._client.get(ConfigMap, ref.name, namespace))
            case "Secret":
                return from_secret(await self._client.get(Secret, ref.name, namespace))
            case "Claim":
                return await self._volume(pod, ref.name)
            case _:
                return await self._token(pod, ref)

    async def _volume(self, pod: Pod, claim_name: str) -> Source:
        """The volume behind a claim. Raises MissingSource while it is not bound, or is not the pod's and should be."""
        claim = await self._client.get(PersistentVolumeClaim, claim_name, pod.metadata.namespace)
        if is_made_for(pod, claim_name) and all(
            ref.uid != pod.metadata.uid for ref in claim.metadata.owner_references
        ):
            raise MissingSource(f'PersistentVolumeClaim "{claim_name}" was not created for this pod')
        if claim.status.phase != "Bound" or not claim.spec.volume_name:
            raise MissingSource(f'PersistentVolumeClaim "{claim_name}" is not bound')
        volume = await self._client.get(PersistentVolume, claim.spec.volume_name)
        return from_volume(claim_name, volume)

    async def _token(self, pod: Pod, ref: Ref) -> Source:
        kept = self._tokens.get(ref)
        if kept and time.time() < kept[1]:
            return kept[0]
        meta = pod.metadata
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [ref.name] if ref.name else [],
                "expirationSeconds": ref.expiration_s or 3600,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta.name, "uid": meta.uid},
            },
        }
        account = pod.spec.service_account_name or "default"
        reply = await self._client.raw(
            "POST",
            f"/api/v1/namespaces/{meta.namespace}/serviceaccounts/{account}/token",
            headers={"content-type": "application/json"},
            body=msgspec.json.encode(body),
        )
        status = msgspec.json.decode(reply.body, type=_TokenReply).status
        now_s = time.time()
        renew_s = now_s + (epoch(status.expirationTimestamp) - now_s) * _TOKEN_REFRESH_SHARE
        source = Source({"token": status.token.encode()})
        self._tokens[ref] = (source, renew_s)
        return source
