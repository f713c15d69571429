"""Plans of labs: addresses, names, and what cannot be planned."""

from ipaddress import ip_address, ip_network

import pytest

from netns_fixtures.addons import addons
from netns_fixtures.topology import Family, Lab, LabError, host_link_name, plan_lab


def plan(
    name: str = "podnet", node_count: int = 3, family: Family = "dual", taken: tuple[str, ...] = ()
) -> Lab:
    return plan_lab(
        name,
        node_count=node_count,
        family=family,
        proxy_mode="nftables",
        taken=[ip_network(text) for text in taken],
    )


def test_members_have_one_address_of_each_family_in_their_subnets() -> None:
    lab = plan()
    for member in (lab.hub, *lab.nodes):
        assert [
            ip_address(address) in ip_network(subnet)
            for address, subnet in zip(member.addresses, lab.subnets, strict=True)
        ] == [True, True]
    addresses = [address for member in (lab.hub, *lab.nodes) for address in member.addresses] + list(
        lab.host_addresses
    )
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize(("family", "subnets"), [("ipv4", ("172.30.0.0/24",)), ("ipv6", ("fd00:1ab::/64",))])
def test_a_lab_of_one_family_has_only_that(family: Family, subnets: tuple[str, ...]) -> None:
    lab = plan(family=family)
    assert lab.subnets == subnets
    assert len(lab.pod_ranges) == len(lab.service_ranges) == len(lab.dns_addresses) == 1


def test_the_first_subnet_that_overlaps_nothing_is_taken() -> None:
    assert plan(taken=("172.30.0.0/23", "fd00:1ab:2::/64", "10.0.0.0/8")).subnets == (
        "172.30.3.0/24",
        "fd00:1ab:3::/64",
    )


def test_a_full_range_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(LabError, match="remove labs or routes"):
        plan(taken=("172.16.0.0/12",))


@pytest.mark.parametrize("name", ["", "UPPER", "with space", "-x", "x-", "a" * 33, "../x"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="lab name"):
        plan(name)


@pytest.mark.parametrize("count", [0, -1, 101])
def test_node_counts_out_of_range_are_refused(count: int) -> None:
    with pytest.raises(LabError, match="1 to 100"):
        plan(node_count=count)


def test_a_hundred_nodes_stay_below_the_load_balancer_pool() -> None:
    lab = plan(node_count=100)
    first = ip_address(lab.load_balancer_pool[0].split("-")[0])
    assert max(ip_address(node.addresses[0]) for node in lab.nodes) < first


def test_interface_names_fit_and_differ_between_labs() -> None:
    names = {host_link_name(name) for name in ("podnet", "other", "x" * 32)}
    assert len(names) == 3
    assert all(len(name) <= 15 for name in names)


def test_an_unknown_member_names_those_there_are() -> None:
    with pytest.raises(LabError, match="node-1, node-2, node-3"):
        plan().member("node-9")


def test_the_dns_service_has_an_endpoint_slice_for_each_family() -> None:
    service, *slices, ingress_class, storage_class = addons(plan())
    assert service.metadata.name == "kube-dns"
    assert [found.address_type for found in slices] == ["IPv4", "IPv6"]  # type: ignore[attr-defined]
    assert ingress_class.metadata.annotations == {"ingressclass.kubernetes.io/is-default-class": "true"}
    assert storage_class.metadata.annotations == {"storageclass.kubernetes.io/is-default-class": "true"}
