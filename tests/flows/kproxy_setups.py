"""Services and nodes that rows of the flow table, and other tests, are about."""

from kproxy.node import LocalBridge, LocalPrefix
from tests.flows.kproxy_values import (
    ALT,
    LB,
    LB2,
    ME,
    NODE,
    R2,
    VIP,
    VIP2,
    XIP,
    ZONE,
    A,
    B,
    C,
    D,
    E,
    Ep,
    Port,
    R,
    Setup,
    Svc,
    away,
    here,
    leaving,
)

_NP = Port(node_port=3001)
_ALL_PORTS = (
    Port(80, 80, name="http"),
    Port(443, 8443, name="https"),
    Port(53, 53, protocol="UDP", name="dns"),
    Port(53, 5353, protocol="TCP", name="dns-tcp"),
    Port(53, 53, protocol="SCTP", name="dns-sctp"),
)

ONE_LOCAL = Setup((Svc(endpoints=(here(A),)),))
TWO = Setup((Svc(VIP2, (here(A), away(R)), _ALL_PORTS),))
EMPTY_LB = Setup((Svc(ports=(_NP,), type="LoadBalancer", lbs=(LB,), external_ips=(XIP,)),))
RANGED = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB, LB2),
            ranges=("192.168.0.0/24", " 203.0.113.0/25"),
            endpoints=(here(A),),
        ),
    )
)
RANGED_EMPTY = Setup((RANGED.services[0]._replace(endpoints=()),))
RANGED_WITHOUT_NODE = Setup((RANGED.services[0]._replace(ranges=("203.0.113.0/25",)),))
NODE_PORT = Setup((Svc(ports=(_NP,), type="NodePort", endpoints=(away(R), here(B))),))
NODE_PORT_ANYWHERE = NODE_PORT._replace(node_ports=None)
EXTERNAL_LOCAL = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB,),
            external_ips=(XIP,),
            external="Local",
            endpoints=(away(A), here(R)),
        ),
    )
)
EXTERNAL_LOCAL_NONE_HERE = Setup((EXTERNAL_LOCAL.services[0]._replace(endpoints=(away(A), away(R))),))
EXTERNAL_LOCAL_EMPTY = Setup((EXTERNAL_LOCAL.services[0]._replace(endpoints=()),))
INTERNAL_LOCAL = Setup((Svc(internal="Local", endpoints=(here(A), away(R))),))
INTERNAL_LOCAL_NONE_HERE = Setup((Svc(internal="Local", endpoints=(away(R), away(R2))),))
INTERNAL_LOCAL_EMPTY = Setup((Svc(internal="Local"),))
BOTH_LOCAL = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB,),
            internal="Local",
            external="Local",
            endpoints=(here(A), away(R)),
        ),
    )
)
INTERNAL_LOCAL_EXTERNAL_CLUSTER = Setup((BOTH_LOCAL.services[0]._replace(external="Cluster"),))
_TERMINATING = (here(A), here(B), leaving(C, local=True), leaving(D, local=True, serving=False), away(E))
_LB80 = Svc(type="LoadBalancer", lbs=(LB,))
TERMINATING_CLUSTER = Setup((_LB80._replace(endpoints=_TERMINATING),))
TERMINATING_LOCAL = Setup((_LB80._replace(endpoints=_TERMINATING, external="Local"),))
_LAST_LOCAL = (leaving(A, local=True), leaving(B, local=True, serving=False), away(R))
ONLY_TERMINATING_HERE = Setup((_LB80._replace(endpoints=_LAST_LOCAL, external="Local"),))
ALL_TERMINATING = Setup((_LB80._replace(endpoints=(leaving(A, local=True), leaving(R))),))
NONE_SERVING = Setup((_LB80._replace(endpoints=(leaving(A, serving=False), away(R, ready=False))),))
MASQUERADE_ALL = ONE_LOCAL._replace(masquerade_all=True)
NO_DETECTOR = EXTERNAL_LOCAL._replace(detector=None)
BY_BRIDGE = EXTERNAL_LOCAL._replace(detector=LocalBridge("cni0"))
BY_PREFIX = EXTERNAL_LOCAL._replace(detector=LocalPrefix("veth"))
ZONES = Setup((Svc(endpoints=(away(A, zones=(ZONE,)), away(B, zones=("b",)), away(C, zones=(ZONE, "b")))),))
ZONES_ONE_UNHINTED = Setup((Svc(endpoints=(away(A, zones=(ZONE,)), away(B))),))
ZONES_ELSEWHERE = Setup((Svc(endpoints=(away(A, zones=("b",)), away(B, zones=("c",)))),))
NODES = Setup((Svc(endpoints=(away(A, nodes=(ME,)), away(B, nodes=("other",)))),))
NODES_AND_ZONES = Setup(
    (Svc(endpoints=(away(A, nodes=("other",), zones=(ZONE,)), away(B, nodes=("x",), zones=("b",)))),)
)
HINTED_UNREADY = Setup((Svc(endpoints=(away(A, zones=(ZONE,)), Ep(B, ready=False), leaving(C))),))
HINTS_AND_LOCAL = Setup(
    (
        Svc(
            ports=(_NP,),
            type="NodePort",
            external="Local",
            endpoints=(here(A, zones=("b",)), away(B, zones=(ZONE,))),
        ),
    )
)
PROXY_MODE_LB = Setup((_LB80._replace(endpoints=(here(A),), ip_mode="Proxy"),))
EXTERNAL_IPS_OFF = Setup((Svc(external_ips=(XIP,), endpoints=(here(A),)),), external_ips_allowed=False)
BRIDGED = Setup((Svc(endpoints=(here(A), here(B), away(R))),), bridged=("10.180.0.0/24",))
AFFINITY = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB,),
            external_ips=(XIP,),
            affinity_s=60,
            endpoints=(here(A), away(R)),
        ),
    )
)
AFFINITY_LOCAL = Setup((AFFINITY.services[0]._replace(external="Local"),))
AFFINITY_INTERNAL_LOCAL = Setup((AFFINITY.services[0]._replace(internal="Local"),))
SAME_ADDRESS = Setup(
    (
        Svc(VIP, (here(A),), external_ips=(XIP,), name="a"),
        Svc(VIP2, (here(B),), external_ips=(XIP,), name="b"),
    )
)
SHARED_ENDPOINT = Setup((Svc(VIP, (here(A),), name="a"), Svc(VIP2, (here(A), away(R)), name="b")))
MANY = Setup((Svc(endpoints=tuple(away(f"10.180.3.{i}") for i in range(1, 9))),))
NODE_ADDRESS_AS_EXTERNAL = Setup(
    (
        Svc(VIP, (here(A),), external_ips=(NODE,), name="a"),
        Svc(VIP2, (here(B),), (_NP,), "NodePort", name="b"),
    )
)

