"""Admission that users define, around a write: first what changes the object, then what judges it."""

from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api


async def mutated(api: Api, attempt: Attempt, warnings: list[str]) -> Object | None:
    """The object after mutating policies and webhooks: the same one when nothing changed it. Raises StatusError."""
    lists = api.registrations.now
    if lists is None or attempt.exempt:
        return attempt.obj
    if lists.mutating_policies:
        from kube.apiserver.dynamic_admission import policies_drive

        attempt = attempt._replace(obj=await policies_drive.mutated(api, attempt, lists.mutating_policies))
    if lists.mutating_hooks:
        from kube.apiserver.dynamic_admission import webhooks_drive

        before = attempt.obj
        attempt = attempt._replace(
            obj=await webhooks_drive.mutated(api, attempt, lists.mutating_hooks, warnings)
        )
        if attempt.obj != before and any(bound.policy.reinvoked for bound in lists.mutating_policies):
            from kube.apiserver.dynamic_admission import policies_drive

            again = tuple(bound for bound in lists.mutating_policies if bound.policy.reinvoked)
            attempt = attempt._replace(obj=await policies_drive.mutated(api, attempt, again))
    return attempt.obj


def judges(api: Api, attempt: Attempt) -> bool:
    """Whether there is anything to ask."""
    lists = api.registrations.now
    return (
        lists is not None and not attempt.exempt and bool(lists.validating_policies or lists.validating_hooks)
    )


async def validate(api: Api, attempt: Attempt, warnings: list[str]) -> None:
    """Validating policies, then webhooks. Raises StatusError."""
    lists = api.registrations.now
    if lists is None or attempt.exempt:
        return
    if lists.validating_policies:
        from kube.apiserver.dynamic_admission import policies_drive

        await policies_drive.validate(api, attempt, lists.validating_policies, warnings)
    if lists.validating_hooks:
        from kube.apiserver.dynamic_admission import webhooks_drive

        await webhooks_drive.validate(api, attempt, lists.validating_hooks, warnings)


async def review(api: Api, attempt: Attempt, warnings: list[str]) -> Object | None:
    """Both, for what is not stored as it is: deletions, connections, bindings. Raises StatusError."""
    obj = await mutated(api, attempt, warnings)
    await validate(api, attempt._replace(obj=obj), warnings)
    return obj
