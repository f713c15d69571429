"""nf_tables over netlink: values, their wire form, and a socket (kernel 5.13 and later).

`values` says what a table is made of, `expressions` what a rule is made of; `wire` turns both into
netlink messages and back; `socket` speaks to the kernel; `trace` follows a packet through the values.
"""
