"""Which objects a list or watch is about: namespace, name, labels, fields."""

from kube.apiserver.kinds.selectors import FieldSelector, LabelSelector
from kube.store.entries import Entry
from kube.store.watchers import View


class ObjectSelection:
    """Looks at the key and the labels first: only other fields need the decoded object."""

    __slots__ = ("_fields", "_key", "_labels", "_needles", "_prefix", "empty", "name", "namespace")

    def __init__(self, namespace: str, name: str, labels: LabelSelector, fields: FieldSelector) -> None:
        self.namespace = namespace or fields.exact("metadata.namespace") or ""
        self.name = name or fields.exact("metadata.name") or ""
        self._prefix = self.namespace + "/" if self.namespace else ""
        self._key = self._prefix + self.name if self.name and self.namespace else ""
        self._labels = None if labels.empty else labels
        # metadata.name=x was read above; metadata.name!=x still has to look
        rest = tuple(
            row
            for row in fields.requirements
            if not (row.equal and row.field in ("metadata.name", "metadata.namespace"))
            or row.value != (self.name if row.field == "metadata.name" else self.namespace)
        )
        self._fields = FieldSelector(rest) if rest else None
        # An object without the value's text somewhere cannot match, and need not be decoded to know it.
        self._needles = tuple(row.value.encode() for row in rest if row.equal and _is_plain(row.value))
        self.empty = self._labels is None and self._fields is None and not self.name

    @property
    def decodes(self) -> bool:
        """Whether an object may have to be decoded to know."""
        return self._fields is not None

    def matches(self, view: View) -> bool:
        entry = view.entry
        if not self._in_scope(entry):
            return False
        if self._labels is not None and not self._labels.matches(entry.labels):
            return False
        if self._fields is None:
            return True
        if any(needle not in entry.body for needle in self._needles):
            return False
        return self._fields.matches(view.object)

    def _in_scope(self, entry: Entry) -> bool:
        if self._key:
            return entry.key == self._key
        if self._prefix and not entry.key.startswith(self._prefix):
            return False
        return not self.name or entry.name == self.name


def _is_plain(value: str) -> bool:
    """JSON has it as it is; and it is not what an absent field counts as."""
    return (
        value.isascii()
        and value.isprintable()
        and not set(value) & set('"\\')
        and value not in ("", "false", "0")
    )
