"""The scheduler's metrics under kube-scheduler's names (v1.36)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kube.measures import Measures, exponential


class SchedulerMetrics:
    """`pending` gives the number of pods by queue."""

    def __init__(self, measures: Measures, profile: str, pending: Callable[[], Mapping[str, int]]) -> None:
        self._profile = profile
        results = ("profile", "result")
        self._attempts = measures.counter(
            "scheduler_schedule_attempts_total", "Attempts to place a pod, by result", results
        )
        self._attempt_s = measures.histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "From the decision's begin to the binding",
            results,
        )
        self._decision_s = measures.histogram(
            "scheduler_scheduling_algorithm_duration_seconds", "The decision alone"
        )
        self._pod_attempts = measures.histogram(
            "scheduler_pod_scheduling_attempts", "Attempts until a pod was placed", bounds=(1, 2, 4, 8, 16)
        )
        self._pod_s = measures.histogram(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "From a pod's arrival in the queue to its binding",
            ("attempts",),
            bounds=exponential(0.01, 2, 20),
        )
        self._preemptions = measures.counter(
            "scheduler_preemption_attempts_total", "Decisions that evicted others"
        )
        self._victims = measures.histogram(
            "scheduler_preemption_victims", "Pods evicted for one", bounds=exponential(1, 2, 7)
        )
        measures.gauge(
            "scheduler_pending_pods",
            "Pods that wait, by queue",
            ("queue",),
            lambda: {(queue,): count for queue, count in pending().items()},
        )

    def decided(self, took_s: float) -> None:
        self._decision_s.observe(took_s)

    def attempted(self, result: str, took_s: float) -> None:
        """`result` is scheduled, unschedulable or error."""
        self._attempts.add(self._profile, result)
        self._attempt_s.observe(took_s, self._profile, result)

    def placed(self, attempts: int, waited_s: float) -> None:
        self._pod_attempts.observe(attempts)
        self._pod_s.observe(waited_s, str(min(attempts, 15)))

    def preempted(self, victims: int) -> None:
        self._preemptions.add()
        self._victims.observe(victims)
