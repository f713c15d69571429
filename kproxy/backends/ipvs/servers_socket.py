"""The kernel's virtual servers, by pyroute2 (imported when first used: 0.2 s)."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import EEXIST, ENOENT, ESRCH
from typing import TYPE_CHECKING, Any

from kproxy.addresses import IPV4
from kproxy.backends.ipvs.pieces import SOURCE_HASHING_PORTS, Real, Server, Virtual
from kproxy.forwarding import PROTOCOL_NUMBERS
from kproxy.node import IpvsRules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AF = {4: socket.AF_INET, 6: socket.AF_INET6}
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_PERSISTENT, _SOURCE_PORT = 0x1, 0x10
_OUR_FLAGS = _PERSISTENT | _SOURCE_PORT  # the kernel adds its own: HASHED
_MASQUERADING = 0  # fwd_method; pyroute2 would take direct routing
_SET_CONFIG = 12
_REQUEST_AND_ACK = 5  # NLM_F_REQUEST | NLM_F_ACK
_HOST_MASK6 = socket.inet_ntoa(struct.pack("=I", 128))


class ServersError(Exception):
    """What the kernel would not, in one line."""


class Servers:
    """One family's. Raises ServersError; what is gone already or there already is no error."""

    def __init__(self, family: int) -> None:
        self._family = family
        try:
            self._ipvs = _Apart()
        except Exception as error:  # pyroute2 raises what it likes: OSError, RuntimeError, NetlinkError
            raise ServersError(
                "the kernel has no IPVS (module ip_vs): load it with `modprobe ip_vs` or use --proxy-mode nftables"
            ) from error

    def close(self) -> None:
        self._ipvs.close()

    def read(self) -> dict[Virtual, Server]:
        """All of the family but those by firewall mark, which are nobody's of ours."""
        found: dict[Virtual, Server] = {}
        for message in self._ipvs.service("dump"):
            said = message.get_attr("IPVS_CMD_ATTR_SERVICE")
            if said.get_attr("IPVS_SVC_ATTR_AF") != _AF[self._family] or said.get_attr(
                "IPVS_SVC_ATTR_FWMARK"
            ):
                continue
            protocol = _PROTOCOL_NAMES.get(said.get_attr("IPVS_SVC_ATTR_PROTOCOL"), "")
            ip = said.get_attr("IPVS_SVC_ATTR_ADDR")
            virtual = Virtual(protocol, ip, said.get_attr("IPVS_SVC_ATTR_PORT"))
            flags = said.get_attr("IPVS_SVC_ATTR_FLAGS")["flags"]
            timeout_s = said.get_attr("IPVS_SVC_ATTR_TIMEOUT") if flags & _PERSISTENT else 0
            reals = {real: weight for real, weight, _ in self.reals(virtual)}
            found[virtual] = Server(said.get_attr("IPVS_SVC_ATTR_SCHED_NAME"), timeout_s, reals)
        return found

    def reals(self, virtual: Virtual) -> Iterator[tuple[Real, int, int]]:
        """Each with its weight and its connections, open and closing."""
        with _told(virtual):
            for message in self._ipvs.dest("dump", self._key(virtual)):
                said = message.get_attr("IPVS_CMD_ATTR_DEST")
                if said is None:
                    continue
                busy = said.get_attr("IPVS_DEST_ATTR_ACTIVE_CONNS") + said.get_attr(
                    "IPVS_DEST_ATTR_INACT_CONNS"
                )
                real = Real(said.get_attr("IPVS_DEST_ATTR_ADDR"), said.get_attr("IPVS_DEST_ATTR_PORT"))
                yield real, said.get_attr("IPVS_DEST_ATTR_WEIGHT"), busy

    def add(self, virtual: Virtual, server: Server) -> None:
        with _told(virtual, EEXIST):
            self._ipvs.service("add", service=self._service(virtual, server))
            return
        self.change(virtual, server)

    def change(self, virtual: Virtual, server: Server) -> None:
        with _told(virtual):
            self._ipvs.service("set", service=self._service(virtual, server))

    def remove(self, virtual: Virtual) -> None:
        with _told(virtual, ESRCH, ENOENT):
            self._ipvs.service("del", service=self._key(virtual))

    def set_real(self, virtual: Virtual, real: Real, weight: int) -> None:
        """Added with its weight; one that is there, perhaps about to leave, gets it."""
        dest = self._dest(real, weight)
        if weight:
            with _told(virtual, EEXIST):
                self._ipvs.dest("add", service=self._key(virtual), dest=dest)
                return
        with _told(virtual, ESRCH, ENOENT):
            self._ipvs.dest("set", service=self._key(virtual), dest=dest)

    def remove_real(self, virtual: Virtual, real: Real) -> None:
        with _told(virtual, ESRCH, ENOENT):
            self._ipvs.dest("del", service=self._key(virtual), dest=self._dest(real, 0))

    def set_timeouts(self, rules: IpvsRules) -> None:
        """0 leaves the kernel's."""
        from pyroute2.netlink.generic import ipvs

        named: Mapping[str, int] = {
            "TCP": rules.tcp_timeout_s,
            "TCP_FIN": rules.tcp_fin_timeout_s,
            "UDP": rules.udp_timeout_s,
        }
        if not any(named.values()):
            return
        message = ipvs.ipvsmsg()
        message["cmd"], message["version"] = _SET_CONFIG, 1
        message["attrs"] = [
            (f"IPVS_CMD_ATTR_TIMEOUT_{name}", struct.pack("=I", seconds)) for name, seconds in named.items()
        ]
        with _told(Virtual("timeouts", "", 0)):
            self._ipvs.send(message)

    def _key(self, virtual: Virtual) -> Any:
        from pyroute2 import IPVSService

        more = {} if self._family == IPV4 else {"netmask": _HOST_MASK6}
        return IPVSService(
            addr=virtual.ip,
            port=virtual.port,
            protocol=PROTOCOL_NUMBERS[virtual.protocol],
            **more,
        )

    def _service(self, virtual: Virtual, server: Server) -> Any:
        service = self._key(virtual)
        flags = _PERSISTENT if server.persistent_s else 0
        if server.scheduler == SOURCE_HASHING_PORTS:
            flags |= _SOURCE_PORT
        service["sched_name"] = server.scheduler
        service["timeout"] = server.persistent_s
        service["flags"] = {"flags": flags, "mask": _OUR_FLAGS}
        return service

    def _dest(self, real: Real, weight: int) -> Any:
        from pyroute2 import IPVSDest

        return IPVSDest(addr=real.ip, port=real.port, weight=weight, fwd_method=_MASQUERADING)


