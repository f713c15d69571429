"""/healthz, /livez, /readyz: as a whole, ?verbose, ?exclude=CHECK, and each check at its own path.

The words are kube-apiserver's, since probes and scripts read them.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from kube.apiserver.requests.request import Answer, Query, Request, text_answer
from kube.apiserver.state import Api
from kube.store import StoreError

_log = logging.getLogger(__name__)
ENDPOINTS = ("healthz", "livez", "readyz")


class Check(NamedTuple):
    """One named condition; `fault` empty means it holds."""

    name: str
    fault: str = ""


async def health(api: Api, request: Request) -> Answer | None:
    """None for a path that is none of these, 404 for a check that there is not."""
    endpoint, _, name = request.path.strip("/").partition("/")
    if endpoint not in ENDPOINTS:
        return None
    checks = await _checks(api, endpoint)
    return answer(endpoint, checks, request.query) if not name else _one(name, checks)


async def _checks(api: Api, endpoint: str) -> Sequence[Check]:
    fault = ""
    try:
        await api.store.caught_up()
    except StoreError as error:
        fault = str(error)
    store = Check("etcd", fault)  # whichever store it is: this is the name that is asked for
    roles = Check("poststarthook/rbac/bootstrap-roles", _missing_roles(api))
    # Nothing is served before the cache is loaded and the first objects are there.
    always = (Check("ping"), Check("log"), store)
    ready = (Check("etcd-readiness", fault), Check("informer-sync")) if endpoint == "readyz" else ()
    return (*always, *ready, roles, *((Check("shutdown"),) if endpoint == "readyz" else ()))


def _missing_roles(api: Api) -> str:
    if "RBAC" not in api.settings.authorization_modes or api.cache.get(_ROLES, "", "cluster-admin"):
        return ""
    return "the default roles are not written yet"


_ROLES = "clusterroles.rbac.authorization.k8s.io"


def answer(endpoint: str, checks: Sequence[Check], query: Query) -> Answer:
    """200 `ok`, or the list of checks; 500 with the list when one fails. Why is in the log alone: anyone may ask."""
    excluded = set(query.all("exclude"))
    unknown = excluded - {check.name for check in checks}
    failed = [check for check in checks if check.fault and check.name not in excluded]
    for check in failed:
        _log.error("%s check %s failed: %s", endpoint, check.name, check.fault)
    if not failed and "verbose" not in query:
        return text_answer("ok")
    lines = [_line(check, excluded=check.name in excluded) for check in checks]
    if unknown:
        names = ",".join(f'"{name}"' for name in sorted(unknown))
        lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
    lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
    return text_answer("\n".join(lines) + "\n", 500 if failed else 200)


def _line(check: Check, *, excluded: bool) -> str:
    if excluded:
        return f"[+]{check.name} excluded: ok"
    return f"[-]{check.name} failed: reason withheld" if check.fault else f"[+]{check.name} ok"


def _one(name: str, checks: Sequence[Check]) -> Answer:
    for check in checks:
        if check.name == name:
            if not check.fault:
                return text_answer("ok")
            return text_answer(f"internal server error: {check.fault}\n", 500)
    return text_answer("404 page not found\n", 404)
