"""Rules of pods and of pod templates."""

import re
from typing import Any

from kube.apiserver.kinds.names import ip_errors, label_errors, label_key_errors, subdomain_errors
from kube.apiserver.kinds.validation import scheduling
from kube.apiserver.kinds.validation.containers import container
from kube.apiserver.kinds.validation.metadata import annotation_map
from kube.apiserver.kinds.validation.rules import Errors, each, label_map, needed, not_negative, one_of
from kube.apiserver.kinds.validation.volumes import volumes
from kube.apiserver.status import duplicate, invalid_value, not_supported, required

Object = dict[str, Any]

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
MAX_INT32 = 2**31 - 1
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
_SYSCTL_MAX = 253
_HOSTNAME_MAX = 64  # uname(2)


def pod(obj: Object, errors: Errors) -> None:
    pod_spec(errors, "spec", obj.get("spec") or {})


def template(
    errors: Errors, where: str, item: Object | None, *, restart: tuple[str, ...] = ("Always",)
) -> None:
    """A pod template; `restart` are the policies its kind of controller takes."""
    metadata, spec = (item or {}).get("metadata") or {}, (item or {}).get("spec") or {}
    label_map(errors, f"{where}.labels", metadata.get("labels"))
    if metadata.get("annotations"):
        annotation_map(errors, f"{where}.annotations", metadata["annotations"])
    pod_spec(errors, f"{where}.spec", spec)
    policy = spec.get("restartPolicy")
    if policy in RESTART_POLICIES and policy not in restart:
        errors.append(not_supported(f"{where}.spec.restartPolicy", policy, restart))


def pod_spec(errors: Errors, where: str, spec: Object) -> None:
    names = volumes(errors, f"{where}.volumes", spec.get("volumes") or ())
    _containers(errors, where, spec, names)
    _policies(errors, where, spec)
    _names(errors, where, spec)
    _sysctls(errors, f"{where}.securityContext.sysctls", spec)
    if spec.get("tolerations"):
        scheduling.tolerations(errors, f"{where}.tolerations", spec["tolerations"])
    if spec.get("affinity"):
        scheduling.affinity(errors, f"{where}.affinity", spec["affinity"])
    if spec.get("topologySpreadConstraints"):
        field = f"{where}.topologySpreadConstraints"
        scheduling.spreading(errors, field, spec["topologySpreadConstraints"])
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        address = alias.get("ip") or ""
        each(errors, f"{where}.hostAliases[{index}].ip", address, ip_errors(address))
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        kind = gate.get("conditionType") or ""
        each(errors, f"{where}.readinessGates[{index}].conditionType", kind, label_key_errors(kind))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        detail = "cannot be set until all schedulingGates have been cleared"
        errors.append(invalid_value(f"{where}.nodeName", spec["nodeName"], detail))


def _containers(errors: Errors, where: str, spec: Object, volume_names: set[str]) -> None:
    if not spec.get("containers"):
        errors.append(required(f"{where}.containers"))
    names: set[str] = set()
    for group, init in (("initContainers", True), ("containers", False), ("ephemeralContainers", False)):
        for index, item in enumerate(spec.get(group) or ()):
            here = f"{where}.{group}[{index}]"
            container(errors, here, item, volume_names, init=init)
            name = item.get("name")
            if name in names:
                errors.append(duplicate(f"{here}.name", name))
            elif name:
                names.add(name)
    _host_ports(errors, where, spec)


def _host_ports(errors: Errors, where: str, spec: Object) -> None:
    taken = set()
    for index, item in enumerate(spec.get("containers") or ()):
        for number, port in enumerate(item.get("ports") or ()):
            host_port = port.get("hostPort")
            if not host_port:
                continue
            here = f"{where}.containers[{index}].ports[{number}]"
            key = f"{port.get('protocol')}/{port.get('hostIP') or ''}/{host_port}"
            if key in taken:
                errors.append(duplicate(f"{here}.hostPort", key))
            taken.add(key)
            if spec.get("hostNetwork") and port.get("containerPort") != host_port:
                detail = "must match `hostPort` when `hostNetwork` is true"
                errors.append(invalid_value(f"{here}.containerPort", port.get("containerPort"), detail))


