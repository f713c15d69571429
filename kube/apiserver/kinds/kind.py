"""What a row of KINDS holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import msgspec

from kube.apiserver.status import FieldError, GroupName

if TYPE_CHECKING:
    from kube.apiserver.kinds.managed_fields.structure import Structure
    from kube.apiserver.kinds.schema.check import SchemaReport

Object = dict[str, Any]

# How object names are judged, see validation/names.py: RFC 1123 subdomain or label, or a path segment (RBAC).
NameRule = Literal["subdomain", "label", "path", "ip"]

READ = ("get", "list")
CRUD = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CRUD_EACH = tuple(verb for verb in CRUD if verb != "deletecollection")
CREATE_ONLY = ("create",)


class GroupVersionKind(NamedTuple):
    """The type of a JSON object."""

    group: str
    version: str
    kind: str


class GroupVersionResource(NamedTuple):
    """The path of a collection."""

    group: str
    version: str
    plural: str


class Subresource(msgspec.Struct, frozen=True):
    """A path below an object; empty `kind` means the parent's own kind."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


EDIT = ("get", "patch", "update")
STATUS = Subresource("status", EDIT)
SCALE = Subresource("scale", EDIT, "Scale", "autoscaling", "v1")


class Scaling(Protocol):
    """Where objects of a custom kind keep their replicas."""

    def replicas(self, obj: Object) -> int: ...
    def status_replicas(self, obj: Object) -> int: ...
    def selector_text(self, obj: Object) -> str: ...
    def set_replicas(self, obj: Object, count: int) -> None: ...


class Custom(Protocol):
    """What a kind that a CustomResourceDefinition made brings along; built-in kinds have rows in tables instead."""

    definition_name: str  # of the CustomResourceDefinition
    version: Object  # its part of the definition
    api_version: str
    stored_api_version: str
    warning: str  # for every answer, "" for none
    conversion: Object | None  # the definition, where a webhook converts between its versions

    @property
    def scale(self) -> Scaling | None: ...
    @property
    def structure(self) -> "Structure": ...
    @property
    def column_definitions(self) -> list[Object]: ...
    @property
    def fields(self) -> Mapping[str, Callable[[Object], str]]: ...

    def check(self, obj: Object, duplicates: Sequence[str]) -> "SchemaReport": ...
    def default(self, obj: Object) -> None: ...
    def validate(self, new: Object, old: Object | None) -> list[FieldError]: ...
    def undeclared(self, obj: Object) -> list[str]: ...
    def cells(self, obj: Object, now: float) -> list[Any]: ...
    def is_current(self, body: bytes, revision: int) -> bool: ...
    def has_version(self, body: bytes) -> bool: ...
    def to_served(self, obj: Object) -> Object: ...


class Kind(msgspec.Struct, frozen=True):
    """One kind: how it is addressed, and the rules that hold for all objects of it."""

    group: str
    version: str
    plural: str
    kind: str
    definition: str  # its name in data/schema.json.gz
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = CRUD
    subresource_rows: tuple[Subresource, ...] = ()
    has_generation: bool = False  # metadata.generation counts changes of the spec
    name_rule: NameRule = "subdomain"
    unconditional_update: bool = True  # PUT without resourceVersion is taken
    create_on_update: bool = False  # PUT of an absent object creates it
    stored_as: str = ""  # "events": the resource whose objects this one shows in another version
    singular: str = ""
    listed_as: str = ""  # the kind of lists, where it is not the kind's name with "List"
    custom: Custom | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def gvk(self) -> GroupVersionKind:
        return GroupVersionKind(self.group, self.version, self.kind)

    @property
    def gvr(self) -> GroupVersionResource:
        return GroupVersionResource(self.group, self.version, self.plural)

    @property
    def resource(self) -> GroupName:
        """`deployments.apps`: what not-found and conflict messages name."""
        return GroupName(self.group, self.plural)

    @property
    def group_kind(self) -> GroupName:
        """`Deployment.apps`: what invalid messages name."""
        return GroupName(self.group, self.kind)

    @property
    def key(self) -> str:
        """`deployments.apps`: the key of DEFAULTS, VALIDATORS, COLUMNS and of the store."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage_key(self) -> str:
        return self.stored_as or self.key

    @property
    def list_kind(self) -> str:
        return self.listed_as or self.kind + "List"

    @property
    def singular_name(self) -> str:
        return self.singular or self.kind.lower()

    @property
    def subresources(self) -> Mapping[str, Subresource]:
        return {row.name: row for row in self.subresource_rows}

    @property
    def has_status(self) -> bool:
        """Status is written through /status alone."""
        return STATUS in self.subresource_rows

    @property
    def stored(self) -> bool:
        """False for the create-only reviews, which are answered and forgotten."""
        return "get" in self.verbs and self.plural != "componentstatuses"
