"""The command lines of a lab's daemons are ones that the daemons take."""

import pytest

from netns_fixtures.commands import node_commands
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Ways, plan_lab
from nodeagent.cli import parser


@pytest.mark.parametrize(("ways", "network"), [("routes", "none"), ("vxlan", "vxlan")])
def test_nodes_make_tunnels_only_where_the_lab_does_not_route(ways: Ways, network: str) -> None:
    lab = plan_lab("test", node_count=2, family="dual", proxy_mode="nftables", taken=[], ways=ways)
    knode, kproxy = node_commands(lab, lab.nodes[0], Folder("test"), "/bin")
    told = parser().parse_args(knode.argv[1:])
    assert (told.network, told.node_name) == (network, lab.nodes[0].name)
    assert told.cni_daemon
    assert kproxy.argv[0] == "/bin/kproxy"
