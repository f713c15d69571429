"""Configuration files and libcni's result cache."""

import contextlib
import json
import os
from typing import Any

from nodeagent.cni.conflist import FILE_NAME, InvalidConfiguration, NetworkList, parse_conf, parse_conflist
from nodeagent.cni.invocation import Attachment


def load_network(conf_dir: str) -> NetworkList | None:
    """The first usable configuration by file name; None if there is none. Raises InvalidConfiguration
    if there are files and none of them can be used.
    """
    try:
        names = sorted(
            name for name in os.listdir(conf_dir) if name.endswith((".conflist", ".conf", ".json"))
        )
    except FileNotFoundError:
        return None
    failures: list[str] = []
    for name in names:
        try:
            return _load(conf_dir, name)
        except InvalidConfiguration as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise InvalidConfiguration("; ".join(failures))
    return None


def _load(conf_dir: str, name: str) -> NetworkList:
    data = _read(f"{conf_dir}/{name}")
    if not name.endswith(".conflist"):
        return parse_conf(data)
    try:
        network = json.loads(data).get("name", "")
    except (ValueError, AttributeError):
        network = ""
    folder = f"{conf_dir}/{network}"
    extra = []
    if network and os.path.isdir(folder):
        names = sorted(each for each in os.listdir(folder) if each.endswith(".conf"))
        extra = [parse_conf(_with_name(_read(f"{folder}/{each}"), network)).plugins[0] for each in names]
    return parse_conflist(data, extra)


def _with_name(data: bytes, network: str) -> bytes:
    """Files in the network's folder need not repeat its name."""
    try:
        return json.dumps({"name": network, **json.loads(data)}).encode()
    except (ValueError, TypeError) as error:
        raise InvalidConfiguration(f"error parsing network configuration: {error}") from error


def write_conflist(conf_dir: str, data: bytes) -> bool:
    """Put the agent's own list in place, whole or not at all; False if it is there already."""
    path = f"{conf_dir}/{FILE_NAME}"
    with contextlib.suppress(FileNotFoundError):
        if _read(path) == data:
            return False
    os.makedirs(conf_dir, exist_ok=True)
    # The scratch name must not look like a configuration: other runtimes watch this folder.
    scratch = f"{conf_dir}/.{FILE_NAME}.new"
    with open(scratch, "wb") as file:
        file.write(data)
    os.rename(scratch, path)
    return True


def is_written(conf_dir: str) -> bool:
    """Whether the agent's own list is there, from this or an earlier life."""
    return os.path.exists(f"{conf_dir}/{FILE_NAME}")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def save_result(cache_dir: str, key: str, data: bytes) -> None:
    folder = f"{cache_dir}/results"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    scratch = f"{folder}/.{key}"
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    os.rename(scratch, f"{folder}/{key}")


def load_result(cache_dir: str, key: str) -> dict[str, Any] | None:
    """The cached result; a missing or damaged file is no reason to refuse a teardown."""
    try:
        body = json.loads(_read(f"{cache_dir}/results/{key}"))
        result = body["result"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return result if isinstance(result, dict) else None


def cached_attachments(cache_dir: str, network: str) -> list[Attachment]:
    """What was attached to the network and never detached, as far as the cache knows."""
    try:
        names = sorted(os.listdir(f"{cache_dir}/results"))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if not name.startswith(f"{network}-"):
            continue
        with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
            body = json.loads(_read(f"{cache_dir}/results/{name}"))
            args = tuple((str(key), str(value)) for key, value in body.get("cniArgs") or ())
            capabilities = body.get("capabilityArgs") or {}
            found.append(Attachment(body["containerId"], body["netns"], body["ifName"], args, capabilities))
    return found


def delete_result(cache_dir: str, key: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{cache_dir}/results/{key}")
