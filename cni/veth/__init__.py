"""What bridge and ptp share: a veth pair, its records, its addresses, its removal."""
