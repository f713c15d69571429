"""DNS parameters by name (IANA "Domain Name System (DNS) Parameters")."""

from __future__ import annotations

IN, CHAOS, ANY_CLASS = 1, 3, 255
QUERY, NOTIFY = 0, 4

A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, NAPTR = 1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35
DNAME, OPT, DS, RRSIG, NSEC, DNSKEY, SVCB, HTTPS = 39, 41, 43, 46, 47, 48, 64, 65
NSEC3, NSEC3PARAM, CDS, CDNSKEY = 50, 51, 59, 60
IXFR, AXFR, ANY = 251, 252, 255

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, BADVERS = 0, 1, 2, 3, 4, 5, 6, 16

# Header flags, as bits of the second 16-bit word (RFC 1035 4.1.1, RFC 4035 3.1.6).
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010

TYPE_NAMES: dict[int, str] = {
    1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS",
    12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 21: "RT", 24: "SIG",
    25: "KEY", 26: "PX", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 39: "DNAME",
    41: "OPT", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 51: "NSEC3PARAM",
    52: "TLSA", 53: "SMIMEA", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB",
    65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR",
    253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 32768: "TA", 32769: "DLV",
}  # fmt: skip
TYPES: dict[str, int] = {name: number for number, name in TYPE_NAMES.items()}

RCODE_NAMES: dict[int, str] = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
    7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADVERS", 23: "BADCOOKIE",
}  # fmt: skip
RCODES: dict[str, int] = {name: number for number, name in RCODE_NAMES.items()}

CLASS_NAMES: dict[int, str] = {1: "IN", 2: "CS", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
CLASSES: dict[str, int] = {name: number for number, name in CLASS_NAMES.items()}

# EDNS options (RFC 5001, 7314, 7873, 7828, 7830, 8914).
NSID, CLIENT_SUBNET, EXPIRE, COOKIE, TCP_KEEPALIVE, PADDING, EXTENDED_ERROR = 3, 8, 9, 10, 11, 12, 15

# Extended error codes (RFC 8914).
EDE_OTHER, EDE_STALE, EDE_FORGED, EDE_FILTERED, EDE_PROHIBITED = 0, 3, 4, 17, 18
EDE_NOT_READY, EDE_NOT_AUTHORITATIVE, EDE_NO_REACHABLE_AUTHORITY, EDE_NETWORK_ERROR = 14, 20, 22, 23


def type_name(kind: int) -> str:
    """`A`, or `TYPE12345` (RFC 3597) for a type without a name here."""
    return TYPE_NAMES.get(kind) or f"TYPE{kind}"


def type_number(name: str) -> int:
    """The number of a type's name; raises ValueError for neither a known name nor TYPEn."""
    upper = name.upper()
    if upper in TYPES:
        return TYPES[upper]
    if upper.startswith("TYPE") and upper[4:].isdigit() and int(upper[4:]) < 65536:
        return int(upper[4:])
    raise ValueError(f"{name} is no record type: use a name such as AAAA, or TYPE65 for a number")


def rcode_name(rcode: int) -> str:
    return RCODE_NAMES.get(rcode) or f"RCODE{rcode}"


def class_name(number: int) -> str:
    return CLASS_NAMES.get(number) or f"CLASS{number}"