_LOCAL_POLICY = Svc(external="Local", endpoints=(here(A), away(R)))
EXTERNAL_IP_LOCAL = Setup((_LOCAL_POLICY._replace(external_ips=(XIP,)),))
BALANCED_CLUSTER_IP = Setup((_LOCAL_POLICY._replace(ports=(_NP,), lbs=(LB,)),))
RANGES_OPEN = Setup((RANGED.services[0]._replace(ranges=("203.0.113.0/25", "0.0.0.0/0")),))
RANGES_OF_OTHERS = Setup((RANGED.services[0]._replace(ranges=("nonsense", "")),))
RANGED_LOCAL = Setup((RANGED.services[0]._replace(external="Local", endpoints=(here(A), away(R))),))
RANGED_LOCAL_NONE_HERE = Setup((RANGED.services[0]._replace(external="Local", endpoints=(away(R),)),))
UNKNOWN_READINESS = Setup((Svc(endpoints=(Ep(A, local=True, ready=None), away(R, ready=False))),))
TERMINATING_ELSEWHERE = Setup((Svc(endpoints=(leaving(A, zones=("b",)), leaving(B, zones=(ZONE,)))),))
NODES_ONE_UNHINTED = Setup(
    (Svc(endpoints=(away(A, nodes=(ME,), zones=(ZONE,)), away(B, zones=(ZONE,)), away(C, zones=("b",)))),)
)
TWO_SLICES = Setup((Svc(endpoints=(here(A),), more_slices=(((away(R), here(A)), 80),)),))
REUSED_ADDRESS = Setup((Svc(endpoints=(leaving(A, local=True),), more_slices=(((here(A),), 80),)),))
TWO_NUMBERS = Setup((Svc(endpoints=(here(A),), more_slices=(((away(R),), 8080), ((here(A),), 9090))),))
NAMELESS = Setup((Svc(endpoints=(here(A),), ports=(Port(name=""),)),))
WITHOUT_SLICES = Setup((Svc(ports=(Port(), Port(81, 81, name="q")), endpoints=()),))
HEADLESS = Setup((Svc("None", (here(A),)), Svc(VIP2, (here(B),), type="ExternalName", name="b")))
THREE_NODE_PORTS = Setup(
    (
        Svc(
            ports=(
                Port(80, 80, 3001, "TCP", "t"),
                Port(80, 81, 3001, "UDP", "u"),
                Port(80, 82, 3001, "SCTP", "s"),
            ),
            type="LoadBalancer",
            lbs=(LB,),
            external="Local",
            endpoints=(here(A), away(R)),
        ),
    )
)
EMPTY_DATAGRAMS = Setup(
    (Svc(ports=(Port(53, 53, 3001, "UDP", "u"), Port(53, 53, 3001, "SCTP", "s")), type="NodePort"),)
)
HAIRPIN_OUTSIDE = Setup(
    (Svc(ports=(_NP,), type="LoadBalancer", lbs=(LB,), external="Local", endpoints=(here(A),)),)
)
LEADING_ZEROS = Setup((Svc("172.030.000.041", (here(A),), external_ips=("192.168.099.011",)),))
NO_DETECTOR_MASQUERADE_ALL = NO_DETECTOR._replace(masquerade_all=True)
SAME_LB_AND_EXTERNAL = Setup(
    (Svc(type="LoadBalancer", lbs=(LB,), external_ips=(LB,), endpoints=(here(A), away(R))),)
)
TWO_SERVICES_TWO_PORTS = Setup(
    (
        Svc(VIP, (here(A),), type="LoadBalancer", lbs=(LB,), name="a"),
        Svc(VIP2, (here(B),), (Port(8080, 80),), "LoadBalancer", (LB,), name="b"),
    )
)
MASQUERADE_ALL_LOCAL = EXTERNAL_LOCAL._replace(masquerade_all=True)
NODE_PORT_ON_TWO = NODE_PORT._replace(node_ports=(NODE, ALT))
NODE_PORT_NOWHERE = NODE_PORT._replace(node_ports=())
TERMINATING_NODE_PORT = Setup(
    (
        Svc(
            ports=(_NP,),
            type="NodePort",
            internal="Local",
            external="Local",
            endpoints=(leaving(A, local=True), leaving(B, local=True, serving=False), away(R)),
        ),
    )
)
