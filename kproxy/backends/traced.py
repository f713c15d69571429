"""What a packet's way through a backend's rules comes to, in the words of `explain`."""

from typing import NamedTuple

from kproxy.explain import RulesSay
from kproxy.walk import VerdictName


class Traced(NamedTuple):
    """`masqueraded` by target `ip:port`; `steps` of one of the ways, as the backend names them."""

    verdict: VerdictName
    masqueraded: dict[str, bool]
    steps: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.masqueraded)

    @property
    def masquerade(self) -> bool:
        return any(self.masqueraded.values())

    def say(self, where: str) -> RulesSay:
        return RulesSay(verdict=self.verdict, targets=self.targets, masquerade=self.masquerade, where=where)
