from __future__ import annotations

import asyncio

from dns.handlers.request import FOREVER, THIS_SECOND, Later, Lifetime, Response, join, then


def changed(name: str) -> object:
    return lambda response: Response(plugin=response.plugin + name)


def test_changes_happen_in_order_whichever_comes_last() -> None:
    for response_first in (True, False):
        later, found = Later(), []
        then(later, changed("a"))  # type: ignore[arg-type]
        then(later, changed("b"))  # type: ignore[arg-type]
        steps = [
            lambda later=later: later.resolve(Response(plugin="x")),
            lambda later=later, found=found: later.on_done(found.append),
        ]
        for step in steps if response_first else reversed(steps):
            step()
        assert [one.plugin for one in found] == ["xab"]


def test_a_change_may_itself_come_later_and_one_that_fails_is_servfail() -> None:
    later, second, found = Later(), Later(), []
    then(later, lambda _: second)
    then(later, changed("c"))  # type: ignore[arg-type]
    later.on_done(found.append)
    later.resolve(Response())
    assert found == []
    second.resolve(Response(plugin="y"))
    assert [one.plugin for one in found] == ["yc"]
    broken = Later()
    then(broken, lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    broken.on_done(found.append)
    broken.resolve(Response())
    assert found[-1].rcode == 2


def test_it_can_be_awaited() -> None:
    async def main() -> str:
        later = Later()
        asyncio.get_running_loop().call_soon(later.resolve, Response(plugin="z"))
        return (await later).plugin

    assert asyncio.run(main()) == "z"


def test_two_lifetimes_hold_as_long_as_both() -> None:
    keyed = Lifetime(("a",))
    assert join(None, FOREVER) is None
    assert join(FOREVER, keyed) == keyed
    assert join(keyed, Lifetime(("b",))) == Lifetime(("a", "b"))
    assert join(keyed, THIS_SECOND) == Lifetime(("a",), volatile=True)
    assert join(THIS_SECOND, FOREVER) == THIS_SECOND
