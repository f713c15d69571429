"""Archives made here, imported, and looked at as overlayfs would."""

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile

import pytest

from nodeagent.images.disk import ImageStore
from nodeagent.images.manifest import InvalidImage


def layer(files: dict[str, bytes | None], links: dict[str, str] | None = None) -> bytes:
    """A layer's tar; None makes a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.uid, member.gid = os.getuid(), os.getgid()
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o750
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o640
                archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            member.uid, member.gid = os.getuid(), os.getgid()
            archive.addfile(member)
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def config_of(*layers: bytes) -> bytes:
    body = {
        "config": {"Cmd": ["/serve"], "Env": ["A=1"], "WorkingDir": "/srv"},
        "rootfs": {"diff_ids": [digest(each) for each in layers]},
    }
    return json.dumps(body).encode()


def pack(path, files: dict[str, bytes], mode: str = "w") -> str:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return str(path)


def docker_archive(path, *layers: bytes, tags=("shop/web:1",), mode="w") -> str:
    config = config_of(*layers)
    names = [f"{index}/layer.tar" for index in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": list(tags), "Layers": names}]
    files = {"config.json": config, "manifest.json": json.dumps(manifest).encode()}
    return pack(path, files | dict(zip(names, layers, strict=True)), mode)


def oci_archive(path, *layers: bytes, annotations=None, damaged=False) -> str:
    config = config_of(*layers)
    zipped = [gzip.compress(each) for each in layers]
    manifest = json.dumps(
        {
            "config": {"digest": digest(config), "size": len(config)},
            "layers": [{"digest": digest(z), "size": len(z), "mediaType": "…tar+gzip"} for z in zipped],
        }
    ).encode()
    named = {"org.opencontainers.image.ref.name": "reg.example/oci:2"} if annotations is None else annotations
    index = {"manifests": [{"digest": digest(manifest), "mediaType": "m", "annotations": named}]}
    blobs = {f"blobs/sha256/{digest(data)[7:]}": data for data in (config, manifest, *zipped)}
    if damaged:
        blobs[f"blobs/sha256/{digest(zipped[0])[7:]}"] = gzip.compress(b"other")
    return pack(path, {"oci-layout": b"{}", "index.json": json.dumps(index).encode(), **blobs})


@pytest.fixture
def store(tmp_path):
    return ImageStore(str(tmp_path / "store"))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_docker_archive_becomes_folders_topmost_first(store, tmp_path, mode):
    archive = docker_archive(
        tmp_path / "a.tar", layer({"etc": None, "etc/a": b"1"}), layer({"b": b"2"}), mode=mode
    )
    assert store.import_archive(archive) == ("docker.io/shop/web:1",)
    image = store.find("shop/web:1")
    assert image is not None
    assert (image.config.cmd, image.config.working_dir) == (("/serve",), "/srv")
    assert [sorted(os.listdir(lower)) for lower in image.lowers] == [["b"], ["etc"]]
    assert stat.S_IMODE(os.stat(f"{image.lowers[1]}/etc/a").st_mode) == 0o640
    assert store.find("shop/web:2") is None


def test_an_oci_archive_is_taken_with_the_name_it_carries_or_is_given(store, tmp_path):
    archive = oci_archive(tmp_path / "o.tar", layer({"x": b"1"}))
    assert store.import_archive(archive) == ("reg.example/oci:2",)
    nameless = oci_archive(tmp_path / "n.tar", layer({"x": b"1"}), annotations={})
    with pytest.raises(InvalidImage, match="names no image: give it one with --name"):
        store.import_archive(nameless)
    assert store.import_archive(nameless, "mine:3") == ("docker.io/library/mine:3",)


def test_importing_again_changes_nothing_and_other_processes_see_it(store, tmp_path):
    archive = docker_archive(tmp_path / "a.tar", layer({"a": b"1"}))
    store.import_archive(archive)
    other = ImageStore(store.folder)
    before = dict(other.names())
    store.import_archive(archive)
    assert dict(other.names()) == before


def test_a_folder_that_a_layer_only_implies_looks_like_the_one_below(store, tmp_path):
    lower, upper = layer({"data": None}), layer({"data/file": b"1"})
    store.import_archive(docker_archive(tmp_path / "a.tar", lower, upper))
    image = store.find("shop/web:1")
    assert image is not None
    assert stat.S_IMODE(os.stat(f"{image.lowers[0]}/data").st_mode) == 0o750


def test_a_layer_cannot_write_outside_its_folder(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    evil = layer({"../escape": b"1"}, {"way": str(outside)})
    upper = layer({"way/file": b"1"})
    store.import_archive(docker_archive(tmp_path / "a.tar", evil, upper))
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "escape").exists()


def test_a_damaged_layer_is_refused(store, tmp_path):
    with pytest.raises(InvalidImage, match="is damaged"):
        store.import_archive(oci_archive(tmp_path / "o.tar", layer({"x": b"1"}), damaged=True))


def test_what_is_no_image_archive_is_refused(store, tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InvalidImage, match="not a readable tar"):
        store.import_archive(str(tmp_path / "text"))
    with pytest.raises(InvalidImage, match="neither an OCI nor a docker archive"):
        store.import_archive(pack(tmp_path / "x.tar", {"a": b""}))
    with pytest.raises(InvalidImage, match="outside itself"):
        store.import_archive(pack(tmp_path / "y.tar", {"../../evil": b""}))
