"""OCI image manifests and configs as values, and the conversion from `docker save`'s manifest.json."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"
# containerd and docker write the whole reference here, REF_NAME often holds the tag alone.
FULL_NAME = "io.containerd.image.name"

_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class InvalidImage(Exception):
    """An archive or layout that does not hold together; the text says what is wrong with it."""


class ImageConfig(NamedTuple):
    """What the image says about how to run it."""

    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    stop_signal: str = ""


class Image(NamedTuple):
    """An image whose layers lie unpacked on this node; `lowers` is overlay's order, topmost first."""

    id: str
    reference: str
    config: ImageConfig
    lowers: tuple[str, ...]
    size_bytes: int = 0
    host: bool = False  # the lowest layer is this node's own root file system


def image_config(config: Mapping[str, Any]) -> ImageConfig:
    run = config.get("config") or {}
    return ImageConfig(
        env=tuple(run.get("Env") or ()),
        entrypoint=tuple(run.get("Entrypoint") or ()),
        cmd=tuple(run.get("Cmd") or ()),
        working_dir=run.get("WorkingDir") or "",
        user=run.get("User") or "",
        stop_signal=run.get("StopSignal") or "",
    )


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The identity of each layer with all below it (OCI image spec, "Layer ChainID"), bottom first."""
    chain: list[str] = []
    for diff_id in diff_ids:
        if chain:
            digest = hashlib.sha256(f"{chain[-1]} {diff_id}".encode()).hexdigest()
            chain.append(f"sha256:{digest}")
        else:
            chain.append(diff_id)
    return tuple(chain)


def go_architecture(machine: str) -> str:
    """`uname -m` in Go's words, which images use."""
    return _GO_ARCHITECTURES.get(machine, machine)


def pick_platform(manifests: Sequence[Mapping[str, Any]], architecture: str) -> Mapping[str, Any]:
    """The manifest for linux on this architecture; one without a platform fits everywhere."""
    for entry in manifests:
        platform = entry.get("platform")
        if not platform or (platform.get("os"), platform.get("architecture")) == ("linux", architecture):
            return entry
    offered = ", ".join(
        f"{p.get('os')}/{p.get('architecture')}" for e in manifests if (p := e.get("platform"))
    )
    raise InvalidImage(f"no image for linux/{architecture} in it, only {offered or 'nothing'}")


def reference_of(annotations: Mapping[str, str], fallback: str) -> str:
    """The name an index entry gives its image."""
    full = annotations.get(FULL_NAME)
    if full:
        return full
    name = annotations.get(REF_NAME, "")
    if "/" in name or ":" in name:
        return name
    return f"{fallback}:{name}" if name and fallback else name or fallback


def oci_manifest(config: bytes, layers: Sequence[tuple[str, int, str]]) -> bytes:
    """A manifest for a config blob and layers given as (digest, size, media type)."""
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": kind, "digest": digest, "size": size} for digest, size, kind in layers],
    }
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
