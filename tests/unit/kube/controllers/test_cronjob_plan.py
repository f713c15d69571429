"""What a CronJob does when its schedule says so."""

from __future__ import annotations

from datetime import UTC

from kube.controllers.cronjob import plan, schedule
from kube.controllers.cronjob.kinds import RecurringJob
from tests.unit.kube.controllers.builders import NOW, make


def test_a_day_that_no_month_has_is_told() -> None:
    job = make(RecurringJob, spec={"schedule": "59 23 31 2 *"})
    found = plan.plan(job, (), schedule.parse(job.spec.schedule), UTC, NOW)
    assert found.warning is not None
    assert found.warning[0] == "InvalidSchedule"
    assert found.warning[1].startswith("invalid schedule: 59 23 31 2 * : ")
    assert (found.start_at, found.again_in_s) == (None, None)
