"""Services and slices that come, change and go in any order: what properties of the proxy are asked of."""

from hypothesis import strategies as st

from kproxy.intake import Intake
from kproxy.policy import Place
from kube.objects import key_of
from tests.flows.kproxy_values import (
    LB,
    ME,
    NODE,
    VIP,
    VIP2,
    XIP,
    ZONE,
    Ep,
    Port,
    Setup,
    Svc,
    node_of,
    services_of,
    slices_of,
)

Step = tuple[str, Svc]
IPS = [f"10.180.0.{i}" for i in range(1, 6)]
_ENDPOINTS = st.lists(
    st.builds(
        Ep,
        st.sampled_from(IPS),
        local=st.booleans(),
        ready=st.booleans(),
        serving=st.booleans(),
        terminating=st.booleans(),
        zones=st.sampled_from([(), (ZONE,), ("b",)]),
        nodes=st.sampled_from([(), (), (ME,), ("other",)]),
    ),
    max_size=5,
    unique_by=lambda e: e.ip,
).map(tuple)
_SERVICES = st.builds(
    Svc,
    ip=st.sampled_from([VIP, VIP2]),
    endpoints=_ENDPOINTS,
    ports=st.sampled_from(
        [(Port(),), (Port(node_port=3001),), (Port(), Port(53, 53, protocol="UDP", name="u"))]
    ),
    type=st.just("LoadBalancer"),
    lbs=st.sampled_from([(), (LB,)]),
    external_ips=st.sampled_from([(), (XIP,)]),
    ranges=st.sampled_from([(), ("203.0.113.0/25",), ("192.168.0.0/24", "203.0.113.0/24")]),
    internal=st.sampled_from(["Cluster", "Local"]),
    external=st.sampled_from(["Cluster", "Local"]),
    affinity_s=st.sampled_from([None, None, 60]),
    ip_mode=st.sampled_from([None, "VIP", "Proxy"]),
    more_slices=st.sampled_from([(), (), (((Ep(IPS[0]), Ep(IPS[1], local=True)), 8080),)]),
    name=st.sampled_from(["a", "b", "c"]),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["service", "slice", "no service", "no slice"]), _SERVICES), max_size=12
)
NODE_RULES = node_of(Setup(()), 4)


def take(intake: Intake, kind: str, svc: Svc) -> None:
    """One step: `service`, `slice`, or the end of one."""
    setup = Setup((svc,))
    for service in services_of(setup, 4):
        if "service" in kind:
            intake.set_service(key_of(service), None if kind.startswith("no") else service)
    for item in slices_of(setup, 4):
        if "slice" in kind:
            intake.set_slice(key_of(item), None if kind.startswith("no") else item)


def empty_intake() -> Intake:
    return Intake((4,), Place(node_name=ME, zone=ZONE, node_ips=(NODE,)))
