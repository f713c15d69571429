"""CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAME=web-0;IP=10.1.2.3`."""

from __future__ import annotations

from cni.spec.errors import CniError

KNOWN = frozenset({"IP", "MAC", "GATEWAY", "IgnoreUnknown"})
_TRUE = ("1", "true", "True", "TRUE", "t", "T")
_FALSE = ("0", "false", "False", "FALSE", "f", "F", "")


def parse(text: str) -> dict[str, str]:
    """Key to value. Runtimes' K8S_* keys are always welcome, other unknown ones only with IgnoreUnknown."""
    if not text:
        return {}
    values: dict[str, str] = {}
    for pair in text.split(";"):
        parts = pair.split("=")
        if len(parts) != 2:
            raise CniError(f'ARGS: invalid pair "{pair}"')
        values[parts[0]] = parts[1]
    ignore = values.get("IgnoreUnknown", "")
    if ignore not in _TRUE and ignore not in _FALSE:
        raise CniError(f'ARGS: error parsing value of pair "IgnoreUnknown={ignore}": must be true or false')
    unknown = [f"{key}={value}" for key, value in values.items() if not _is_known(key)]
    if unknown and ignore not in _TRUE:
        listed = " ".join(f'"{pair}"' for pair in unknown)
        raise CniError(f"ARGS: unknown args [{listed}]: remove them or add IgnoreUnknown=1")
    return values


def _is_known(key: str) -> bool:
    return key in KNOWN or key.startswith("K8S_")


def pod_name(values: dict[str, str]) -> str:
    """`namespace/name` of the Kubernetes pod, "" if the runtime names none."""
    name = values.get("K8S_POD_NAME", "")
    namespace = values.get("K8S_POD_NAMESPACE", "")
    return f"{namespace}/{name}" if name else ""
