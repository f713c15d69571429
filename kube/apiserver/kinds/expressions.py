"""What expressions of webhooks and policies see, and how they are compiled."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kube.apiserver.cel import Budget, CelError, Checked, CompileError, Environment, compiled
from kube.apiserver.cel.types import BOOL, DYN, STRING, Record, Type

Object = dict[str, Any]

STEPS = 10_000_000  # of all expressions of one policy on one request, as kube-apiserver's budget
_AUTHORIZER = Type("kubernetes.authorization.Authorizer")
_CHECK = Type("kubernetes.authorization.ResourceCheck")
_REQUEST = Record(
    dict.fromkeys(
        (
            "kind",
            "resource",
            "subResource",
            "requestKind",
            "requestResource",
            "requestSubResource",
            "userInfo",
            "options",
        ),
        DYN,
    )
    | dict.fromkeys(("name", "namespace", "operation", "uid"), STRING)
    | {"dryRun": BOOL}
)


class _Messages(dict[str, Record]):
    """Types that expressions of mutations make: `Object` and what is below it take any field."""

    def get(self, name: str, default: Any = None) -> Any:
        if name == "Object" or name.startswith("Object."):
            return Record({}, is_open=True)
        return super().get(name, default)


PATCH = Record({"op": STRING, "path": STRING, "from": STRING, "value": DYN})


def environment(
    *,
    params: bool,
    namespace: bool = True,
    variables: Mapping[str, Type] | None = None,
    messages: bool = False,
) -> Environment:
    """`variables` None: there is no `variables`; `messages`: Object and JSONPatch can be written."""
    names = {
        "object": DYN,
        "oldObject": DYN,
        "request": Type("kubernetes.AdmissionRequest"),
        "authorizer": _AUTHORIZER,
        "authorizer.requestResource": _CHECK,
    }
    if params:
        names["params"] = DYN
    if namespace:
        names["namespaceObject"] = DYN
    records: dict[str, Record] = _Messages() if messages else {}
    records["kubernetes.AdmissionRequest"] = _REQUEST
    if messages:
        records["JSONPatch"] = PATCH
    if variables is not None:
        names["variables"] = Type("kubernetes.variables")
        records["kubernetes.variables"] = Record(dict(variables))
    return Environment(names, records)


def compiled_as(text: str, known: Environment, *wanted: Type) -> Checked:
    """Raises CompileError, also when the value can be of none of these types."""
    checked = compiled(text.strip(), known)
    if wanted and checked.type != DYN and checked.type not in wanted:
        listed = str(wanted[0]) if len(wanted) == 1 else f"one of [{' '.join(map(str, wanted))}]"
        raise Unsuitable(f"must evaluate to {listed} but got {checked.type}")
    return checked


class Unsuitable(CompileError):
    """The expression is one, but of another type than is asked for."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.message = message


def fault(error: CompileError) -> str:
    """The sentence about an expression that cannot be used."""
    return str(error) if isinstance(error, Unsuitable) else f"compilation failed: {error}"


class Condition(NamedTuple):
    """One of matchConditions."""

    name: str
    expression: str
    program: Checked | CompileError


def conditions(rows: Sequence[Object], known: Environment) -> tuple[Condition, ...]:
    return tuple(_condition(row, known) for row in rows)


def _condition(row: Object, known: Environment) -> Condition:
    text = row.get("expression") or ""
    try:
        return Condition(row.get("name") or "", text, compiled_as(text, known, BOOL))
    except CompileError as error:
        return Condition(row.get("name") or "", text, error)


class Undecided(Exception):
    """A condition failed, and none said no; the sentence tells which."""


def hold(rows: Sequence[Condition], variables: Mapping[str, Any]) -> bool:
    """Whether all conditions are true; one that is false decides over those that fail. Raises Undecided."""
    budget, failures = Budget(STEPS), []
    for row in rows:
        try:
            if evaluated(row.program, row.expression, variables, budget) is False:
                return False
        except CelError as error:
            failures.append(str(error))
    if failures:
        raise Undecided(failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]")
    return True


def evaluated(
    program: Checked | CompileError, text: str, variables: Mapping[str, Any], budget: Budget
) -> Any:
    """Raises CelError that names the expression."""
    if isinstance(program, CompileError):
        raise CelError(f"compilation error: {fault(program)}")
    try:
        return program.program.evaluate(variables, budget)
    except CelError as error:
        raise CelError(f"expression '{text}' resulted in error: {error}") from error


class Lazy(dict[str, Any]):
    """`variables`: each is evaluated when it is first asked for."""

    def __init__(self, make: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__()
        self._make = make

    def __contains__(self, name: object) -> bool:
        return name in self._make

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            self[name] = self._make[name]()
        return super().__getitem__(name)
