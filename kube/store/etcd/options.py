"""How to reach etcd: what the --etcd-* flags say."""

from typing import NamedTuple
from urllib.parse import urlsplit

from kube.store.contract import StoreError

DEFAULT_PREFIX = "/registry"
_DEFAULT_PORT = 2379


class Endpoint(NamedTuple):
    """One etcd server's client address."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class EtcdOptions(NamedTuple):
    """`prefix` holds all keys (`/registry/pods/…`); `compaction_period_s` 0 leaves compacting to others."""

    servers: tuple[Endpoint, ...]
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    prefix: str = DEFAULT_PREFIX
    compaction_period_s: float = 300.0  # kube-apiserver's --etcd-compaction-interval


def parse_servers(text: str) -> tuple[Endpoint, ...]:
    """`https://a:2379,https://b:2379`; raises StoreError with what is wrong."""
    servers = tuple(_endpoint(part.strip()) for part in text.split(",") if part.strip())
    if not servers:
        raise StoreError(
            "--etcd-servers is empty: give URLs, as in https://10.0.0.1:2379,https://10.0.0.2:2379"
        )
    return servers


def _endpoint(text: str) -> Endpoint:
    try:
        url = urlsplit(text)
        port = url.port or _DEFAULT_PORT
    except ValueError as error:
        raise StoreError(f"--etcd-servers: {text} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/"):
        raise StoreError(f"--etcd-servers: {text} is not of the form https://HOST:PORT")
    return Endpoint(url.hostname, port, url.scheme == "https")


class Keyspace(NamedTuple):
    """The store's keys, which begin with `inner`, beneath `outer` in etcd."""

    inner: str = DEFAULT_PREFIX
    outer: str = DEFAULT_PREFIX

    @classmethod
    def beneath(cls, prefix: str) -> "Keyspace":
        """The keyspace of --etcd-prefix; raises StoreError."""
        outer = "/" + prefix.strip("/")
        if outer == "/":
            raise StoreError("--etcd-prefix must name a part of etcd's keys, as /registry does")
        return cls(outer=outer)

    def etcd_key(self, key: str) -> bytes:
        if not key.startswith(self.inner):
            raise StoreError(f"the key {key} is not beneath {self.inner}")
        return (self.outer + key[len(self.inner) :]).encode()

    def etcd_prefix(self, prefix: str) -> bytes:
        """What all etcd keys of the store's keys that start with prefix start with."""
        if len(prefix) <= len(self.inner) and self.inner.startswith(prefix):
            return f"{self.outer}/".encode()
        return self.etcd_key(prefix)

    def key(self, etcd_key: bytes) -> str | None:
        """The store's key, or None for what others keep in the same etcd."""
        try:
            text = etcd_key.decode()
        except UnicodeDecodeError:
            return None
        if not text.startswith(f"{self.outer}/"):
            return None
        return self.inner + text[len(self.outer) :]


def range_end(prefix: bytes) -> bytes:
    """The first key behind all that start with prefix; a zero byte is etcd's word for the end of all keys."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"
