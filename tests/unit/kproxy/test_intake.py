"""What is known, and what a change touches."""

import msgspec

from kproxy.forwarding import Forward, Reject, ServicePortName
from kproxy.intake import Intake
from kproxy.metrics.without_local import without_local_endpoints
from kproxy.policy import Place
from kube.objects import EndpointSlice, NamespacedName, Service, key_of
from tests.flows.kproxy_values import Setup, Svc, away, here, services_of, slices_of

_NAME = ServicePortName("ns", "svc", "p", "TCP")


def _intake() -> Intake:
    return Intake((4, 6), Place(node_name="test-node"))


def _objects(svc: Svc, family: int = 4) -> tuple[Service, EndpointSlice]:
    setup = Setup((svc,))
    return next(iter(services_of(setup, family))), next(iter(slices_of(setup, family)))


def _feed(intake: Intake, *items: Service | EndpointSlice) -> None:
    for item in items:
        if isinstance(item, Service):
            intake.set_service(key_of(item), item)
        else:
            intake.set_slice(key_of(item), item)


def test_the_order_of_arrival_does_not_show() -> None:
    service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
    tables = []
    for order in ((service, item), (item, service)):
        intake = _intake()
        _feed(intake, *order)
        intake.refresh()
        tables.append(intake.tables)
    assert tables[0] == tables[1]
    assert isinstance(tables[0][4][_NAME].internal, Forward)


def test_a_service_without_slices_rejects() -> None:
    intake = _intake()
    service, _ = _objects(Svc())
    _feed(intake, service)
    changes = intake.refresh()
    assert changes.forwarding == {4: {_NAME}, 6: set()}
    assert intake.tables[4][_NAME].internal == Reject()


def test_a_services_ports_are_those_of_both_families() -> None:
    intake = _intake()
    for family in (4, 6):
        service, _ = _objects(Svc(), family)
        renamed = msgspec.structs.replace(
            service, metadata=msgspec.structs.replace(service.metadata, name=f"svc{family}")
        )
        _feed(intake, renamed)
    intake.refresh()
    assert intake.ports_of([NamespacedName("ns", "svc6"), NamespacedName("ns", "gone")]) == {
        _NAME._replace(service="svc6")
    }


def test_a_change_that_changes_nothing_is_none() -> None:
    service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
    intake = _intake()
    _feed(intake, service, item)
    intake.refresh()
    _feed(intake, service, item)
    changes = intake.refresh()
    assert changes.forwarding == {4: set(), 6: set()}
    assert changes.known == {4: {}, 6: {}}


def test_an_endpoint_that_nobody_may_use_changes_what_is_known_but_not_the_rules() -> None:
    service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
    _, more = _objects(Svc(endpoints=(here("10.180.0.1"), away("10.180.0.2")._replace(ready=False))))
    intake = _intake()
    _feed(intake, service, item)
    intake.refresh()
    _feed(intake, more)
    changes = intake.refresh()
    assert changes.forwarding[4] == set()
    assert set(changes.known[4]) == {_NAME}


def test_deletion_names_what_was_known() -> None:
    service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
    intake = _intake()
    _feed(intake, service, item)
    intake.refresh()
    intake.set_service(key_of(service), None)
    changes = intake.refresh()
    assert intake.tables[4] == {}
    assert changes.forwarding[4] == {_NAME}
    change = changes.known[4][_NAME]
    assert change.old is not None
    assert change.new is None
    assert [e.ip for e in change.old.endpoints] == ["10.180.0.1"]


def test_a_slice_that_moves_to_another_service_leaves_the_first() -> None:
    first, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
    second, _ = _objects(Svc(name="other"))
    intake = _intake()
    _feed(intake, first, second, item)
    intake.refresh()
    moved = _objects(Svc(name="other", endpoints=(here("10.180.0.1"),)))[1]
    intake.set_slice(key_of(item), moved)
    intake.refresh()
    assert intake.tables[4][_NAME].internal == Reject()
    assert isinstance(intake.tables[4][_NAME._replace(service="other")].internal, Forward)


def test_families_are_apart() -> None:
    service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)), family=6)
    intake = _intake()
    _feed(intake, service, item)
    intake.refresh()
    assert intake.tables[4] == {}
    assert _NAME in intake.tables[6]


def test_a_slice_of_no_family_that_is_proxied_is_ignored() -> None:
    service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)), family=6)
    intake = Intake((4,), Place(node_name="test-node"))
    _feed(intake, service, item)
    intake.refresh()
    assert intake.tables == {4: {}}


def test_a_new_place_decides_everything_again() -> None:
    service, item = _objects(
        Svc(endpoints=(away("10.180.0.1", zones=("b",)), away("10.180.0.2", zones=("a",))))
    )
    intake = _intake()
    _feed(intake, service, item)
    intake.refresh()
    assert not intake.set_place(Place(node_name="test-node"))
    assert intake.set_place(Place(node_name="test-node", zone="a"))
    assert intake.refresh().forwarding[4] == {_NAME}
    internal = intake.tables[4][_NAME].internal
    assert isinstance(internal, Forward)
    assert [e.ip for e in internal.endpoints] == ["10.180.0.2"]


def test_who_has_no_local_endpoints() -> None:
    service, item = _objects(
        Svc(type="LoadBalancer", lbs=("1.2.3.4",), external="Local", endpoints=(away("10.180.0.1"),))
    )
    intake = _intake()
    _feed(intake, service, item)
    intake.refresh()
    assert without_local_endpoints(intake.tables[4][_NAME]) == (False, True)
