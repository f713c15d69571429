"""The controllers of CertificateSigningRequests: approver, signer, cleaner."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from kube.client import ApiError
from kube.controllers.certificates import plan
from kube.controllers.certificates.authority import Authority, CannotSign, opened, signed
from kube.controllers.certificates.kinds import SigningRequest
from kube.controllers.certificates.request import Asked, BadRequest, asked, parsed
from kube.controllers.clock import seconds, timestamp
from kube.controllers.context import Context
from kube.objects import NamespacedName
from kube.watch import WorkQueue

_ASKED_AGAIN_S = 30.0
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class _OfRequests:
    """Keyed by the request's name."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._requests = context.mirror(SigningRequest)
        self.queue: WorkQueue[str] = WorkQueue()
        self._requests.subscribe(self._on_request)

    def _on_request(
        self, key: NamespacedName, old: SigningRequest | None, new: SigningRequest | None
    ) -> None:
        if new is not None:
            self.queue.add(key.name)

    async def _add_condition(
        self, request: SigningRequest, subresource: str, type_: str, reason: str, message: str
    ) -> None:
        now = timestamp(self._context.wall_clock())
        made = {
            "type": type_,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastUpdateTime": now,
            "lastTransitionTime": now,
        }
        conditions = [*msgspec.to_builtins(request.status.conditions), made]
        await self._patch(request, subresource, {"conditions": conditions})

    async def _patch(self, request: SigningRequest, subresource: str, status: dict[str, Any]) -> None:
        """What was looked at, or Conflict."""
        meta = {"resourceVersion": request.metadata.resource_version}
        body = {"metadata": meta, "status": status}
        await self._context.write.patch(request, body, subresource=subresource)


class CertificateApprover(_OfRequests):
    """Approves kubelets' client certificates to who has the right to them."""

    name = "certificatesigningrequest-approving-controller"

    async def reconcile(self, key: str) -> None:
        request = self._requests.get("", key)
        if request is None or request.status.certificate or request.has("Approved") or request.has("Denied"):
            return
        try:
            rights = plan.approvals(request, asked(parsed(request.spec.request)))
        except BadRequest:
            return
        for right in rights:
            if await self._may(request, right.subresource):
                await self._add_condition(request, "approval", "Approved", "AutoApproved", right.message)
                return
        if rights:  # they may be granted yet
            self.queue.add_after(key, _ASKED_AGAIN_S)

    async def _may(self, request: SigningRequest, subresource: str) -> bool:
        who = request.spec
        attributes = {
            "group": "certificates.k8s.io",
            "version": "*",
            "resource": "certificatesigningrequests",
            "subresource": subresource,
            "verb": "create",
        }
        spec = {"user": who.username, "uid": who.uid, "groups": who.groups, "extra": who.extra}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {**spec, "resourceAttributes": attributes},
        }
        reply = await self._context.client.raw(
            "POST", _REVIEWS, headers={"content-type": "application/json"}, body=msgspec.json.encode(review)
        )
        return bool((msgspec.json.decode(reply.body).get("status") or {}).get("allowed"))


class CertificateSigner(_OfRequests):
    """Signs what is approved, if the options name a CA; its files may be replaced meanwhile."""

    name = "certificatesigningrequest-signing-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._pems = (b"", b"")
        self._authority: Authority | None = None

    async def reconcile(self, key: str) -> None:
        request = self._requests.get("", key)
        options = self._context.options
        if request is None or not request.is_to_be_signed or not options.signing_certificate_file:
            return
        if request.spec.signer_name not in plan.SIGNERS:
            return
        try:
            read = parsed(request.spec.request)
            wanted: Asked = asked(read)
        except BadRequest as error:
            await self._fail(request, str(error))
            return
        why = plan.refusal(request.spec.signer_name, wanted, request.spec.usages)
        if why:
            await self._fail(request, why)
            return
        valid = plan.validity(request.spec.expiration_seconds, int(options.signing_duration_s))
        now = datetime.fromtimestamp(self._context.wall_clock(), UTC)
        try:
            certificate = signed(self._ca(), read, request.spec.usages, valid, now)
        except (CannotSign, OSError) as error:
            raise ApiError(0, "CannotSign", f"{key} cannot be signed: {error}") from error
        await self._patch(request, "status", {"certificate": base64.b64encode(certificate).decode()})

    async def _fail(self, request: SigningRequest, why: str) -> None:
        await self._add_condition(request, "status", "Failed", "SignerValidationFailure", why)

    def _ca(self) -> Authority:
        options = self._context.options
        certificate, key = options.signing_certificate_file, options.signing_key_file
        pems = (Path(certificate).read_bytes(), Path(key).read_bytes())
        if self._authority is None or pems != self._pems:
            self._authority, self._pems = opened(*pems), pems
        return self._authority


class CertificateCleaner(_OfRequests):
    """Removes requests that have served their time."""

    name = "certificatesigningrequest-cleaner-controller"

    async def reconcile(self, key: str) -> None:
        request = self._requests.get("", key)
        if request is None:
            return
        now = self._context.wall_clock()
        updated = {
            c.type: seconds(c.last_update_time) for c in request.status.conditions if c.last_update_time
        }
        created = seconds(request.metadata.creation_timestamp or timestamp(now))
        due = plan.kept_until(request, created, updated, _end_of(request.status.certificate))
        if due is None:
            return
        if due > now:
            self.queue.add_after(key, due - now)
        else:
            await self._context.write.delete(request)


def _end_of(certificate: str) -> float | None:
    """The first one's, in Unix seconds; None where there is none that can be read."""
    if not certificate:
        return None
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(base64.b64decode(certificate))
    except ValueError:
        return None
    return found.not_valid_after_utc.timestamp()
