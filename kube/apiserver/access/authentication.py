"""Who a request comes from: a client certificate, or a bearer token of the file, of a ServiceAccount, of a joining node."""

import csv
import hashlib
import io
from collections.abc import Mapping
from typing import Any

from kube.apiserver import status
from kube.apiserver.access.bootstrap_tokens import BootstrapTokens
from kube.apiserver.access.bound_tokens import AUTHENTICATED, CREDENTIAL_ID, BoundTokens
from kube.apiserver.access.tokens import TokenError
from kube.apiserver.requests.request import User
from kube.identity import subject_of


def user_of_certificate(certificate: Mapping[str, Any] | None, der: bytes | None = None) -> User | None:
    """CN is the user, each O a group; `certificate` and `der` are what ssl's getpeercert() returns."""
    if not certificate:
        return None
    name, groups = subject_of(certificate)
    if not name:
        return None
    extra = {CREDENTIAL_ID: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)} if der else {}
    return User(name, (*groups, AUTHENTICATED), "", extra)


def parse_token_file(text: str) -> dict[str, User]:
    """Lines `token,user,uid[,"group1,group2"]`, as kube-apiserver's --token-auth-file. Raises ValueError."""
    users: dict[str, User] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text), skipinitialspace=True), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) < 3:
            raise ValueError(f'line {number} of the token file must be token,user,uid[,"group1,group2"]')
        groups = tuple(group.strip() for group in row[3].split(",") if group.strip()) if len(row) > 3 else ()
        users[row[0]] = User(row[1], (*groups, AUTHENTICATED), row[2])
    return users


class KnownTokens:
    """Tokens that say nothing of themselves: of the file, and of joining nodes."""

    def __init__(self, file: Mapping[str, User], bootstrap: BootstrapTokens | None = None) -> None:
        self._file = file
        self._bootstrap = bootstrap

    def user_of(self, token: str, now: float) -> User | None:
        found = self._file.get(token)
        if found is None and self._bootstrap is not None:
            return self._bootstrap.user_of(token, now)
        return found


class Authenticator:
    """Certificates are checked by TLS before; tokens are checked here."""

    def __init__(self, known: KnownTokens, bound: BoundTokens | None) -> None:
        self._known = known
        self._bound = bound

    def authenticate(self, peer: User | None, headers: Mapping[str, str], now: float) -> User | None:
        """None for a caller without credentials; StatusError 401 for one whose token is no good."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return peer
        token = token.strip()
        known = self._known.user_of(token, now)
        if known is not None:
            return known
        if self._bound is not None and token.count(".") == 2:
            try:
                return self._bound.verify(token, now)[0]
            except TokenError:
                pass
        raise status.unauthorized()