def _policies(errors: Errors, where: str, spec: Object) -> None:
    policy = spec.get("restartPolicy")
    if not policy:
        errors.append(required(f"{where}.restartPolicy"))
    else:
        one_of(errors, f"{where}.restartPolicy", policy, RESTART_POLICIES)
    one_of(errors, f"{where}.dnsPolicy", spec.get("dnsPolicy"), DNS_POLICIES)
    _dns_config(errors, where, spec)
    not_negative(errors, f"{where}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
    deadline_s = spec.get("activeDeadlineSeconds")
    if deadline_s is not None and not 1 <= deadline_s <= MAX_INT32:
        detail = f"must be between 1 and {MAX_INT32}, inclusive"
        errors.append(invalid_value(f"{where}.activeDeadlineSeconds", deadline_s, detail))
    one_of(
        errors, f"{where}.preemptionPolicy", spec.get("preemptionPolicy"), ("Never", "PreemptLowerPriority")
    )


def _dns_config(errors: Errors, where: str, spec: Object) -> None:
    config = spec.get("dnsConfig") or {}
    servers = config.get("nameservers") or ()
    if spec.get("dnsPolicy") == "None" and not servers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        errors.append(required(f"{where}.dnsConfig.nameservers", detail))
    if len(servers) > 3:
        detail = "must not have more than 3 nameservers"
        errors.append(invalid_value(f"{where}.dnsConfig.nameservers", list(servers), detail))
    for index, server in enumerate(servers):
        each(errors, f"{where}.dnsConfig.nameservers[{index}]", server, ip_errors(server))
    for index, option in enumerate(config.get("options") or ()):
        needed(errors, f"{where}.dnsConfig.options[{index}]", option.get("name"), "must not be empty")


def _names(errors: Errors, where: str, spec: Object) -> None:
    for name, rule in (
        ("nodeName", subdomain_errors),
        ("serviceAccountName", subdomain_errors),
        ("hostname", label_errors),
        ("subdomain", label_errors),
        ("runtimeClassName", subdomain_errors),
    ):
        value = spec.get(name)
        if value:
            each(errors, f"{where}.{name}", value, rule(value))
    _hostname_override(errors, where, spec)
    label_map(errors, f"{where}.nodeSelector", spec.get("nodeSelector"))


def _sysctls(errors: Errors, where: str, spec: Object) -> None:
    names = set()
    for index, sysctl in enumerate((spec.get("securityContext") or {}).get("sysctls") or ()):
        name, here = sysctl.get("name") or "", f"{where}[{index}].name"
        if not name:
            errors.append(required(here))
        elif len(name) > _SYSCTL_MAX or not _SYSCTL.fullmatch(name):
            detail = f"must have at most {_SYSCTL_MAX} characters and match regex {_SYSCTL.pattern}"
            errors.append(invalid_value(here, name, detail))
        elif name in names:
            errors.append(duplicate(here, name))
        names.add(name)


def _hostname_override(errors: Errors, where: str, spec: Object) -> None:
    """KEP-4762: a name of its own, at most what a UTS namespace takes, and no other rule for it beside."""
    value, here = spec.get("hostnameOverride"), f"{where}.hostnameOverride"
    if value is None:
        return
    if spec.get("setHostnameAsFQDN"):
        detail = "cannot be set to true when `hostnameOverride` is set"
        errors.append(invalid_value(f"{where}.setHostnameAsFQDN", True, detail))
    if spec.get("hostNetwork"):
        detail = "cannot be set when `hostNetwork` is true"
        errors.append(invalid_value(here, value, detail))
    if len(value) > _HOSTNAME_MAX:
        errors.append(invalid_value(here, value, f"must be no more than {_HOSTNAME_MAX} characters"))
    each(errors, here, value, subdomain_errors(value))
