"""The agent's memory of pods, in files: what a restarted agent begins with."""

import os
import shutil

import msgspec

from nodeagent.places import Places
from nodeagent.pods.times import rfc3339
from nodeagent.runtime.records import ContainerRecord, Exit, PodRuntime, SandboxRecord
from nodeagent.sandbox.apply import pinned

_TERMINATION_MESSAGE_BYTES = 4096  # core/v1 terminationMessagePath
_LOG_TAIL_BYTES = 2048
_LOG_TAIL_LINES = 80


def save_sandbox(places: Places, record: SandboxRecord) -> None:
    _write_whole(places.sandbox_record(record.pod_uid), msgspec.json.encode(record))


def save_container(places: Places, uid: str, record: ContainerRecord) -> None:
    _write_whole(
        f"{places.container(uid, record.name, record.attempt)}/record.json", msgspec.json.encode(record)
    )


def load_pods(places: Places) -> dict[str, PodRuntime]:
    """Every pod with a trace on this node, by UID; runs whose end nobody saw are completed here."""
    found: dict[str, PodRuntime] = {}
    for top in (places.pods_run, places.pods_root):
        for uid in _names(top):
            if uid not in found:
                found[uid] = PodRuntime(
                    sandbox=_load_sandbox(places, uid), containers=_load_containers(places, uid)
                )
    return found


def _load_sandbox(places: Places, uid: str) -> SandboxRecord | None:
    try:
        with open(places.sandbox_record(uid), "rb") as file:
            record = msgspec.json.decode(file.read(), type=SandboxRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    lost = record.netns and not pinned(record.netns)
    return None if not record.torn_down and (lost or not record.made) else record


def _load_containers(places: Places, uid: str) -> tuple[ContainerRecord, ...]:
    records = []
    for name in _names(places.containers(uid)):
        try:
            with open(f"{places.containers(uid)}/{name}/record.json", "rb") as file:
                records.append(msgspec.json.decode(file.read(), type=ContainerRecord))
        except (FileNotFoundError, msgspec.DecodeError):
            continue  # the agent died between making the folder and writing the record
    return tuple(sorted(records, key=lambda record: (record.created_at, record.attempt)))


def monitor_alive(record: ContainerRecord) -> bool:
    """Whether the run's conmon still watches over it; a reused process number does not deceive."""
    try:
        with open(f"/proc/{record.monitor_pid}/cmdline", "rb") as file:
            return record.id.encode() in file.read().split(b"\0")
    except OSError:
        return False


def read_exit(
    places: Places, uid: str, record: ContainerRecord, *, fallback_to_logs: bool, now_s: float
) -> Exit:
    """How the run ended, once its conmon is gone. Without an exit file nobody saw it end."""
    bundle = places.container(uid, record.name, record.attempt)
    try:
        with open(f"{bundle}/exit", encoding="ascii") as file:
            code = int(file.read().strip() or 0)
            finished_s = os.fstat(file.fileno()).st_mtime
    except (FileNotFoundError, ValueError):
        text = "The container could not be located: its monitor died, or the node went down"
        return Exit(code=137, finished_at=rfc3339(now_s), reason="ContainerStatusUnknown", message=text)
    out_of_memory = os.path.exists(f"{bundle}/oom")
    reason = "OOMKilled" if out_of_memory else "Error" if code else "Completed"
    message = _tail(record.termination_log, _TERMINATION_MESSAGE_BYTES)
    if not message and code and fallback_to_logs:
        message = _log_tail(record.log_path)
    return Exit(code=code, finished_at=rfc3339(finished_s), reason=reason, message=message)


def _tail(path: str, limit_bytes: int) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit_bytes))
            return file.read().decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return ""


def _log_tail(path: str) -> str:
    lines = _tail(path, 4 * _LOG_TAIL_BYTES).splitlines()[-_LOG_TAIL_LINES:]
    texts = [line.split(" ", 3)[3] for line in lines if line.count(" ") >= 3]
    return "\n".join(texts)[-_LOG_TAIL_BYTES:]


def remove_pod(places: Places, uid: str) -> None:
    """The files of a pod whose mounts are gone already. Absent is fine."""
    shutil.rmtree(places.pod_root(uid), ignore_errors=True)


def _names(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except FileNotFoundError:
        return []


def _write_whole(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    scratch = f"{path}.new"
    with open(scratch, "wb") as file:
        file.write(data)
    os.rename(scratch, path)
