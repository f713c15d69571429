"""A container's environment: $(VAR) expansion, references, and the variables that describe Services."""

import re
from collections.abc import Iterable, Mapping, Sequence

from kube.objects import Pod, Service
from kube.objects.containers import Container, EnvFromSource, EnvVarSource
from nodeagent.pods.fields import InvalidField, PodFacts, field_value, resource_value
from nodeagent.pods.sources import MissingSource, Ref, Sources, words

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
# Since Kubernetes 1.34 every printable ASCII character but "=" is fine in a name (KEP-4369).
_NAME = re.compile(r"[\x20-\x3c\x3e-\x7e]+\Z")


def expand(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the value, `$$` one dollar sign; unknown names stay as written (core/v1 EnvVar)."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return values.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)


def service_variables(services: Iterable[Service], namespace: str, *, links: bool) -> dict[str, str]:
    """`WEB_SERVICE_HOST` and the rest for each Service of the namespace that has an address.

    Without `links` (enableServiceLinks: false) only default/kubernetes, which every pod is told.
    """
    chosen: dict[str, Service] = {}
    for service in services:
        name, home, ip = service.metadata.name, service.metadata.namespace, service.spec.cluster_ip
        master = home == "default" and name == "kubernetes"
        if ip in {"", "None"} or not (master or (links and home == namespace)):
            continue
        if home == namespace or name not in chosen:
            chosen[name] = service
    values: dict[str, str] = {}
    for name in sorted(chosen):
        values |= _variables_of(chosen[name])
    return values


def _variables_of(service: Service) -> dict[str, str]:
    prefix = _variable_name(service.metadata.name)
    ip, ports = service.spec.cluster_ip, service.spec.ports
    if not ports:
        return {}
    values = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0].port)}
    for port in ports:
        if port.name:
            values[f"{prefix}_SERVICE_PORT_{_variable_name(port.name)}"] = str(port.port)
    host = f"[{ip}]" if ":" in ip else ip
    for index, port in enumerate(ports):
        protocol = port.protocol.lower()
        url = f"{protocol}://{host}:{port.port}"
        stem = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        if index == 0:
            values[f"{prefix}_PORT"] = url
        values |= {stem: url, f"{stem}_PROTO": protocol, f"{stem}_PORT": str(port.port), f"{stem}_ADDR": ip}
    return values


def _variable_name(name: str) -> str:
    return name.upper().replace("-", "_").replace(".", "_")


def environment(
    pod: Pod,
    container: Container,
    *,
    image_env: Sequence[str],
    services: Mapping[str, str],
    sources: Sources,
    facts: PodFacts,
    hostname: str,
) -> dict[str, str]:
    """All variables: the image's, then Services', envFrom's and env's, the later winning. Raises MissingSource."""
    values = dict(entry.partition("=")[::2] for entry in image_env)
    values.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    values["HOSTNAME"] = hostname
    if container.tty:
        values.setdefault("TERM", "xterm")
    own: dict[str, str] = {}
    for source in container.env_from:
        own |= _all_of(source, sources)
    for variable in container.env:
        if variable.value_from is None:
            own[variable.name] = expand(variable.value, {**services, **own})
            continue
        value = _value_from(variable.value_from, pod, container, sources, facts)
        if value is not None:
            own[variable.name] = value
    return {**values, **services, **own}


def _all_of(source: EnvFromSource, sources: Sources) -> dict[str, str]:
    if source.config_map_ref:
        ref, optional = Ref("ConfigMap", source.config_map_ref.name), source.config_map_ref.optional
    elif source.secret_ref:
        ref, optional = Ref("Secret", source.secret_ref.name), source.secret_ref.optional
    else:
        return {}
    found = sources.get(ref)
    if found is None:
        if optional:
            return {}
        raise MissingSource(f"{words(ref)} not found")
    pairs = ((source.prefix + key, found.data[key].decode(errors="replace")) for key in sorted(found.text))
    return {key: value for key, value in pairs if _NAME.match(key)}


def _value_from(
    given: EnvVarSource, pod: Pod, container: Container, sources: Sources, facts: PodFacts
) -> str | None:
    """The value, or None for an optional one that does not exist."""
    if given.field_ref:
        return field_value(given.field_ref, pod, facts)
    if given.resource_field_ref:
        return resource_value(given.resource_field_ref, pod, container, facts)
    if given.file_key_ref:
        raise InvalidField("fileKeyRef: this node reads no variables from files of volumes")
    selector = given.config_map_key_ref or given.secret_key_ref
    if selector is None:
        return ""
    kind = "ConfigMap" if given.config_map_key_ref else "Secret"
    ref = Ref(kind, selector.name)
    found = sources.get(ref)
    if found is None:
        if selector.optional:
            return None
        raise MissingSource(f"{words(ref)} not found")
    if selector.key not in found.data:
        if selector.optional:
            return None
        raise MissingSource(
            f"couldn't find key {selector.key} in {kind} {pod.metadata.namespace}/{selector.name}"
        )
    return found.data[selector.key].decode(errors="replace")
