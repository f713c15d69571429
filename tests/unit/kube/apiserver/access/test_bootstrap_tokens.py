"""Tokens of joining nodes."""

import base64
from typing import Any

import pytest

from kube.apiserver.access.bootstrap_tokens import TYPE, named_by

_NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
_ID, _SECRET = "abcdef", "0123456789abcdef"


def _secret(
    kind: str = TYPE, metadata: dict[str, Any] | None = None, **changed: str | None
) -> dict[str, Any]:
    texts = {
        "token-id": _ID,
        "token-secret": _SECRET,
        "usage-bootstrap-authentication": "true",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    data = {
        name: base64.b64encode(value.encode()).decode() for name, value in texts.items() if value is not None
    }
    return {"metadata": metadata or {}, "type": kind, "data": data}


def test_a_token_names_its_user_and_groups() -> None:
    groups = "system:bootstrappers:kubeadm:default-node-token,system:bootstrappers:a"
    found = named_by(_secret(auth_extra_groups=groups, expiration="2027-01-15T09:00:00Z"), _ID, _SECRET, _NOW)
    assert found is not None
    assert found.name == "system:bootstrap:abcdef"
    assert found.groups == ("system:bootstrappers", *groups.split(","), "system:authenticated")


@pytest.mark.parametrize(
    "secret",
    [
        _secret("Opaque"),
        _secret(metadata={"deletionTimestamp": "2027-01-15T07:00:00Z"}),
        _secret(token_secret="fedcba9876543210"),
        _secret(token_secret=None),
        _secret(token_id="other0"),
        _secret(usage_bootstrap_authentication="false"),
        _secret(expiration="2027-01-15T08:00:00Z"),
        _secret(expiration="soon"),
        _secret(auth_extra_groups="system:masters"),
        {"metadata": {}, "type": TYPE, "data": {"token-id": "%"}},
        {"metadata": {}, "type": TYPE},
    ],
)
def test_what_lets_nobody_in(secret: dict[str, Any]) -> None:
    assert named_by(secret, _ID, _SECRET, _NOW) is None
