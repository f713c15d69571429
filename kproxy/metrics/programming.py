"""How long the network took to follow its pods: from the endpoints' change to the rules. Pure; times are seconds
since 1970.
"""

from datetime import datetime

from kube.objects import TRIGGER_TIME_ANNOTATION, EndpointSlice, NamespacedName


class Triggers:
    """When the changes happened that no sync has brought into the rules yet, as the slices' annotations say.

    What happened before `started_at` is not this proxy's doing.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._times: dict[NamespacedName, float] = {}

    def note(self, key: NamespacedName, item: EndpointSlice) -> None:
        """The first of several changes counts; a time that is none is passed over."""
        stamp = item.metadata.annotations.get(TRIGGER_TIME_ANNOTATION)
        if stamp is None:
            return
        try:
            at = datetime.fromisoformat(stamp).timestamp()
        except ValueError:
            return
        if at > self._started_at:
            self._times.setdefault(key, at)

    def done(self, now: float) -> list[float]:
        """Seconds that each took; the next call has only what came after."""
        times, self._times = self._times, {}
        return [now - at for at in times.values()]
