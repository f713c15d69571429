"""The live watches of a store in this process."""

from collections.abc import Callable, Sequence

from kube.store.contract import Change, Deliver


class Watches:
    """Hands each committed batch to those whose prefix it touches."""

    def __init__(self) -> None:
        self._watches: dict[int, tuple[str, Deliver]] = {}
        self._last = 0

    def add(self, prefix: str, deliver: Deliver) -> Callable[[], None]:
        self._last += 1
        number = self._last
        self._watches[number] = (prefix, deliver)

        def cancel() -> None:
            self._watches.pop(number, None)

        return cancel

    def deliver(self, changes: Sequence[Change]) -> None:
        for prefix, deliver in tuple(self._watches.values()):
            wanted = [change for change in changes if change.key.startswith(prefix)] if prefix else changes
            if wanted:
                deliver(wanted)
