"""One control-plane program beside the API server: its Lease, its metrics, its pages."""

import asyncio
from urllib.parse import urlsplit

from kube.client import Client
from kube.client.http_socket import HttpTransport
from kube.client.measured_socket import MeasuredTransport
from kube.component.health import Check
from kube.component.serve import Pages, Place
from kube.component.visitors_drive import Visitors
from kube.election import Elector
from kube.measures import Measures
from linux import own_process

_OVERDUE_S = 20.0  # kube-scheduler's: a leader whose Lease has been over for so long is not healthy
_REQUEST_BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)  # client-go's


def counted(client: Client, measures: Measures) -> Client:
    """The same client; its requests are in client-go's metrics."""
    inner = client.transport
    host = urlsplit(inner.url).netloc if isinstance(inner, HttpTransport) else ""
    requests = measures.counter(
        "rest_client_requests_total", "Requests to the API server", ("code", "host", "method")
    )
    seconds = measures.histogram(
        "rest_client_request_duration_seconds",
        "Time to the API server's answer",
        ("host", "verb"),
        bounds=_REQUEST_BOUNDS,
    )

    def observe(method: str, code: str, took_s: float) -> None:
        requests.add(code, host, method)
        seconds.observe(took_s, host, method)

    return Client(MeasuredTransport(inner, observe))


def count_leading(measures: Measures, elector: Elector) -> None:
    measures.gauge(
        "leader_election_master_status",
        "1 for who holds the Lease",
        ("name",),
        lambda: {(elector.name,): float(elector.is_leader)},
    )


def count_process(measures: Measures) -> None:
    """What every Prometheus client says of its process."""
    began_s = own_process.started_at_s()
    measures.gauge(
        "process_start_time_seconds",
        "Start of the process, in seconds since 1970",
        (),
        lambda: {(): began_s},
    )
    measures.gauge(
        "process_cpu_seconds_total",
        "CPU time in seconds",
        (),
        lambda: {(): own_process.usage().cpu_s},
        kind="counter",
    )
    measures.gauge(
        "process_resident_memory_bytes",
        "Resident memory in bytes",
        (),
        lambda: {(): own_process.usage().resident_bytes},
    )


def checks_of(elector: Elector) -> dict[str, Check]:
    return {
        "ping": lambda: "",
        "leaderElection": lambda: "its lease is over" if elector.overdue_s() > _OVERDUE_S else "",
    }


async def serve_pages(client: Client, measures: Measures, elector: Elector, place: Place) -> None:
    """Until cancelled."""
    if not place.port:
        await asyncio.Event().wait()
    visitors = Visitors(client, asyncio.get_running_loop().time)
    await Pages(measures, checks_of(elector), visitors).serve(place)
