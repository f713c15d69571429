"""Prints the legacy nat table of the namespace it runs in, read by python-iptables through libiptc: JSON."""

import json
import sys

import iptc

table = iptc.Table(iptc.Table.NAT)
rows = [
    {
        "chain": chain.name,
        "destination": rule.dst,
        "protocol": rule.protocol,
        "matches": {match.name: match.parameters for match in rule.matches},
        "target": rule.target.name,
        # Jumps have none, and the library fails where there is nothing to print.
        "parameters": rule.target.parameters if rule.target.name == "DNAT" else {},
    }
    for chain in table.chains
    for rule in chain.rules
]
json.dump(rows, sys.stdout)
