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
    from linux.rtnl.glance import Glance


class BridgeAttach(VethAttach):
    plugin = "bridge"

    def run(self, conf: BridgeConf) -> Result:
        name = self.record_intent(bridge=conf.bridge)
        self.step("bridge")
        mtu, bridge = ensure_bridge(self.host, conf, self.host_name)
        found = self.reserve()
        layer3 = plan.addressing(conf, found)
        self.step("gateway")
        gateway = self._gateway_device(conf, bridge)
        bridge = ensure_gateways(self.host, conf, self.host_name, bridge, layer3, gateway)
        name = self.create_pair(name, bridge.ifindex, container_mac(conf, layer3.ips), mtu)
        port = self._configure_port(conf, name)
        container = self.configure_container(layer3)
        self._check_spoofing(conf, name, container.mac)
        self.masquerade(name, layer3)
        self.settle(name, layer3)
        self.record_done(name, layer3)
        interfaces = (
            Interface(bridge.name, bridge.mac, mtu=bridge.mtu),
            Interface(name, port.mac, mtu=port.mtu),
            Interface(self.call.ifname, container.mac, self.call.netns, mtu=container.mtu),
            *((Interface(gateway.name, gateway.mac, mtu=gateway.mtu),) if gateway is not None else ()),
        )
        return Result(interfaces, layer3.ips, layer3.routes, self.dns(found))

    def _gateway_device(self, conf: BridgeConf, bridge: Link) -> Link | None:
        """With a VLAN the gateway's address is on a device of that VLAN, else on the bridge itself."""
        if not conf.is_gateway or not conf.vlan:
            return None
        from cni.bridge.vlan_apply import ensure_gateway_device

        return ensure_gateway_device(self.host, conf, bridge)

    def _check_spoofing(self, conf: BridgeConf, name: str, mac: str) -> None:
        if not conf.mac_spoof_check:
            return
        from cni.bridge import spoofcheck_apply

        self.step("macspoofchk")
        container_id, ifname = self.call.container_id, self.call.ifname
        self.undo("remove the MAC check", lambda: spoofcheck_apply.delete(container_id, ifname))
        spoofcheck_apply.add(container_id, ifname, name, mac)

    def _configure_port(self, conf: BridgeConf, name: str) -> Glance:
        port = self.mark_host_end(name)
        if conf.hairpin or conf.isolated:
            self.host.set_bridge_port(
                port.ifindex, hairpin=conf.hairpin or None, isolated=conf.isolated or None
            )
        if conf.vlan or conf.trunk:
            from cni.bridge.vlan_apply import configure_port

            configure_port(self.host, conf, port.ifindex)
        return port
