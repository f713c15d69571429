"""Rules of containers: names, images, ports, environment, mounts, probes, resources."""

from collections.abc import Iterable, Mapping
from typing import Any

from kube.apiserver.kinds import quantity
from kube.apiserver.kinds.names import env_name_errors, header_name_errors, label_errors, port_name_errors
from kube.apiserver.kinds.validation.rules import (
    NOT_NEGATIVE,
    Errors,
    each,
    needed,
    not_negative,
    one_of,
    port_number,
)
from kube.apiserver.status import duplicate, forbidden_value, invalid_value, not_found_value, required

Object = dict[str, Any]

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
PROTOCOLS = ("SCTP", "TCP", "UDP")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_VALUE_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_FIELD_PATHS = frozenset(
    [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ]
)
_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage", "storage"})


def container(
    errors: Errors, where: str, item: Object, volumes: Iterable[str], *, init: bool = False
) -> None:
    name = item.get("name") or ""
    if not name:
        errors.append(required(f"{where}.name"))
    else:
        each(errors, f"{where}.name", name, label_errors(name))
    image = item.get("image")
    if not image:
        errors.append(required(f"{where}.image"))
    elif image != image.strip():
        detail = "must not have leading or trailing whitespace"
        errors.append(invalid_value(f"{where}.image", image, detail))
    one_of(errors, f"{where}.imagePullPolicy", item.get("imagePullPolicy"), PULL_POLICIES)
    one_of(
        errors, f"{where}.terminationMessagePolicy", item.get("terminationMessagePolicy"), MESSAGE_POLICIES
    )
    if item.get("ports"):
        _ports(errors, f"{where}.ports", item["ports"])
    if item.get("env"):
        _environment(errors, f"{where}.env", item["env"])
    if item.get("envFrom"):
        _environment_from(errors, f"{where}.envFrom", item["envFrom"])
    if item.get("volumeMounts"):
        _mounts(errors, f"{where}.volumeMounts", item["volumeMounts"], volumes)
    resources(errors, f"{where}.resources", item.get("resources") or {})
    sidecar = init and item.get("restartPolicy") == "Always"
    for kind in _PROBES:
        if kind in item:
            if init and not sidecar:
                errors.append(
                    forbidden_value(
                        f"{where}.{kind}", "may not be set for init containers without restartPolicy=Always"
                    )
                )
            else:
                _probe(errors, f"{where}.{kind}", item[kind], single=kind != "readinessProbe")
    if item.get("lifecycle"):
        if init and not sidecar:
            detail = "may not be set for init containers without restartPolicy=Always"
            errors.append(forbidden_value(f"{where}.lifecycle", detail))
        for hook in ("postStart", "preStop"):
            if hook in item["lifecycle"]:
                _handler(errors, f"{where}.lifecycle.{hook}", item["lifecycle"][hook])
    context = item.get("securityContext")
    if context and context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        errors.append(invalid_value(f"{where}.securityContext", context, detail))


def _ports(errors: Errors, where: str, ports: Iterable[Object]) -> None:
    names = set()
    for index, port in enumerate(ports):
        here = f"{where}[{index}]"
        name = port.get("name")
        if name:
            sentences = port_name_errors(name)
            each(errors, f"{here}.name", name, sentences)
            if not sentences and name in names:
                errors.append(duplicate(f"{here}.name", name))
            names.add(name)
        if not port.get("containerPort"):
            errors.append(required(f"{here}.containerPort"))
        else:
            port_number(errors, f"{here}.containerPort", port["containerPort"])
        if port.get("hostPort"):
            port_number(errors, f"{here}.hostPort", port["hostPort"])
        if not port.get("protocol"):
            errors.append(required(f"{here}.protocol"))
        else:
            one_of(errors, f"{here}.protocol", port["protocol"], PROTOCOLS)


def _environment(errors: Errors, where: str, variables: Iterable[Object]) -> None:
    for index, variable in enumerate(variables):
        name = variable.get("name")
        if not name:
            errors.append(required(f"{where}[{index}].name"))
        else:
            each(errors, f"{where}[{index}].name", name, env_name_errors(name))
        if "valueFrom" in variable:
            _value_source(errors, f"{where}[{index}].valueFrom", variable)


def _value_source(errors: Errors, where: str, variable: Object) -> None:
    source = variable["valueFrom"]
    given = [name for name in _VALUE_SOURCES if name in source]
    if not given:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        errors.append(invalid_value(where, "", detail))
    elif len(given) > 1:
        errors.append(invalid_value(where, "", "may not have more than one field specified at a time"))
    if given and variable.get("value"):
        errors.append(invalid_value(where, "", "may not be specified when `value` is not empty"))
    if "fieldRef" in source:
        path = source["fieldRef"].get("fieldPath")
        if not path:
            errors.append(required(f"{where}.fieldRef.fieldPath"))
        elif path not in _FIELD_PATHS and not _subscripted(path):
            detail = f"error converting fieldPath: field label not supported: {path}"
            errors.append(invalid_value(f"{where}.fieldRef.fieldPath", path, detail))
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in source:
            needed(errors, f"{where}.{name}.name", source[name].get("name"))
            needed(errors, f"{where}.{name}.key", source[name].get("key"))


