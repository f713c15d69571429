"""Tokens by which nodes join: each a Secret of kube-system, as kubeadm makes them (bootstrap.kubernetes.io/token)."""

import base64
import binascii
import hmac
import re
from datetime import datetime

from kube.apiserver.access.bound_tokens import AUTHENTICATED
from kube.apiserver.requests.request import Object, User
from kube.store.cache import WatchCache

TYPE = "bootstrap.kubernetes.io/token"
_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
_BOOTSTRAPPERS = "system:bootstrappers"


class BootstrapTokens:
    def __init__(self, cache: WatchCache) -> None:
        self._cache = cache

    def user_of(self, token: str, now: float) -> User | None:
        """None for what is no such token, or none that lets in now."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        entry = self._cache.get("secrets", "kube-system", f"bootstrap-token-{parts[1]}")
        return None if entry is None else named_by(entry.decode(), parts[1], parts[2], now)


def named_by(secret: Object, token_id: str, token_secret: str, now: float) -> User | None:
    """Whom the Secret's token names, if it is this one. Pure; `now` is Unix seconds."""
    data = _texts(secret)
    groups = tuple(filter(None, data.get("auth-extra-groups", "").split(",")))
    holds = (
        secret.get("type") == TYPE
        and not secret["metadata"].get("deletionTimestamp")
        and hmac.compare_digest(data.get("token-secret", "").encode(), token_secret.encode())
        and data.get("token-id") == token_id
        and data.get("usage-bootstrap-authentication") == "true"
        and not _is_over(data.get("expiration", ""), now)
        and all(_GROUP.fullmatch(group) for group in groups)
    )
    return User(f"system:bootstrap:{token_id}", (_BOOTSTRAPPERS, *groups, AUTHENTICATED)) if holds else None


def _texts(secret: Object) -> dict[str, str]:
    found = {}
    for name, value in (secret.get("data") or {}).items():
        try:
            found[name] = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found


def _is_over(expiration: str, now: float) -> bool:
    """One without an end never is; one whose end cannot be read is."""
    if not expiration:
        return False
    try:
        end = datetime.fromisoformat(expiration)
    except ValueError:
        return True
    return end.tzinfo is None or end.timestamp() <= now