class _Apart:
    """pyroute2's socket in a thread of its own: it runs an event loop, which cannot be within ours."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ipvs")
        try:
            self._socket = self._thread.submit(self._open).result()
        except BaseException:
            self._thread.shutdown()
            raise

    @staticmethod
    def _open() -> Any:
        from pyroute2 import IPVS

        return IPVS()

    def service(self, command: str, service: Any = None) -> list[Any]:
        return self._thread.submit(lambda: list(self._socket.service(command, service=service))).result()

    def dest(self, command: str, service: Any, dest: Any = None) -> list[Any]:
        return self._thread.submit(lambda: list(self._socket.dest(command, service, dest))).result()

    def send(self, message: Any) -> None:
        def request() -> None:
            list(self._socket.nlm_request(message, msg_type=self._socket.prid, msg_flags=_REQUEST_AND_ACK))

        self._thread.submit(request).result()

    def close(self) -> None:
        self._thread.submit(self._socket.close).result()
        self._thread.shutdown()


class _told(suppress):  # noqa: N801  # reads as the context manager that it is
    """Turns pyroute2's errors into ServersError that names the virtual server; the codes given are swallowed."""

    def __init__(self, virtual: Virtual, *swallowed: int) -> None:
        super().__init__()
        self._virtual = virtual
        self._swallowed = swallowed

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        code = getattr(error, "code", None) or getattr(error, "errno", None)
        if code in self._swallowed:
            return True
        where = f"{self._virtual.ip} {self._virtual.port}/{self._virtual.protocol}"
        raise ServersError(f"IPVS refused {where}: {error}") from error
