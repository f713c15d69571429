"""/metrics and /healthz over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(address: str, render: Callable[[], str]) -> Callable[[], None]:
    """Listens at ADDRESS:PORT from a thread of its own; call the result to end it."""
    host, _, port = address.rpartition(":")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, text = 200, "ok\n"
            if self.path == "/metrics":
                text = render()
            elif self.path != "/healthz":
                code, text = 404, "not found\n"
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the superclass's name
            """Scrapes are not news."""

    server = ThreadingHTTPServer((host.strip("[]"), int(port)), Handler)
    threading.Thread(target=server.serve_forever, name="cni-metrics", daemon=True).start()
    return server.shutdown
