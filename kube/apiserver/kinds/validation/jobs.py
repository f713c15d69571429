"""Rules of Jobs and CronJobs."""

import re
import zoneinfo
from typing import Any

from kube.apiserver.kinds.selectors import from_object
from kube.apiserver.kinds.validation.pods import template
from kube.apiserver.kinds.validation.rules import Errors, immutable, needed, not_negative, one_of
from kube.apiserver.status import invalid_value, required

Object = dict[str, Any]

_RESTART = ("Never", "OnFailure")
_MAX_CRON_NAME = 52  # the Job's name adds a dash and ten digits
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of week", 0, 6, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
)
_MACROS = frozenset(["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"])
_STEP = re.compile(r"([^/]+)(?:/(\d+))?")


def job(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _job_spec(errors, "spec", spec)
    selector = spec.get("selector")
    if selector is None:
        errors.append(required("spec.selector"))
        return
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    try:
        matches = from_object(selector).matches(labels)
    except ValueError:
        matches = False
    if not matches:
        detail = "`selector` does not match template `labels`"
        errors.append(invalid_value("spec.template.metadata.labels", labels, detail))


def _job_spec(errors: Errors, where: str, spec: Object) -> None:
    for name in (
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
    ):
        not_negative(errors, f"{where}.{name}", spec.get(name))
    mode = spec.get("completionMode")
    one_of(errors, f"{where}.completionMode", mode, ("Indexed", "NonIndexed"))
    if mode == "Indexed" and spec.get("completions") is None:
        detail = "when completion mode is Indexed"
        errors.append(required(f"{where}.completions", detail))
    template(errors, f"{where}.template", spec.get("template"), restart=_RESTART)


def job_update(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    for name in ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy"):
        immutable(errors, f"spec.{name}", spec.get(name), before.get(name))
    if spec.get("completionMode") != "Indexed":
        immutable(errors, "spec.completions", spec.get("completions"), before.get("completions"))
    suspended = bool(before.get("suspend")) and not (old.get("status") or {}).get("startTime")
    if not suspended:
        immutable(errors, "spec.template", spec.get("template"), before.get("template"))


def cron_job(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    name = (obj.get("metadata") or {}).get("name") or ""
    if len(name) > _MAX_CRON_NAME:
        detail = f"must be no more than {_MAX_CRON_NAME} characters"
        errors.append(invalid_value("metadata.name", name, detail))
    schedule = spec.get("schedule")
    if needed(errors, "spec.schedule", schedule):
        why = schedule_error(str(schedule))
        if why:
            errors.append(invalid_value("spec.schedule", schedule, why))
    _time_zone(errors, spec)
    for field in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        not_negative(errors, f"spec.{field}", spec.get(field))
    policy = spec.get("concurrencyPolicy")
    one_of(errors, "spec.concurrencyPolicy", policy, ("Allow", "Forbid", "Replace"))
    _job_spec(errors, "spec.jobTemplate.spec", (spec.get("jobTemplate") or {}).get("spec") or {})


def _time_zone(errors: Errors, spec: Object) -> None:
    zone = spec.get("timeZone")
    if zone is None:
        return
    if not zone:
        errors.append(invalid_value("spec.timeZone", zone, "timeZone must be nil or non-empty string"))
        return
    try:
        known = zone == "UTC" or zoneinfo.ZoneInfo(zone) is not None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        errors.append(invalid_value("spec.timeZone", zone, f"unknown time zone {zone}"))


def schedule_error(schedule: str) -> str:
    """Why the five fields, or the @macro, are no schedule; "" when they are."""
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    if schedule.startswith("@"):
        if schedule in _MACROS or re.fullmatch(r"@every (\d+(\.\d+)?(h|m|s|ms|us|ns))+", schedule):
            return ""
        return f"unrecognized descriptor: {schedule}"
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        shown = " ".join(parts)
        return f"expected exactly 5 fields, found {len(parts)}: [{shown}]"
    for part, (name, low, high, words) in zip(parts, _FIELDS, strict=True):
        for item in part.split(","):
            why = _field_error(item, low, high, words)
            if why:
                return f"{why} ({name}): {item}" if why == "failed to parse int" else f"{why}: {item}"
    return ""


def _field_error(item: str, low: int, high: int, words: Any) -> str:
    match = _STEP.fullmatch(item)
    if match is None:
        return "too many slashes"
    if match[2] is not None and int(match[2]) == 0:
        return "step of range should be a positive number"
    bounds = match[1].split("-")
    if match[1] in ("*", "?"):
        return ""
    if len(bounds) > 2:
        return "too many hyphens"
    numbers = []
    for bound in bounds:
        word = bound.lower()
        if word in words:
            numbers.append(words.index(word) + low)
        elif bound.isdigit():
            numbers.append(int(bound))
        else:
            return "failed to parse int"
    if numbers[0] < low:
        return f"beginning of range ({numbers[0]}) below minimum ({low})"
    if numbers[-1] > high:
        return f"end of range ({numbers[-1]}) above maximum ({high})"
    if numbers[0] > numbers[-1]:
        return f"beginning of range ({numbers[0]}) beyond end of range ({numbers[-1]})"
    return ""
