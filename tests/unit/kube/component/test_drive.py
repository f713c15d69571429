"""What a component alone counts."""

import asyncio
from pathlib import Path

import pytest

from kube.arguments import build_parser
from kube.certs import self_signed
from kube.client import Client, Unreachable
from kube.client.http_socket import Endpoint, HttpTransport
from kube.component.drive import checks_of, count_leading, count_process, counted
from kube.component.serve import server_tls
from kube.election import Elector
from kube.measures import Measures


def _nowhere() -> Client:
    return Client(HttpTransport(Endpoint("127.0.0.1", 1), None, user_agent="t"))


@pytest.mark.parametrize(("command", "port"), [("scheduler", 10259), ("controllers", 10257), ("all", 6443)])
def test_ports_are_those_of_kubernetes_components(command: str, port: int) -> None:
    assert build_parser().parse_args([command]).secure_port == port


def test_a_loop_that_is_started_anew_goes_on_counting() -> None:
    measures = Measures()
    for value in (1.0, 2.0):
        measures.counter("made_total", "Things", ("kind",)).add("a")
        measures.histogram("took_seconds", "Time").observe(0.5)
        measures.gauge("there", "Things", (), lambda value=value: {(): value})  # type: ignore[misc]
    lines = list(measures.lines())
    assert 'made_total{kind="a"} 2' in lines
    assert "took_seconds_count 2" in lines
    assert "there 2" in lines
    assert len([line for line in lines if line.startswith("# TYPE")]) == 3


def test_who_does_not_lead_is_healthy_and_says_so() -> None:
    async def said() -> tuple[list[str], dict[str, str]]:
        measures = Measures()
        elector = Elector(_nowhere(), "kube-scheduler", "me")
        count_leading(measures, elector)
        return list(measures.lines()), {name: check() for name, check in checks_of(elector).items()}

    lines, checks = asyncio.run(said())
    assert 'leader_election_master_status{name="kube-scheduler"} 0' in lines
    assert checks == {"ping": "", "leaderElection": ""}


def test_requests_without_an_answer_count_too() -> None:
    measures = Measures()
    count_process(measures)

    async def ask() -> None:
        client = counted(_nowhere(), measures)
        with pytest.raises(Unreachable):
            await client.raw("GET", "/x")
        await client.close()

    asyncio.run(ask())
    lines = list(measures.lines())
    assert 'rest_client_requests_total{code="<error>",host="127.0.0.1:1",method="GET"} 1' in lines
    assert "# TYPE process_cpu_seconds_total counter" in lines


def test_a_certificate_is_made_or_read(tmp_path: Path) -> None:
    server_tls("kube-scheduler", ("0.0.0.0", "localhost"), "", "", "")
    certificate, key = self_signed("kube-scheduler", ("localhost",))
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    server_tls("", (), certificate.decode(), str(tmp_path / "crt"), str(tmp_path / "key"))
    with pytest.raises(OSError, match="No such file"):
        server_tls("", (), "", str(tmp_path / "none"), "")
