"""ServiceAccount tokens: JWTs signed ES256 with the cluster's key (RFC 7515, 7518), made and checked.

`cryptography` is imported with the first token, not at start.
"""

import base64
import hashlib
from typing import Any

import msgspec

from kube.apiserver.requests.request import Object

ISSUER = "https://kubernetes.default.svc.cluster.local"
_DEFAULT_AUDIENCES = (ISSUER, "api", "podnet")


class TokenError(ValueError):
    """The token is not ours, changed, expired or for somebody else."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TokenSigner:
    """Signs and verifies with one EC P-256 private key in PEM."""

    def __init__(self, key_pem: bytes, issuer: str = ISSUER) -> None:
        self._pem = key_pem
        self.issuer = issuer
        self._loaded: Any = None

    @property
    def audiences(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.issuer, *_DEFAULT_AUDIENCES)))

    def _key(self) -> Any:
        if self._loaded is None:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            self._loaded = load_pem_private_key(self._pem, None)
        return self._loaded

    def jwk(self) -> Object:
        """The public key as /openid/v1/jwks shows it (RFC 7517)."""
        numbers = self._key().public_key().public_numbers()
        x, y = _encode(numbers.x.to_bytes(32, "big")), _encode(numbers.y.to_bytes(32, "big"))
        return {
            "kty": "EC",
            "use": "sig",
            "alg": "ES256",
            "crv": "P-256",
            "kid": self._id(x, y),
            "x": x,
            "y": y,
        }

    def _id(self, x: str, y: str) -> str:
        return _encode(hashlib.sha256(f"{x}.{y}".encode()).digest())

    def sign(self, claims: Object) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        header = {"alg": "ES256", "kid": self.jwk()["kid"]}
        signed = f"{_encode(msgspec.json.encode(header))}.{_encode(msgspec.json.encode(claims))}"
        r, s = decode_dss_signature(self._key().sign(signed.encode(), ECDSA(hashes.SHA256())))
        return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def verify(self, token: str, now: float, audiences: tuple[str, ...] = ()) -> Object:
        """The claims; `audiences` empty means the API server's own. Raises TokenError."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        try:
            head, body, signature = token.split(".")
            header, claims = msgspec.json.decode(_decode(head)), msgspec.json.decode(_decode(body))
            raw = _decode(signature)
        except ValueError as error:
            raise TokenError("not a JSON web token") from error
        if not isinstance(header, dict) or header.get("alg") != "ES256" or len(raw) != 64:
            raise TokenError("not signed with ES256")
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        try:
            self._key().public_key().verify(der, f"{head}.{body}".encode(), ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise TokenError("the signature does not fit") from error
        if claims.get("iss") != self.issuer:
            raise TokenError(f"the issuer is not {self.issuer}")
        if not claims.get("nbf", 0) - 10 <= now < claims.get("exp", 0):
            raise TokenError("the token has expired")
        if not set(claims.get("aud") or ()) & set(audiences or self.audiences):
            raise TokenError("the token is for another audience")
        return dict(claims)
