"""Servers of healthCheckNodePort follow what is known of their services."""

import asyncio
from typing import Any

import msgspec
import pytest

from kproxy.intake import Intake
from kproxy.pages.checks_drive import ServiceChecks
from kproxy.pages.serve import HttpServer, text_answer
from kproxy.policy import Place
from kube.objects import NamespacedName, Service, key_of
from tests.ports import free_port


def _intake(port: int | None) -> Intake:
    spec: dict[str, Any] = {
        "clusterIP": "10.96.0.9",
        "clusterIPs": ["10.96.0.9"],
        "ipFamilies": ["IPv4"],
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "ports": [{"name": "p", "port": 80, "nodePort": 30001}],
    }
    if port is not None:
        spec["healthCheckNodePort"] = port
    body = {"metadata": {"name": "svc", "namespace": "ns"}, "spec": spec}
    service = msgspec.convert(body, Service)
    intake = Intake((4,), Place(node_name="test-node"))
    intake.set_service(key_of(service), service)
    return intake


async def _asked(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_port_that_is_taken_is_told_and_tried_again_with_the_next_update() -> None:
    async def main() -> None:
        port, told = free_port(), []
        intake = _intake(port)
        names = intake.refresh().known[4]
        checks = ServiceChecks(lambda: True)
        checks.on_failure = lambda service, reason: told.append((service, reason))
        other = HttpServer(lambda _: text_answer(200, ""))
        await other.start("127.0.0.1", port)
        checks.look_at(names)
        await checks.update(intake, lambda: ["127.0.0.1"])
        assert told == [(NamespacedName("ns", "svc"), f"port {port}: Address already in use")]
        other.close()
        await checks.update(intake, lambda: ["127.0.0.1"])
        assert len(told) == 1
        assert b" 503 " in await _asked(port)  # no endpoint is here
        checks.look_at(names)
        await checks.update(_intake(None), lambda: ["127.0.0.1"])
        with pytest.raises(ConnectionRefusedError):
            await _asked(port)

    asyncio.run(main())


def test_nothing_is_done_for_services_that_did_not_change() -> None:
    async def main() -> None:
        def hosts() -> list[str]:
            raise AssertionError("nobody asked")

        await ServiceChecks(lambda: True).update(_intake(free_port()), hosts)

    asyncio.run(main())
