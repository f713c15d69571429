"""Kubernetes' URL library, and what JSON patches need of paths."""

from typing import Any
from urllib.parse import quote, unquote, urlsplit

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import Opaque


class Url(Opaque):
    """An absolute URI or an absolute path, as Go's url.ParseRequestURI takes them."""

    type_name = "kubernetes.URL"

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        if not text.isascii() or any(char <= " " or char == "\x7f" for char in text):
            raise ValueError("invalid character in URL")
        self.parts = urlsplit(text)
        if not self.parts.scheme and not text.startswith("/"):
            raise ValueError("invalid URI for request")
        if self.parts.scheme and not self.parts.netloc and not self.parts.path.startswith("/"):
            raise ValueError("invalid URI for request")
        _ = self.parts.port
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _url(text: str) -> Url:
    try:
        return Url(text)
    except ValueError as error:
        raise CelError(f'URL parse error during conversion from string: parse "{text}": {error}') from error


def _is_url(text: str) -> bool:
    try:
        Url(text)
    except ValueError:
        return False
    return True


def _host(url: Url) -> str:
    return url.parts.netloc.rpartition("@")[2]


def _hostname(url: Url) -> str:
    host = _host(url)
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _query(url: Url) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in url.parts.query.split("&"):
        name, _, value = part.partition("=")
        if part:
            found.setdefault(unquote(name.replace("+", " ")), []).append(unquote(value.replace("+", " ")))
    return found


def _escaped_key(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1")


TABLE = (
    overload("url(string) -> kubernetes.URL", _url),
    overload("isURL(string) -> bool", _is_url),
    overload("kubernetes.URL::getScheme() -> string", lambda url: url.parts.scheme),
    overload("kubernetes.URL::getHost() -> string", _host),
    overload("kubernetes.URL::getHostname() -> string", _hostname),
    overload("kubernetes.URL::getPort() -> string", lambda url: str(url.parts.port or "")),
    overload(
        "kubernetes.URL::getEscapedPath() -> string",
        lambda url: quote(unquote(url.parts.path), safe="/:@!$&'()*+,;=~"),
    ),
    overload("kubernetes.URL::getQuery() -> map(string, list(string))", _query),
    overload("jsonpatch.escapeKey(string) -> string", _escaped_key),
)
