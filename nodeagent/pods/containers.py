"""The containers of a pod, of all three kinds, by name. Pure."""

from kube.objects import Pod
from kube.objects.containers import Container


def all_containers(pod: Pod) -> tuple[Container, ...]:
    """Init, main and ephemeral ones, in starting order."""
    spec = pod.spec
    return (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)


def container_named(pod: Pod, name: str) -> Container | None:
    return next((container for container in all_containers(pod) if container.name == name), None)


def field_path(pod: Pod, name: str) -> str:
    """As Events point at a container: `spec.containers{web}`."""
    if any(container.name == name for container in pod.spec.init_containers):
        return f"spec.initContainers{{{name}}}"
    if any(container.name == name for container in pod.spec.ephemeral_containers):
        return f"spec.ephemeralContainers{{{name}}}"
    return f"spec.containers{{{name}}}"


def is_sidecar(container: Container) -> bool:
    """An init container that keeps running beside the others (KEP-753)."""
    return container.restart_policy == "Always"
