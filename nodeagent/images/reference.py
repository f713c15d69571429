"""Image references: `nginx` means `docker.io/library/nginx:latest` (distribution reference grammar)."""

from typing import NamedTuple

DEFAULT_REGISTRY = "docker.io"
BUILTIN_PREFIX = "podnet/"
HOST_IMAGE = "podnet/host"
TOOLBOX_IMAGE = "podnet/toolbox"


class InvalidReference(ValueError):
    """The text is not an image reference."""


class Reference(NamedTuple):
    """Complete: nothing implied is missing. `digest` is "" or `sha256:…`."""

    registry: str
    repository: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        if self.digest:
            return f"{self.registry}/{self.repository}@{self.digest}"
        return f"{self.registry}/{self.repository}:{self.tag}"

    @property
    def builtin(self) -> str:
        """`podnet/host` or `podnet/toolbox` if that is meant, else ""; an own registry's podnet/… is not."""
        if self.registry == DEFAULT_REGISTRY and self.repository.startswith(BUILTIN_PREFIX):
            return self.repository
        return ""


def parse_reference(text: str) -> Reference:
    """Raises InvalidReference."""
    name, _, digest = text.partition("@")
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        registry, name = head, rest
    else:
        registry = DEFAULT_REGISTRY
    registry = DEFAULT_REGISTRY if registry in {"index.docker.io", "registry-1.docker.io"} else registry
    repository, _, tag = name.partition(":")
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    valid = (
        repository.rstrip("/") == repository
        and repository.lower() == repository
        and not repository.endswith("library/")
    )
    if not valid or any(c.isspace() for c in text) or (digest and not digest.startswith("sha256:")):
        raise InvalidReference(f'couldn\'t parse image name "{text}": invalid reference format')
    return Reference(registry, repository, tag or "latest", digest)


def default_pull_policy(reference: Reference) -> str:
    """Always for :latest, else IfNotPresent (core/v1 defaults)."""
    return "Always" if reference.tag == "latest" and not reference.digest else "IfNotPresent"
