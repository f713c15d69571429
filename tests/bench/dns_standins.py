"""What a DNS server under load stands between: an API server with many Services, and another DNS server.

    python -m tests.bench.dns_standins SERVICES ENDPOINTS

Prints the API server's URL, the DNS server's address, and a UDP port: each datagram to it is the address that the
endpoint of `headless-0` has from then on.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator

from dns.fakes.objects import Json, endpoint, endpoint_slice, namespace, service
from dns.fakes.serve import FakeApi


def objects(services: int, endpoints: int) -> Iterator[Json]:
    yield namespace("bench")
    for i in range(services):
        a, b = divmod(i, 250)
        yield service(f"svc-{i}", [f"10.96.{a}.{b + 1}"], ns="bench")
        ends = [
            endpoint(f"10.{64 + e}.{a}.{b + 1}", pod=f"svc-{i}-{e}", node=f"node-{e}")
            for e in range(endpoints)
        ]
        yield endpoint_slice(f"svc-{i}", *ends, ns="bench")
    for i in range(max(services // 10, 1)):
        a, b = divmod(i, 250)
        yield service(f"headless-{i}", ns="bench")
        ends = [endpoint(f"10.{164 + e}.{a}.{b + 1}") for e in range(endpoints)]
        yield endpoint_slice(f"headless-{i}", *ends, ns="bench")


def upstream() -> str:
    """One A record for every name, TTL 3600; as cheap as it can be."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            packet, client = sock.recvfrom(4096)
            end = packet.index(0, 12) + 5
            head = packet[:2] + bytes.fromhex("818000010001") + bytes(4)
            record = bytes.fromhex("c00c0001000100000e100004c0000201")
            sock.sendto(head + packet[12:end] + record, client)

    threading.Thread(target=answer, daemon=True).start()
    host, port = sock.getsockname()
    return f"{host}:{port}"


async def main() -> None:
    services, endpoints = int(sys.argv[1]), int(sys.argv[2])
    api = FakeApi(objects(services, endpoints))
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    control.bind(("127.0.0.1", 0))

    def change() -> None:
        address = control.recv(64).decode()
        api.put(endpoint_slice("headless-0", endpoint(address), ns="bench"))

    asyncio.get_running_loop().add_reader(control, change)
    print(await api.start(), upstream(), control.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
