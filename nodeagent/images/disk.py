"""The image store: an OCI layout (blobs, index.json) beside the unpacked layers.

Several processes share it (the agent, `knode image import`, a lab's nodes): writers hold a lock, and everything
appears by rename, so readers need none.
"""

import fcntl
import gzip
import hashlib
import json
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nodeagent.images.apply import unpack_layer
from nodeagent.images.manifest import (
    DOCKER_LIST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    REF_NAME,
    Image,
    InvalidImage,
    chain_ids,
    digest_of,
    go_architecture,
    image_config,
    oci_manifest,
    pick_platform,
    reference_of,
)
from nodeagent.images.reference import parse_reference


class ImageStore:
    """One folder. `names` and `find` see what another process wrote since."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._index_stamp: tuple[int, int] = (0, 0)
        self._index: dict[str, str] = {}

    # reading

    def names(self) -> Mapping[str, str]:
        """Complete reference → manifest digest."""
        try:
            status = os.stat(f"{self.folder}/index.json")
        except FileNotFoundError:
            return {}
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._index_stamp:
            with open(f"{self.folder}/index.json", encoding="utf-8") as file:
                entries = json.load(file)["manifests"]
            self._index = {
                e["annotations"][REF_NAME]: e["digest"]
                for e in entries
                if REF_NAME in e.get("annotations", {})
            }
            self._index_stamp = stamp
        return self._index

    def find(self, reference: str) -> Image | None:
        """The image, unpacked and ready; None if it is not here. Raises InvalidImage if it is damaged."""
        wanted = parse_reference(reference)
        digest = self.names().get(str(wanted)) or (wanted.digest if self._has_blob(wanted.digest) else "")
        if not digest:
            return None
        manifest = self._json_blob(digest)
        config = self._json_blob(manifest["config"]["digest"])
        chain = chain_ids(config.get("rootfs", {}).get("diff_ids") or ())
        folders = [self._layer_folder(chain_id) for chain_id in chain]
        if not all(os.path.isdir(folder) for folder in folders):
            raise InvalidImage(f"image {reference} is not unpacked in {self.folder}: import it again")
        return Image(
            id=manifest["config"]["digest"],
            reference=str(wanted),
            config=image_config(config),
            lowers=tuple(reversed(folders)) or (self._empty_layer(),),
            size_bytes=sum(layer["size"] for layer in manifest["layers"]),
        )

    def size_bytes(self, digest: str) -> int:
        """What the image's layers take as blobs."""
        return sum(layer["size"] for layer in self._json_blob(digest)["layers"])

    # writing

    def import_archive(self, path: str, name: str = "") -> tuple[str, ...]:
        """Take an OCI or docker archive (tar, also compressed); returns the references it brought.

        `name` is for archives that name nothing. Raises InvalidImage.
        """
        with self._locked(), tempfile.TemporaryDirectory(dir=self.folder, prefix=".import-") as scratch:
            try:
                _extract_files(path, scratch)
            except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
                raise InvalidImage(f"{path} is not a readable tar archive: {error}") from error
            if os.path.exists(f"{scratch}/index.json"):
                found = self._from_layout(scratch, name)
            elif os.path.exists(f"{scratch}/manifest.json"):
                found = self._from_docker(scratch, name)
            else:
                raise InvalidImage(
                    f"{path} is neither an OCI nor a docker archive: it has no index.json and no manifest.json"
                )
            if not found:
                raise InvalidImage(f"{path} names no image: give it one with --name")
            self._add_names(found)
        return tuple(found)

    def import_layout(self, folder: str, name: str) -> tuple[str, ...]:
        """Take an OCI layout folder, as `skopeo copy … oci:` leaves it."""
        with self._locked():
            found = self._from_layout(folder, name)
            self._add_names(found)
        return tuple(found)

    def _from_layout(self, source: str, name: str) -> dict[str, str]:
        with open(f"{source}/index.json", encoding="utf-8") as file:
            entries = json.load(file)["manifests"]
        tags = _docker_tags(source)
        found: dict[str, str] = {}
        for entry in entries:
            digest = _one_manifest(source, entry)
            manifest = json.loads(_read_blob(source, digest))
            self._take(source, manifest, _read_blob(source, digest))
            named = reference_of(entry.get("annotations") or {}, "")
            names = [name] if name else tags.get(manifest["config"]["digest"]) or ([named] if named else [])
            found |= {str(parse_reference(each)): digest for each in names}
        return found

    def _from_docker(self, source: str, name: str) -> dict[str, str]:
        with open(f"{source}/manifest.json", encoding="utf-8") as file:
            entries = json.load(file)
        found: dict[str, str] = {}
        for entry in entries:
            with open(_inside(source, entry["Config"]), "rb") as file:
                config = file.read()
            layers = []
            for layer in entry["Layers"]:
                path = _inside(source, layer)
                with open(path, "rb") as file:
                    digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
                _place(path, _blob_path(source, digest))
                layers.append((digest, os.path.getsize(_blob_path(source, digest)), OCI_LAYER))
            body = oci_manifest(config, layers)
            for data in (config, body):
                os.makedirs(f"{source}/blobs/sha256", exist_ok=True)
                with open(_blob_path(source, digest_of(data)), "wb") as file:
                    file.write(data)
            self._take(source, json.loads(body), body)
            names = [name] if name else entry.get("RepoTags") or []
            found |= {str(parse_reference(each)): digest_of(body) for each in names}
        return found

    def _take(self, source: str, manifest: dict[str, Any], body: bytes) -> None:
        """Unpack the layers and keep manifest and config; the layers' blobs are not needed any more."""
        config_digest = manifest["config"]["digest"]
        config = _read_blob(source, config_digest)
        diff_ids = json.loads(config).get("rootfs", {}).get("diff_ids") or []
        if len(diff_ids) != len(manifest["layers"]):
            raise InvalidImage(
                f"the image's config lists {len(diff_ids)} layers, its manifest {len(manifest['layers'])}"
            )
        lowers: list[str] = []
        for chain_id, layer in zip(chain_ids(diff_ids), manifest["layers"], strict=True):
            folder = self._layer_folder(chain_id)
            if not os.path.isdir(folder):
                self._unpack(_blob_path(source, layer["digest"]), layer["digest"], folder, lowers)
            lowers.insert(0, folder)
        os.makedirs(f"{self.folder}/blobs/sha256", exist_ok=True)
        for data in (config, body):
            _write_whole(_blob_path(self.folder, digest_of(data)), data)

    def _unpack(self, blob: str, digest: str, folder: str, lowers: list[str]) -> None:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        scratch = tempfile.mkdtemp(dir=os.path.dirname(folder), prefix=".unpack-")
        try:
            with open(blob, "rb") as file:
                actual = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
                if actual != digest:
                    raise InvalidImage(f"layer {digest} is damaged: its content is {actual}")
                file.seek(0)
                os.chmod(scratch, 0o755)  # noqa: S103  it becomes a container's root folder
                unpack_layer(file, scratch, lowers)
            os.rename(scratch, folder)
        except tarfile.TarError as error:
            raise InvalidImage(
                f"layer {digest} cannot be read ({error}): zstd layers need `skopeo copy --dest-compress-format gzip`"
            ) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _add_names(self, found: Mapping[str, str]) -> None:
        names = {**self.names(), **found}
        manifests = [
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": os.path.getsize(_blob_path(self.folder, digest)),
                "annotations": {REF_NAME: reference},
            }
            for reference, digest in sorted(names.items())
        ]
        _write_whole(f"{self.folder}/oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
        _write_whole(f"{self.folder}/index.json", json.dumps(index, indent=1).encode())

    # places

    def _layer_folder(self, chain_id: str) -> str:
        return f"{self.folder}/layers/{chain_id.removeprefix('sha256:')}"

    def _empty_layer(self) -> str:
        folder = f"{self.folder}/layers/empty"
        os.makedirs(folder, exist_ok=True)
        return folder

    def _has_blob(self, digest: str) -> bool:
        return bool(digest) and os.path.exists(_blob_path(self.folder, digest))

    def _json_blob(self, digest: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(_read_blob(self.folder, digest))
        return value

    @contextmanager
    def _locked(self) -> Iterator[None]:
        os.makedirs(self.folder, exist_ok=True)
        with open(f"{self.folder}/lock", "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _extract_files(path: str, scratch: str) -> None:
    """The archive's regular files and links, by name; devices and the like have no place in it."""
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            target = _inside(scratch, member.name)
            if member.isreg():
                os.makedirs(os.path.dirname(target), exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None
                with open(target, "wb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
            elif member.issym() or member.islnk():
                # Old docker archives store a repeated layer as a link to its first copy.
                start = os.path.dirname(member.name) if member.issym() else ""
                source = _inside(scratch, os.path.join(start, member.linkname))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if os.path.exists(source):
                    os.link(source, target)


def _inside(folder: str, name: str) -> str:
    path = os.path.normpath(f"{folder}/{name}")
    if not path.startswith(folder + "/") and path != folder:
        raise InvalidImage(f"the archive names a file outside itself: {name}")
    return path


def _one_manifest(source: str, entry: Mapping[str, Any]) -> str:
    """Follow an index entry to the manifest of this machine's platform."""
    while entry.get("mediaType") in (OCI_INDEX, DOCKER_LIST):
        nested = json.loads(_read_blob(source, entry["digest"]))
        entry = pick_platform(nested["manifests"], go_architecture(platform.machine()))
    return str(entry["digest"])


def _docker_tags(source: str) -> dict[str, list[str]]:
    """Config digest → tags, where an OCI layout also carries docker's manifest.json."""
    try:
        with open(f"{source}/manifest.json", encoding="utf-8") as file:
            entries = json.load(file)
    except FileNotFoundError:
        return {}
    return {
        f"sha256:{os.path.basename(e['Config']).removesuffix('.json')}": e.get("RepoTags") or []
        for e in entries
    }


def _blob_path(folder: str, digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or not value.isalnum():
        raise InvalidImage(f"digest {digest!r} is not sha256:…")
    return f"{folder}/blobs/sha256/{value}"


def _read_blob(folder: str, digest: str) -> bytes:
    try:
        with open(_blob_path(folder, digest), "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise InvalidImage(f"blob {digest} is missing from the image") from error


def _place(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.exists(target):
        os.link(source, target)


def _write_whole(path: str, data: bytes) -> None:
    scratch = f"{path}.{os.getpid()}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(scratch, "wb") as file:
        file.write(data)
    os.rename(scratch, path)
