"""Which values of an applied configuration could only be replaced as a whole?"""

from typing import Any

from kube.apiserver.kinds.managed_fields.structure import ATOMIC, Structure


def atomics(value: Any, structure: Structure, path: str = "") -> list[str]:
    """Paths of the lists and maps that the schema calls atomic."""
    if not isinstance(value, (dict, list)):
        return []
    if structure.shape == "atomic":
        return [path]
    found: list[str] = []
    if isinstance(value, dict):
        for name, item in value.items():
            found += atomics(item, structure.member(name), f"{path}.{name}")
    elif structure.shape == "list":
        for index, item in enumerate(value):
            found += atomics(item, structure.item or ATOMIC, f"{path}[{index}]")
    return found