def _subscripted(path: str) -> bool:
    return path.endswith("']") and path.startswith(("metadata.labels['", "metadata.annotations['"))


def _environment_from(errors: Errors, where: str, sources: Iterable[Object]) -> None:
    for index, source in enumerate(sources):
        given = [name for name in ("configMapRef", "secretRef") if name in source]
        if len(given) != 1:
            detail = (
                "must specify one of: `configMapRef` or `secretRef`"
                if not given
                else "may not have more than one field specified at a time"
            )
            errors.append(invalid_value(f"{where}[{index}]", "", detail))
        for name in given:
            needed(errors, f"{where}[{index}].{name}.name", source[name].get("name"))


def _mounts(errors: Errors, where: str, mounts: Iterable[Object], volumes: Iterable[str]) -> None:
    paths = set()
    for index, mount in enumerate(mounts):
        here = f"{where}[{index}]"
        name, path = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(required(f"{here}.name"))
        if name not in volumes:
            errors.append(not_found_value(f"{here}.name", name))
        if not path:
            errors.append(required(f"{here}.mountPath"))
        elif path in paths:
            errors.append(invalid_value(f"{here}.mountPath", path, "must be unique"))
        paths.add(path)
        for field in ("subPath", "subPathExpr"):
            if mount.get(field):
                relative_path(errors, f"{here}.{field}", mount[field])


def relative_path(errors: Errors, where: str, path: str) -> None:
    if path.startswith("/"):
        errors.append(invalid_value(where, path, "must be a relative path"))
    if ".." in path.split("/"):
        errors.append(invalid_value(where, path, "must not contain '..'"))


def resources(errors: Errors, where: str, item: Mapping[str, Any]) -> None:
    """Amounts are not negative, and no request is above its limit."""
    requests, limits = item.get("requests") or {}, item.get("limits") or {}
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            _resource_name(errors, f"{where}.{kind}", name)
            if quantity.parse(str(amount)).nano < 0:
                errors.append(invalid_value(f"{where}.{kind}[{name}]", str(amount), NOT_NEGATIVE))
            elif _is_extended(name) and quantity.parse(str(amount)).nano % quantity.NANO:
                errors.append(invalid_value(f"{where}.{kind}[{name}]", str(amount), "must be an integer"))
    for name, request in requests.items():
        limit = limits.get(name)
        whole = _is_extended(name) or name.startswith("hugepages-")
        if limit is None:
            if whole:
                detail = "Limit must be set for non overcommitable resources"
                errors.append(required(f"{where}.limits", detail))
            continue
        asked, most = quantity.parse(str(request)).nano, quantity.parse(str(limit)).nano
        if whole and asked != most:
            detail = f"must be equal to {name} limit of {limit}"
            errors.append(invalid_value(f"{where}.requests", request, detail))
        elif asked > most:
            detail = f"must be less than or equal to {name} limit of {limit}"
            errors.append(invalid_value(f"{where}.requests", request, detail))


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name


def _resource_name(errors: Errors, where: str, name: str) -> None:
    if name in _RESOURCES or name.startswith("hugepages-") or "/" in name:
        return
    detail = "must be a standard resource type or fully qualified"
    errors.append(invalid_value(where, name, detail))
    errors.append(invalid_value(where, name, "must be a standard resource for containers"))


def _probe(errors: Errors, where: str, probe: Object, *, single: bool) -> None:
    _handler(errors, where, probe)
    for name in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        not_negative(errors, f"{where}.{name}", probe.get(name))
    if single and probe.get("successThreshold", 1) != 1:
        errors.append(invalid_value(f"{where}.successThreshold", probe["successThreshold"], "must be 1"))
    grace_s = probe.get("terminationGracePeriodSeconds")
    if grace_s is not None and grace_s <= 0:
        field = f"{where}.terminationGracePeriodSeconds"
        errors.append(invalid_value(field, grace_s, "must be greater than 0"))


def _handler(errors: Errors, where: str, handler: Object) -> None:
    given = [name for name in _HANDLERS if name in handler]
    if not given:
        errors.append(required(where, "must specify a handler type"))
    for name in given[1:]:
        errors.append(forbidden_value(f"{where}.{name}", "may not specify more than 1 handler type"))
    if "exec" in handler:
        needed(errors, f"{where}.exec.command", handler["exec"].get("command"))
    if "httpGet" in handler:
        _http_get(errors, f"{where}.httpGet", handler["httpGet"])
    if "tcpSocket" in handler:
        port_or_name(errors, f"{where}.tcpSocket.port", handler["tcpSocket"].get("port"))
    if "grpc" in handler:
        port_number(errors, f"{where}.grpc.port", handler["grpc"].get("port"))


def _http_get(errors: Errors, where: str, action: Object) -> None:
    needed(errors, f"{where}.path", action.get("path"))
    port_or_name(errors, f"{where}.port", action.get("port"))
    one_of(errors, f"{where}.scheme", action.get("scheme"), ("HTTP", "HTTPS"))
    for header in action.get("httpHeaders") or ():
        name = header.get("name", "")
        each(errors, f"{where}.httpHeaders", name, header_name_errors(name))


def port_or_name(errors: Errors, where: str, port: Any) -> None:
    if isinstance(port, str):
        each(errors, where, port, port_name_errors(port))
    else:
        port_number(errors, where, 0 if port is None else port)
