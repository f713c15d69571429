"""Many short TCP connections, and who answers them; each a program of its own, started inside a namespace.

`connection_storm.py serve PORT` takes `open IP` and `close IP` on standard input and answers each with a line;
who connects is told the address that it reached. `connection_storm.py storm RATE ADDRESS…` connects RATE times
a second to the addresses `IP:PORT` in turn until its standard input ends, and then prints JSON: how many were
answered, those that failed with when and why, and how many had to send a packet again. A storm that was held up
itself does not catch up on what it missed.
"""

import asyncio
import json
import socket
import sys
import time
from contextlib import suppress

PATIENCE_S = 20.0  # a machine may stand still for ten
_BACKLOG = 4096
_TCP_INFO_BYTES, _TOTAL_RETRANS = (
    104,
    100,
)  # struct tcp_info, and where in it tcpi_total_retrans is (linux/tcp.h)


class Servers:
    """One listener an address, so that one address can be closed while others go on."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: dict[str, asyncio.Server] = {}

    async def obey(self, line: str) -> None:
        verb, ip = line.split()
        if verb == "open":
            server = await asyncio.start_server(_answer, ip, self._port, backlog=_BACKLOG)
            self._open[ip] = server
        else:
            self._open.pop(ip).close()


async def _answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.write(writer.get_extra_info("sockname")[0].encode())
        await writer.drain()
        writer.close()


async def serve(port: int) -> None:
    servers = Servers(port)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await servers.obey(line)
        print("done", flush=True)


class Storm:
    """What became of the connections."""

    def __init__(self, rate: float, addresses: list[tuple[str, int]]) -> None:
        self._rate = rate
        self._addresses = addresses
        self.answered = 0
        self.resent = 0
        self.failed: list[dict[str, object]] = []

    async def blow(self, stop: asyncio.Event) -> None:
        started_s = began_s = time.monotonic()
        running: set[asyncio.Task[None]] = set()
        number = 0
        while not stop.is_set():
            due = (time.monotonic() - began_s) * self._rate
            if due - number > self._rate / 2:
                began_s += (due - number) / self._rate
            while number < (time.monotonic() - began_s) * self._rate:
                task = asyncio.ensure_future(self._one(self._addresses[number % len(self._addresses)]))
                running.add(task)
                task.add_done_callback(running.discard)
                number += 1
            await asyncio.sleep(1 / self._rate)
        await asyncio.gather(*running)
        self.lasted_s = time.monotonic() - started_s

    async def _one(self, address: tuple[str, int]) -> None:
        began = time.time()
        try:
            async with asyncio.timeout(PATIENCE_S):
                resent = await _ask(address)
        except OSError as error:
            text, to = str(error) or type(error).__name__, f"{address[0]}:{address[1]}"
            self.failed.append({"to": to, "why": text, "began": began, "ended": time.time()})
        else:
            self.answered += 1
            self.resent += resent


async def _ask(address: tuple[str, int]) -> bool:
    """Whether a packet had to be sent again. No clock tells: machines stand still at times."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, address)
        if not await loop.sock_recv(client, 64):
            raise ConnectionError("closed without an answer")
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        return int.from_bytes(info[_TOTAL_RETRANS:], sys.byteorder) > 0


async def storm(rate: float, addresses: list[str]) -> None:
    pairs = [address.rpartition(":") for address in addresses]
    blowing = Storm(rate, [(ip, int(port)) for ip, _, port in pairs])
    stop = asyncio.Event()
    task = asyncio.ensure_future(blowing.blow(stop))
    print("blowing", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    stop.set()
    await task
    found = {"answered": blowing.answered, "failed": blowing.failed, "resent": blowing.resent}
    print(json.dumps({**found, "lasted_s": blowing.lasted_s}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(int(sys.argv[2])))
    else:
        asyncio.run(storm(float(sys.argv[2]), sys.argv[3:]))
