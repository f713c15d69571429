"""One TCP stream as fast as it goes: a sink and a source, each a process of its own, that touch no byte twice.

`python -m tests.bench.streams sink PORT` prints a line when it listens, then the bytes of each stream;
`python -m tests.bench.streams source IP PORT SECONDS` prints the bytes that it sent.
"""

import os
import socket
import sys
import time

_CHUNK_BYTES = 1 << 20


def sink(port: int) -> None:
    """The kernel drops the bytes (MSG_TRUNC): reading them would be the slowest part."""
    with socket.create_server(("", port)) as server:
        print("listening", flush=True)
        buffer = bytearray(_CHUNK_BYTES)
        while True:
            connection, _ = server.accept()
            total = 0
            with connection:
                while count := connection.recv_into(buffer, _CHUNK_BYTES, socket.MSG_TRUNC):
                    total += count
            print(total, flush=True)


def source(ip: str, port: int, seconds: float) -> int:
    """From a file in memory, by sendfile: no copy."""
    memory = os.memfd_create("stream")
    os.truncate(memory, _CHUNK_BYTES)
    total = 0
    with socket.create_connection((ip, port), timeout=30) as client:
        client.settimeout(None)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            total += os.sendfile(client.fileno(), memory, 0, _CHUNK_BYTES)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
    os.close(memory)
    return total


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        sink(int(sys.argv[2]))
    else:
        print(source(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
