"""`make demo`: a lab, the steps in order, and a verdict."""

import argparse
import asyncio

from kube.client import Client
from netns_fixtures import teardown_apply, up_run
from netns_fixtures.demo import steps_run
from netns_fixtures.demo.show import CheckFailed, Show
from netns_fixtures.demo.watched import Watched
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab


def demo(options: argparse.Namespace) -> int:
    """0 if every check held. The lab goes in any case, unless it is to be kept."""
    show = Show()
    folder = Folder(options.name)
    show.step(f"a cluster of {options.nodes} nodes: network, mount, PID, UTS, IPC and cgroup namespaces each")
    with show.waiting("starting") as status:
        lab = up_run.bring_up(
            options.name,
            node_count=options.nodes,
            family=options.ip_family,
            proxy_mode=options.proxy_mode,
            ways=options.network,
            node_grace_s=options.node_grace,
            timeout_s=options.timeout,
            say=status.update,
        )
    show.table(("node", "addresses"), [(node.name, " ".join(node.addresses)) for node in lab.nodes])
    show.check(f"{len(lab.nodes)} nodes are Ready after {show.elapsed_s:.1f} s", holds=True)
    try:
        asyncio.run(_steps(lab, folder, show))
    except CheckFailed as failure:
        show.check(str(failure), holds=False)
    finally:
        if options.keep:
            _how_to_use(show, lab)
        else:
            teardown_apply.tear_down(folder)
    return _verdict(show)


async def _steps(lab: Lab, folder: Folder, show: Show) -> None:
    client = Client.from_kubeconfig(str(folder.kubeconfig), user_agent="klab-demo")
    try:
        async with Watched(client) as watched:
            stage = steps_run.Stage(lab, folder, client, show, watched)
            for step in steps_run.STEPS:
                await step(stage)
    finally:
        await client.close()


def _how_to_use(show: Show, lab: Lab) -> None:
    name = "" if lab.name == "podnet" else f" --name {lab.name}"
    show.console.print("\nThe lab is up. To use it:", style="bold")
    for line in (
        f"export KUBECONFIG=$(.venv/bin/klab kubeconfig --path{name})",
        "kubectl get nodes -o wide",
        f".venv/bin/klab exec {lab.nodes[0].name}{name} -- nft list ruleset",
        f".venv/bin/klab down{name}",
    ):
        show.say(line)


def _verdict(show: Show) -> int:
    """The last line says what CI and people look for."""
    show.console.print(
        f"\n[bold]demo: {show.passed_count} passed, {len(show.failed)} failed[/] in {show.elapsed_s:.1f} s"
    )
    for fact in show.failed:
        show.console.print(f"  [red]✗ {fact}[/]")
    return 1 if show.failed else 0
