"""The difference of two states as steps: none for equal ones, new ways before old ones go."""

from hypothesis import given
from hypothesis import strategies as st

from nodeagent.overlay import steps as s
from nodeagent.overlay.plan import NOTHING, OverlayState, PodRoute, Tunnel
from nodeagent.overlay.steps import steps

TUNNEL = Tunnel(1, 4789, "192.0.2.11", "0e:58:00:00:00:01", 1450)
B = PodRoute("10.244.1.0/24", "10.244.1.1", tunnelled=True)
FULL = OverlayState(
    TUNNEL,
    frozenset({"10.244.0.1"}),
    frozenset({B}),
    frozenset({("10.244.1.1", "0e:58:00:00:00:02")}),
    frozenset({("0e:58:00:00:00:02", "192.0.2.12")}),
)


def carried_out(state: OverlayState, todo: tuple[s.Step, ...]) -> OverlayState:
    """What a kernel would hold afterwards."""
    for step in todo:
        match step:
            case s.MakeTunnel(tunnel):
                direct = frozenset(route for route in state.routes if not route.tunnelled)
                state = OverlayState(tunnel, routes=direct)
            case s.SetTunnelMtu(mtu_bytes):
                assert state.tunnel
                state = state._replace(tunnel=state.tunnel._replace(mtu_bytes=mtu_bytes))
            case s.RemoveTunnel():
                state = OverlayState(routes=frozenset(r for r in state.routes if not r.tunnelled))
            case s.AddAddress(ip):
                state = state._replace(addresses=state.addresses | {ip})
            case s.RemoveAddress(ip):
                state = state._replace(addresses=state.addresses - {ip})
            case s.AddNeighbour(ip, mac):
                rest = frozenset(entry for entry in state.neighbours if entry[0] != ip)
                state = state._replace(neighbours=rest | {(ip, mac)})
            case s.RemoveNeighbour(ip):
                rest = frozenset(entry for entry in state.neighbours if entry[0] != ip)
                state = state._replace(neighbours=rest)
            case s.AddForwarding(mac, address):
                others = frozenset(entry for entry in state.forwarding if entry[0] != mac)
                state = state._replace(forwarding=others | {(mac, address)})
            case s.RemoveForwarding(mac, address):
                state = state._replace(forwarding=state.forwarding - {(mac, address)})
            case s.AddRoute(route, replace):
                same = frozenset(r for r in state.routes if r.dst == route.dst)
                assert replace or not same, "the kernel would say EEXIST"
                assert not route.tunnelled or state.tunnel
                state = state._replace(routes=state.routes - same | {route})
            case s.RemoveRoute(route):
                state = state._replace(routes=state.routes - {route})
    return state


def test_equal_states_need_no_step() -> None:
    assert steps(FULL, FULL) == ()


def test_from_nothing_a_route_comes_after_what_it_leads_through() -> None:
    kinds = [type(step) for step in steps(FULL, NOTHING)]
    assert kinds == [s.MakeTunnel, s.AddAddress, s.AddForwarding, s.AddNeighbour, s.AddRoute]


def test_a_node_that_moved_is_one_entry_replaced() -> None:
    moved = FULL._replace(forwarding=frozenset({("0e:58:00:00:00:02", "192.0.2.99")}))
    assert steps(moved, FULL) == (s.AddForwarding("0e:58:00:00:00:02", "192.0.2.99"),)


def test_a_node_that_went_leaves_nothing() -> None:
    alone = OverlayState(TUNNEL, frozenset({"10.244.0.1"}))
    assert carried_out(FULL, steps(alone, FULL)) == alone


def test_another_mtu_keeps_the_device_and_another_port_does_not() -> None:
    assert steps(FULL._replace(tunnel=TUNNEL._replace(mtu_bytes=1350)), FULL) == (s.SetTunnelMtu(1350),)
    other = steps(FULL._replace(tunnel=TUNNEL._replace(port=8472)), FULL)
    assert isinstance(other[0], s.MakeTunnel)
    assert s.AddRoute(B, replace=False) in other  # it went with the old device


def test_from_tunnel_to_routes_and_back() -> None:
    direct = OverlayState(routes=frozenset({PodRoute("10.244.1.0/24", "192.0.2.12", tunnelled=False)}))
    assert carried_out(FULL, steps(direct, FULL)) == direct
    assert carried_out(direct, steps(FULL, direct)) == FULL


RANGES = st.sampled_from(["10.244.1.0/24", "10.244.2.0/24", "fd00:1::/64"])
HOSTS = st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"])
MACS = st.sampled_from(["0e:58:00:00:00:01", "0e:58:00:00:00:02"])


@st.composite
def states(draw: st.DrawFn) -> OverlayState:
    direct = {
        dst: PodRoute(dst, via, tunnelled=False) for dst, via in draw(st.dictionaries(RANGES, HOSTS)).items()
    }
    if draw(st.booleans()):
        return OverlayState(routes=frozenset(direct.values()))
    tunnelled = draw(st.dictionaries(RANGES, HOSTS))
    routes = direct | {dst: PodRoute(dst, via, tunnelled=True) for dst, via in tunnelled.items()}
    return OverlayState(
        TUNNEL._replace(mtu_bytes=draw(st.sampled_from([1450, 1350])), id=draw(st.sampled_from([1, 2]))),
        draw(st.frozensets(HOSTS)),
        frozenset(routes.values()),
        frozenset(draw(st.dictionaries(HOSTS, MACS)).items()),
        frozenset(draw(st.dictionaries(MACS, HOSTS)).items()),
    )


@given(states(), states())
def test_the_steps_lead_from_any_state_to_any_other_and_then_there_are_none(
    wanted: OverlayState, actual: OverlayState
) -> None:
    reached = carried_out(actual, steps(wanted, actual))
    assert reached == wanted
    assert steps(wanted, reached) == ()
