"""Rules of a pod's volumes."""

from collections.abc import Iterable
from typing import Any

from kube.apiserver.kinds import quantity
from kube.apiserver.kinds.names import label_errors
from kube.apiserver.kinds.validation.containers import relative_path
from kube.apiserver.kinds.validation.rules import NOT_NEGATIVE, Errors, each, needed, one_of
from kube.apiserver.status import duplicate, forbidden_value, invalid_value, required

Object = dict[str, Any]

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_MAX_MODE = 0o777


def volumes(errors: Errors, where: str, items: Iterable[Object]) -> set[str]:
    """The names of the good ones, for the mounts to refer to."""
    names: set[str] = set()
    for index, item in enumerate(items):
        here = f"{where}[{index}]"
        name = item.get("name") or ""
        if not name:
            errors.append(required(f"{here}.name"))
        else:
            each(errors, f"{here}.name", name, label_errors(name))
            if name in names:
                errors.append(duplicate(f"{here}.name", name))
            names.add(name)
        _source(errors, here, item)
    return names


def _source(errors: Errors, where: str, item: Object) -> None:
    given = [key for key in item if key != "name"]
    if not given:
        errors.append(required(where, "must specify a volume type"))
    for key in given[1:]:
        errors.append(forbidden_value(f"{where}.{key}", "may not specify more than 1 volume type"))
    for key in given[:1]:
        source = item[key]
        match key:
            case "hostPath":
                _host_path(errors, f"{where}.hostPath", source)
            case "configMap":
                needed(errors, f"{where}.configMap.name", source.get("name"))
                _files(errors, f"{where}.configMap", source)
            case "secret":
                needed(errors, f"{where}.secret.secretName", source.get("secretName"))
                _files(errors, f"{where}.secret", source)
            case "persistentVolumeClaim":
                needed(errors, f"{where}.persistentVolumeClaim.claimName", source.get("claimName"))
            case "emptyDir":
                limit = source.get("sizeLimit")
                if limit is not None and quantity.parse(str(limit)).nano < 0:
                    errors.append(forbidden_value(f"{where}.emptyDir.sizeLimit", NOT_NEGATIVE))
            case "projected":
                _projected(errors, f"{where}.projected", source)


def _host_path(errors: Errors, where: str, source: Object) -> None:
    path = source.get("path")
    if needed(errors, f"{where}.path", path) and ".." in str(path).split("/"):
        errors.append(invalid_value(f"{where}.path", path, "must not contain '..'"))
    one_of(errors, f"{where}.type", source.get("type"), _HOST_PATH_TYPES)


def _files(errors: Errors, where: str, source: Object) -> None:
    _mode(errors, f"{where}.defaultMode", source.get("defaultMode"))
    for index, item in enumerate(source.get("items") or ()):
        here = f"{where}.items[{index}]"
        needed(errors, f"{here}.key", item.get("key"))
        if needed(errors, f"{here}.path", item.get("path")):
            relative_path(errors, f"{here}.path", item["path"])
        _mode(errors, f"{here}.mode", item.get("mode"))


def _mode(errors: Errors, where: str, mode: Any) -> None:
    if mode is not None and not 0 <= mode <= _MAX_MODE:
        detail = "must be a number between 0 and 0777 (octal), both inclusive"
        errors.append(invalid_value(where, mode, detail))


def _projected(errors: Errors, where: str, source: Object) -> None:
    _mode(errors, f"{where}.defaultMode", source.get("defaultMode"))
    for index, projection in enumerate(source.get("sources") or ()):
        here = f"{where}.sources[{index}]"
        for key in list(projection)[1:]:
            errors.append(forbidden_value(f"{here}.{key}", "may not specify more than 1 volume type"))
        for key in ("configMap", "secret"):
            if key in projection:
                needed(errors, f"{here}.{key}.name", projection[key].get("name"))
                _files(errors, f"{here}.{key}", projection[key])
        token = projection.get("serviceAccountToken")
        if token is not None:
            needed(errors, f"{here}.serviceAccountToken.path", token.get("path"))
            if token.get("expirationSeconds", 3600) < 600:
                detail = "may not specify a duration less than 10 minutes"
                field = f"{here}.serviceAccountToken.expirationSeconds"
                errors.append(invalid_value(field, token["expirationSeconds"], detail))
