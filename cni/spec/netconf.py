"""What every plugin's configuration has in common."""

from __future__ import annotations

from cni.spec import gojson, result, versions
from cni.spec.errors import CniError, decoding_failure
from cni.spec.gojson import Fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from cni.spec.result import DNS, Result
else:
    from linux.records import NamedTuple

VALID_ATTACHMENTS = "cni.dev/valid-attachments"
OLD_VALID_ATTACHMENTS = "cni.dev/attachments"  # libcni before 1.2 (cni#1101)


class Attachment(NamedTuple):
    """A container's interface on a network."""

    container_id: str
    ifname: str


class NetConf(NamedTuple):
    """The common part; `fields` gives a plugin its own keys."""

    version: str
    name: str
    type: str
    fields: Fields
    dns: DNS
    runtime: Fields
    """runtimeConfig: what the runtime fills in for capabilities."""
    args: Fields
    """args.cni: overrides CNI_ARGS."""

    @property
    def ipam(self) -> Fields:
        return self.fields.fields("ipam")

    @property
    def overrides_dns(self) -> bool:
        """An empty list is a setting too; an empty domain is none (Go cannot tell it from an absent one)."""
        given = self.fields.fields("dns")
        return bool(self.dns.domain) or any(key in given for key in ("nameservers", "search", "options"))

    @property
    def prev_result(self) -> Result | None:
        raw = self.fields.raw("prevResult")
        return None if raw is None else result.from_json(raw, self.version)

    @property
    def valid_attachments(self) -> frozenset[Attachment] | None:
        """None: the caller did not say, which is not the same as "none is valid"."""
        for key in (VALID_ATTACHMENTS, OLD_VALID_ATTACHMENTS):
            if key in self.fields:
                listed = self.fields.objects(key)
                return frozenset(Attachment(f.text("containerID"), f.text("ifname")) for f in listed)
        return None


def config_version(raw: Any) -> str:
    """cniVersion, 0.1.0 where absent or empty (SPEC 0.1.0 had no such key)."""
    return Fields(raw).text("cniVersion") or versions.OLDEST


def parse(raw: Any) -> NetConf:
    fields = Fields(raw)
    return NetConf(
        version=fields.text("cniVersion") or versions.OLDEST,
        name=fields.text("name"),
        type=fields.text("type"),
        fields=fields,
        dns=result.read_dns(fields.fields("dns")),
        runtime=fields.fields("runtimeConfig"),
        args=fields.fields("args").fields("cni"),
    )


def decode(data: bytes) -> dict[str, Any]:
    """The configuration object; a bare null is an empty one, as in Go."""
    value = gojson.decode(data)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise decoding_failure("the configuration must be a JSON object")
    return value


def required_prev_result(conf: NetConf, plugin: str) -> Result:
    prev = conf.prev_result
    if prev is None:
        raise CniError(f"{plugin}: required prevResult missing: must be called as chained plugin")
    return prev
