"""Many short TCP connections, and who answers them; each a program of its own, started inside a namespace.

`connection_storm.py serve PORT` takes `open IP` and `close IP` on standard input and answers each with a line;
who connects is told the address that it reached. `connection_storm.py storm RATE ADDRESS…` connects RATE times
a second to the addresses `IP:PORT` in turn until its standard input ends, and then prints JSON: how many were
answered, those that failed with when and why, and how many waited for a lost packet to be sent again.
"""

import asyncio
import json
import socket
import sys
import time
from contextlib import suppress

PATIENCE_S = 15.0
_SLOW_S = 0.9  # the first packet is sent again after 1 s (RFC 6298)
_BACKLOG = 512


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
        self.slow = 0
        self.failed: list[dict[str, object]] = []

    async def blow(self, stop: asyncio.Event) -> None:
        began_s = time.monotonic()
        running: set[asyncio.Task[None]] = set()
        number = 0
        while not stop.is_set():
            while number < (time.monotonic() - began_s) * self._rate:
                task = asyncio.ensure_future(self._one(self._addresses[number % len(self._addresses)]))
                running.add(task)
                task.add_done_callback(running.discard)
                number += 1
            await asyncio.sleep(1 / self._rate)
        await asyncio.gather(*running)
        self.lasted_s = time.monotonic() - began_s

    async def _one(self, address: tuple[str, int]) -> None:
        began = time.time()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await _ask(address)
        except OSError as error:
            text = str(error) or type(error).__name__
            self.failed.append({"to": f"{address[0]}:{address[1]}", "why": text, "began": began})
        else:
            self.answered += 1
            self.slow += time.time() - began > _SLOW_S


async def _ask(address: tuple[str, int]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, address)
        if not await loop.sock_recv(client, 64):
            raise ConnectionError("closed without an answer")


async def storm(rate: float, addresses: list[str]) -> None:
    pairs = [address.rpartition(":") for address in addresses]
    blowing = Storm(rate, [(ip, int(port)) for ip, _, port in pairs])
    stop = asyncio.Event()
    task = asyncio.ensure_future(blowing.blow(stop))
    print("blowing", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    stop.set()
    await task
    found = {"answered": blowing.answered, "failed": blowing.failed, "slow": blowing.slow}
    print(json.dumps({**found, "lasted_s": blowing.lasted_s}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(int(sys.argv[2])))
    else:
        asyncio.run(storm(float(sys.argv[2]), sys.argv[3:]))
