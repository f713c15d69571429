"""bridge's ADD: the order of the steps."""

from __future__ import annotations

from cni.bridge import plan
from cni.bridge.gateway_apply import ensure_bridge, ensure_gateways
from cni.spec.result import Interface, Result
from cni.veth.apply import VethAttach
from cni.veth.plan import container_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.bridge.config import BridgeConf
    from linux.rtnl import Link


class BridgeAttach(VethAttach):
    plugin = "bridge"

    def run(self, conf: BridgeConf) -> Result:
        name = self.record_intent(bridge=conf.bridge)
        found = self.reserve()
        layer3 = plan.addressing(conf, found)
        self.step("bridge")
        mtu, bridge = ensure_bridge(self.host, conf, self.host_name, layer3.gateways)
        self.step("gateway")
        bridge = ensure_gateways(self.host, conf, self.host_name, bridge, layer3)
        name = self.create_pair(name, bridge.ifindex, container_mac(conf, layer3.ips), mtu)
        port = self._configure_port(conf, name)
        container = self.configure_container(layer3)
        self.masquerade(name, layer3)
        self.settle(name, layer3)
        self.record_done(name, layer3)
        interfaces = (
            Interface(bridge.name, bridge.mac, mtu=bridge.mtu),
            Interface(name, port.mac, mtu=port.mtu),
            Interface(self.call.ifname, container.mac, self.call.netns, mtu=container.mtu),
        )
        return Result(interfaces, layer3.ips, layer3.routes, self.dns(found))

    def _configure_port(self, conf: BridgeConf, name: str) -> Link:
        port = self.mark_host_end(name)
        if conf.hairpin or conf.isolated:
            self.host.set_bridge_port(
                port.ifindex, hairpin=conf.hairpin or None, isolated=conf.isolated or None
            )
        if conf.vlan or conf.trunk:
            from cni.bridge.vlan_apply import configure_port

            configure_port(self.host, conf, port)
        return port
