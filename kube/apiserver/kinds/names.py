r"""The grammar of names, labels and ports: RFC 1123, RFC 1035 and Kubernetes' own forms.

Each `*_errors` function returns the sentences the server would print, [] for a good value.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = rf"({_QUALIFIED})?"

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_RFC1035_RE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED_RE = re.compile(_QUALIFIED)
_VALUE_RE = re.compile(_VALUE)
_PORT_CHARS_RE = re.compile(r"[-a-z0-9]+")
_CONFIG_KEY_RE = re.compile(r"[-._a-zA-Z0-9]+")
_WILDCARD_RE = re.compile(rf"\*\.{_SUBDOMAIN}")
_HEADER_RE = re.compile(r"[-A-Za-z0-9]+")
_C_IDENTIFIER_RE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _regex_message(message: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


_SUBDOMAIN_MESSAGE = _regex_message(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _SUBDOMAIN,
    "example.com",
)
_LABEL_MESSAGE = _regex_message(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _LABEL,
    "my-name",
    "123-abc",
)
_RFC1035_MESSAGE = _regex_message(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    r"[a-z]([-a-z0-9]*[a-z0-9])?",
    "my-name",
    "abc-123",
)
_QUALIFIED_MESSAGE = _regex_message(
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _QUALIFIED,
    "MyName",
    "my.name",
    "123-abc",
)
_VALUE_MESSAGE = _regex_message(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    "(" + _QUALIFIED + ")?",
    "MyValue",
    "my_value",
    "12345",
)
_WILDCARD_MESSAGE = _regex_message(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    rf"\*\.{_SUBDOMAIN}",
    "*.example.com",
)
_CONFIG_KEY_MESSAGE = _regex_message(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    r"[-._a-zA-Z0-9]+",
    "key.name",
    "KEY_NAME",
    "key-name",
)
_HEADER_MESSAGE = _regex_message(
    "a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", "X-Header-Name"
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


@lru_cache(4096)
def subdomain_errors(value: str) -> list[str]:
    errors = [_too_long(253)] if len(value) > 253 else []
    if not _SUBDOMAIN_RE.fullmatch(value):
        errors.append(_SUBDOMAIN_MESSAGE)
    return errors


@lru_cache(4096)
def label_errors(value: str) -> list[str]:
    """RFC 1123 label."""
    errors = [_too_long(63)] if len(value) > 63 else []
    if not _LABEL_RE.fullmatch(value):
        errors.append("must not contain dots" if _SUBDOMAIN_RE.fullmatch(value) else _LABEL_MESSAGE)
    return errors


def rfc1035_label_errors(value: str) -> list[str]:
    errors = [_too_long(63)] if len(value) > 63 else []
    if not _RFC1035_RE.fullmatch(value):
        errors.append(_RFC1035_MESSAGE)
    return errors


def path_segment_errors(value: str) -> list[str]:
    """RBAC names: anything that is one segment of a URL path."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in value]


@lru_cache(4096)
def label_key_errors(value: str) -> list[str]:
    """A qualified name: `[prefix/]name`. Also for annotations, finalizers and resource names."""
    prefix, slash, name = value.rpartition("/")
    errors = []
    if slash:
        if "/" in prefix:
            return [
                "a qualified name " + _QUALIFIED_MESSAGE + " with an optional DNS subdomain prefix and '/' "
                "(e.g. 'example.com/MyName')"
            ]
        if not prefix:
            errors.append("prefix part must be non-empty")
        errors.extend(f"prefix part {error}" for error in subdomain_errors(prefix) if prefix)
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > 63:
        errors.append(f"name part {_too_long(63)}")
    if not _QUALIFIED_RE.fullmatch(name):
        errors.append(f"name part {_QUALIFIED_MESSAGE}")
    return errors


@lru_cache(4096)
def label_value_errors(value: str) -> list[str]:
    errors = [_too_long(63)] if len(value) > 63 else []
    if not _VALUE_RE.fullmatch(value):
        errors.append(_VALUE_MESSAGE)
    return errors


def port_name_errors(value: str) -> list[str]:
    """IANA service names (RFC 6335), lower case only."""
    errors = [_too_long(15)] if len(value) > 15 else []
    if not _PORT_CHARS_RE.fullmatch(value):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= char <= "z" for char in value):
        errors.append("must contain at least one letter (a-z)")
    if "--" in value:
        errors.append("must not contain consecutive hyphens")
    if value[:1] == "-" or value[-1:] == "-":
        errors.append("must not begin or end with a hyphen")
    return errors


def config_key_errors(value: str) -> list[str]:
    """Keys of ConfigMaps and Secrets, which become file names."""
    errors = [_too_long(253)] if len(value) > 253 else []
    if not _CONFIG_KEY_RE.fullmatch(value):
        errors.append(_CONFIG_KEY_MESSAGE)
    if value == ".":
        errors.append("must not be '.'")
    elif value == "..":
        errors.append("must not be '..'")
    elif value.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def wildcard_errors(value: str) -> list[str]:
    errors = [_too_long(253)] if len(value) > 253 else []
    if not _WILDCARD_RE.fullmatch(value):
        errors.append(_WILDCARD_MESSAGE)
    return errors


def header_name_errors(value: str) -> list[str]:
    return [] if _HEADER_RE.fullmatch(value) else [_HEADER_MESSAGE]


def env_name_errors(value: str) -> list[str]:
    """Printable ASCII but '=' (relaxed since 1.32)."""
    if not value:
        return ["environment variable name must be non-empty"]
    if all(" " <= char <= "~" and char != "=" for char in value):
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
    ]


def ip_errors(value: str) -> list[str]:
    """An IPv4 or IPv6 address; no zone, no IPv4 number with leading zeros."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if "%" in value:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return []


def cidr_errors(value: str) -> list[str]:
    message = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    if "/" not in value or "%" in value:
        return [message]
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return [message]
    return []


NAME_RULES: Mapping[str, Callable[[str], list[str]]] = {
    "subdomain": subdomain_errors,
    "label": label_errors,
    "path": path_segment_errors,
    "ip": ip_errors,
}
