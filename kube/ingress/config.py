"""HAProxy's configuration as text (2.6 or later, Debian 12): a Proxy's files, and its words at run time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.ingress.proxy import Backend, MapContent, Proxy, ServerChange

CONFIG = "haproxy.cfg"
SOCKET = "runtime.sock"
MASTER_SOCKET = "master.sock"
_CERTIFICATES = "certificates.list"
_FREE = "0.0.0.0:1"

# Waits in seconds. `tunnel` is for WebSockets; `hard-stop-after` bounds how long an old worker may linger after a reload.
_SETTINGS: Final = """\
defaults
    mode http
    log global
    option dontlognull
    # An idle connection of an old worker ends with its next answer, not under the client's next request.
    option idle-close-on-response
    # A pod may be gone before we hear of it: what it has not begun to answer is asked of another one.
    option redispatch 1
    retries 6
    retry-on conn-failure empty-response
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 3600s
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout queue 30s
"""


def files(proxy: Proxy, folder: str, *, user: str = "") -> dict[str, str]:
    """Content by file name, for `folder`; `user` is whom the workers become."""
    found = {f"{name}.map": _lines(entries) for name, entries in proxy.maps.items()}
    for pem in proxy.certificates:
        found[pem.name] = pem.text
    if proxy.certificates:
        found[_CERTIFICATES] = "".join(
            f"{folder}/{pem.name} [alpn h2,http/1.1] {' '.join(pem.hosts)}".rstrip() + "\n"
            for pem in proxy.certificates
        )
    found[CONFIG] = "\n".join(
        [_global(folder, user), _SETTINGS, _frontend(proxy, folder), *map(_backend, proxy.backends), _NOTHING]
    )
    return found


def _lines(entries: Mapping[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in entries.items())


def _global(folder: str, user: str) -> str:
    who = f"    user {user}\n    group {user}\n" if user else ""
    return f"""\
global
    log stdout format raw daemon notice
    stats socket {folder}/{SOCKET} mode 600 level admin expose-fd listeners
    ssl-default-bind-options ssl-min-ver TLSv1.2
    hard-stop-after 600s
    fd-hard-limit 20000
{who}"""


def _frontend(proxy: Proxy, folder: str) -> str:
    listen = proxy.listen
    binds = [f"    bind {_place(address, listen.http_port)}" for address in listen.addresses]
    if proxy.certificates:
        binds += [
            f"    bind {_place(address, listen.https_port)} ssl crt-list {folder}/{_CERTIFICATES}"
            for address in listen.addresses
        ]
    return "frontend ingress\n" + "\n".join(binds) + "\n" + _ROUTING.replace("FOLDER", folder)


# Concatenation is by variables: `concat` adds a variable's value and then text.
_ROUTING: Final = """\
    http-request set-var(txn.host) req.hdr(host),host_only,lower
    http-request set-var(txn.site) var(txn.host),map_str(FOLDER/sites.map)
    http-request set-var(txn.site) var(txn.host),regsub(^[^.]+,*),map_str(FOLDER/sites.map) if !{ var(txn.site) -m found }
    http-request set-var(txn.site) str(*) if !{ var(txn.site) -m found }
    http-request set-var(txn.path) path
    http-request set-var(txn.place) var(txn.site),concat(,txn.path)
    http-request set-var(txn.backend) var(txn.place),map_str(FOLDER/exact.map)
    http-request set-var(txn.backend) var(txn.place),concat(/),map_beg(FOLDER/prefix.map) if !{ var(txn.backend) -m found }
    http-request set-var(txn.backend) var(txn.site),map_str(FOLDER/defaults.map) if !{ var(txn.backend) -m found }
    http-request set-var(txn.backend) str(*),map_str(FOLDER/defaults.map) if !{ var(txn.backend) -m found }
    http-request redirect scheme https code 308 if !{ ssl_fc } { var(txn.site),map_str(FOLDER/redirects.map) -m found }
    http-request disable-l7-retry unless { method GET HEAD OPTIONS }
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http if !{ ssl_fc }
    use_backend %[var(txn.backend)] if { var(txn.backend) -m found }
    default_backend nothing
"""
_NOTHING: Final = """\
backend nothing
    http-request return status 404 content-type text/plain string "no Ingress has a rule for this host and path\\n"
"""
_SERVER_OPTIONS: Final = {"http": "", "h2c": " proto h2", "https": " ssl verify none alpn h2,http/1.1"}


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _backend(backend: Backend) -> str:
    lines = [f"backend {backend.title}"]
    lines += (
        ["    balance source", "    hash-type consistent"] if backend.sticky else ["    balance roundrobin"]
    )
    options = _SERVER_OPTIONS[backend.protocol]
    for index, address in enumerate(backend.slots):
        state = "" if address else " disabled"
        lines.append(f"    server {slot_name(index)} {address or _FREE}{options}{state}")
    return "\n".join(lines) + "\n"


def slot_name(index: int) -> str:
    return f"s{index + 1}"


def server_words(change: ServerChange) -> tuple[str, ...]:
    """Runtime commands, in order. A server that leaves ends the requests it has."""
    server = f"{change.backend}/{slot_name(change.slot)}"
    away = f"set server {server} state maint"
    if not change.address:
        return (away,)
    host, _, port = change.address.rpartition(":")
    address = f"set server {server} addr {host.strip('[]')} port {port}"
    return (away, address, f"set server {server} state ready")


def map_words(change: MapContent, folder: str, version: str) -> tuple[str, ...]:
    """Fills a version of the map that nobody reads yet, then puts it in the old one's place."""
    path = f"{folder}/{change.name}.map"
    adds = tuple(f"add map @{version} {path} {key} {value}" for key, value in change.entries.items())
    return (*adds, f"commit map @{version} {path}")
