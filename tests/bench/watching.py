"""Many watches in a process of its own, so that the measuring costs the measured client nothing.

`python -m tests.bench.watching KUBECONFIG PATH REVISION COUNT` prints a line when all are open; a line on its input
ends it, and it prints when each event came (time.monotonic(), which all processes share) as a JSON list.
It decodes nothing: reading and parsing of 50 streams by kube.client takes longer than the server does for them.
"""

import asyncio
import base64
import json
import ssl
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
import yaml

_EVENT = b'"type":"ADDED"'


class Watch(asyncio.Protocol):
    """One connection with one stream."""

    def __init__(self, request: bytes, times_s: list[float]) -> None:
        self._request = request
        self._times_s = times_s
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined] # uvloop's has no common class with asyncio's

    def data_received(self, data: bytes) -> None:
        now_s = time.monotonic()
        if not self.opened.done():
            self.opened.set_result(None)
        self._times_s += [now_s] * data.count(_EVENT)


def _file(entry: dict[str, Any], name: str, folder: Path, scratch: Path) -> str:
    if name in entry:
        return str(folder / entry[name])
    path = scratch / name
    path.write_bytes(base64.b64decode(entry[f"{name}-data"]))
    return str(path)


def _place(kubeconfig: Path) -> tuple[str, int, ssl.SSLContext]:
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    with tempfile.TemporaryDirectory() as name:
        folder, scratch = kubeconfig.parent, Path(name)
        tls = ssl.create_default_context(cafile=_file(cluster, "certificate-authority", folder, scratch))
        tls.load_cert_chain(
            _file(user, "client-certificate", folder, scratch), _file(user, "client-key", folder, scratch)
        )
    url = urlsplit(cluster["server"])
    return url.hostname or "", url.port or 443, tls


async def _main(kubeconfig: Path, path: str, revision: str, count: int) -> None:
    host, port, tls = _place(kubeconfig)
    request = f"GET {path}?watch=true&resourceVersion={revision} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    times_s: list[float] = []
    watches = []
    for _ in range(count):
        _, watch = await loop.create_connection(lambda: Watch(request, times_s), host, port, ssl=tls)
        watches.append(watch)
    await asyncio.gather(*(watch.opened for watch in watches))
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    print(json.dumps(times_s), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
