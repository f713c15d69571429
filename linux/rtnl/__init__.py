"""rtnetlink: links, addresses, routes, rules and neighbours of one network namespace.

`messages` holds the pure codecs, `Rtnl` does the asking. Addresses are text, prefixes ints,
MACs lower-case text with colons.
"""

from linux.rtnl.messages import Address, Link, Neighbour, Route, Rule, Vxlan
from linux.rtnl.socket import Rtnl

__all__ = ["Address", "Link", "Neighbour", "Route", "Rtnl", "Rule", "Vxlan"]
