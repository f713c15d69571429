"""VLANs of bridge ports; needs CONFIG_BRIDGE_VLAN_FILTERING."""
