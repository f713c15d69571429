"""New TCP connections a second to one address: a server and a client, each a process of its own.

`python -m tests.bench.connections serve PORT` prints a line when it listens;
`python -m tests.bench.connections ask IP PORT SECONDS` prints how many connections were answered in a second.
"""

import socket
import struct
import sys
import time

_BACKLOG = 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # no port is left waiting, or they would run out


def serve(port: int) -> None:
    with socket.create_server(("", port), backlog=_BACKLOG) as server:
        print("listening", flush=True)
        while True:
            connection, _ = server.accept()
            connection.send(b"x")
            connection.close()


def ask(ip: str, port: int, seconds: float) -> float:
    count = 0
    started_s = time.perf_counter()
    until = started_s + seconds
    while time.perf_counter() < until:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            client.settimeout(5)
            client.connect((ip, port))
            if client.recv(1) == b"x":
                count += 1
    return count / (time.perf_counter() - started_s)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        print(round(ask(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
