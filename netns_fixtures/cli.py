"""`klab`: labs of several nodes on this machine, in namespaces."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence

from netns_fixtures.topology import FAMILIES, NODE_GRACE_S, WAYS, LabError

_EXAMPLES = """examples:
  klab up --nodes 3                          a cluster of three nodes, named podnet
  export KUBECONFIG=$(klab kubeconfig --path); kubectl get nodes
  klab up --name tunnels --network vxlan     pods of different nodes meet through tunnels
  klab exec node-1 -- nft list ruleset       a command inside a node
  klab image import app.tar                  an OCI or docker archive, for all nodes
  klab apply -f examples/k8sdemo -n default  without kubectl
  klab down                                  nothing is left behind
"""
_PROXY_MODES = ("nftables", "iptables", "ipvs", "userspace")
Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    parser = build_parser()
    words = list(sys.argv[1:] if argv is None else argv)
    cut = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:cut])
    options.after_dashes = words[cut + 1 :]
    if options.print_completion:
        import shtab

        print(shtab.complete(parser, options.print_completion))
        return 0
    if not options.run:
        parser.print_help()
        return 2
    try:
        if os.geteuid() != 0:
            raise LabError("namespaces and links need root: run it as root, e.g. with sudo")
        code: int = options.run(options)
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `klab up | head -1`: the reader has what it wanted. Nothing more may be written when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ExceptionGroup as group:
        for error in group.exceptions:
            print(f"klab: {error}", file=sys.stderr)
    except Exception as error:
        if os.environ.get("KLAB_TRACE"):
            raise
        print(f"klab: {error}", file=sys.stderr)
    return 1


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="klab",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--print-completion", choices=("bash", "zsh", "tcsh"), help="print a completion script"
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")

    up = _command(commands, "up", _up, "start a lab; returns when all its Nodes are Ready")
    _add_shape(up)
    up.add_argument(
        "--uplink",
        action="store_true",
        help="let pods reach the host's networks: changes the host (a table, a sysctl), says so, and 'down' undoes it",
    )
    up.add_argument(
        "--keep-on-failure", action="store_true", help="leave a lab that did not start for a look at its logs"
    )

    _command(commands, "down", _down, "end a lab and everything in it")
    _command(commands, "ls", _ls, "list the labs and their nodes")

    run = _command(commands, "exec", _exec, "run a command in a node (or in 'hub')")
    run.add_argument("node", metavar="NODE")
    run.add_argument("argv", nargs="*", metavar="-- CMD")

    config = _command(commands, "kubeconfig", _kubeconfig, "print the administrator's kubeconfig")
    config.add_argument("--path", action="store_true", help="print where the file is")

    apply = _command(commands, "apply", _apply, "apply manifests (server-side apply)")
    apply.add_argument(
        "-f", dest="files", action="append", required=True, metavar="FILE", help="a file or a folder"
    )
    apply.add_argument("-n", "--namespace", default="default")

    image = commands.add_parser("image", help="images for all nodes").add_subparsers(
        metavar="COMMAND", required=True
    )
    load = _command(image, "import", _image_import, "import an OCI or docker archive")
    load.add_argument("file", metavar="FILE")

    demo = _command(commands, "demo", _demo, "show everything at work, step by step, and check it")
    _add_shape(demo)
    demo.add_argument("--keep", action="store_true", help="leave the lab up at the end")

    _command(commands, "fabric", _fabric, "the lab's routing; started by 'up'")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--name", default="podnet", help="which lab (default: podnet)")
    parser.set_defaults(run=run)
    return parser


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=3, metavar="N")
    parser.add_argument("--proxy-mode", choices=_PROXY_MODES, default="nftables")
    parser.add_argument(
        "--network",
        choices=WAYS,
        default="routes",
        help="how pods reach those of other nodes: the lab routes for them, or their nodes make VXLAN tunnels"
        " (default: %(default)s)",
    )
    parser.add_argument("--ip-family", choices=FAMILIES, default="dual")
    parser.add_argument(
        "--node-grace",
        type=float,
        default=NODE_GRACE_S,
        metavar="SECONDS",
        help="of a node's silence until it counts as dead (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout", type=float, default=120, metavar="SECONDS", help="for all Nodes to be Ready"
    )


def _up(options: argparse.Namespace) -> int:
    from netns_fixtures import up_run

    started_s = time.monotonic()
    lab = up_run.bring_up(
        options.name,
        node_count=options.nodes,
        family=options.ip_family,
        proxy_mode=options.proxy_mode,
        timeout_s=options.timeout,
        say=_say,
        uplink=options.uplink,
        ways=options.network,
        node_grace_s=options.node_grace,
        keep_on_failure=options.keep_on_failure,
    )
    _say("")
    print(
        f"lab {lab.name}: {len(lab.nodes)} nodes Ready in {time.monotonic() - started_s:.1f} s, API at {lab.api_url}"
    )
    name = "" if lab.name == "podnet" else f" --name {lab.name}"
    print(f"  export KUBECONFIG=$(klab kubeconfig --path{name})")
    return 0


def _say(text: str) -> None:
    """Progress on one line of a terminal; quiet elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _down(options: argparse.Namespace) -> int:
    from netns_fixtures import teardown_apply
    from netns_fixtures.lab_disk import Folder

    existed = teardown_apply.tear_down(Folder(options.name))
    print(f"lab {options.name} is gone" if existed else f"there was no lab {options.name}")
    return 0


def _ls(options: argparse.Namespace) -> int:
    from netns_fixtures import lab_disk, members_run

    print(f"{'LAB':16} {'NODE':24} {'ADDRESSES':40} {'PID':>8}")
    for name in lab_disk.all_labs():
        folder = lab_disk.Folder(name)
        lab = folder.read_if_there()
        if lab is None:
            print(f"{name:16} half made: 'klab down --name {name}' removes it")
            continue
        for member in (lab.hub, *lab.nodes):
            pid = members_run.find(folder, member)
            print(f"{name:16} {member.name:24} {','.join(member.addresses):40} {pid or 'ended':>8}")
    return 0


def _exec(options: argparse.Namespace) -> int:
    from netns_fixtures import members_run
    from netns_fixtures.lab_disk import Folder

    folder = Folder(options.name)
    member = folder.read().member(options.node)
    pid = members_run.find(folder, member)
    if pid is None:
        raise LabError(f"{member.name} has ended: see {folder.logs / member.name}")
    argv = members_run.exec_argv(pid, member, options.argv + options.after_dashes or ["sh"])
    os.execvp(argv[0], argv)


def _kubeconfig(options: argparse.Namespace) -> int:
    from netns_fixtures.lab_disk import Folder

    folder = Folder(options.name)
    folder.read()
    print(folder.kubeconfig if options.path else folder.kubeconfig.read_text())
    return 0


def _apply(options: argparse.Namespace) -> int:
    from kube.client import Client
    from netns_fixtures import manifests_run
    from netns_fixtures.lab_disk import Folder

    folder = Folder(options.name)
    folder.read()

    async def run() -> list[str]:
        client = Client.from_kubeconfig(str(folder.kubeconfig), user_agent="klab")
        try:
            return await manifests_run.apply(
                client, manifests_run.read_manifests(options.files), options.namespace
            )
        finally:
            await client.close()

    print("\n".join(asyncio.run(run())))
    return 0


def _image_import(options: argparse.Namespace) -> int:
    from linux import process
    from netns_fixtures.lab_disk import Folder
    from netns_fixtures.up_run import BIN_DIR

    folder = Folder(options.name)
    folder.read()
    done = process.run(
        [f"{BIN_DIR}/knode", "image", "import", "--image-dir", str(folder.images), options.file],
        check=False,
        timeout_s=600,
    )
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.code


def _demo(options: argparse.Namespace) -> int:
    from netns_fixtures.demo import run

    return run.demo(options)


def _fabric(options: argparse.Namespace) -> int:
    from linux import logging_kv
    from netns_fixtures import fabric_run
    from netns_fixtures.lab_disk import Folder

    logging_kv.setup("klab-fabric")
    asyncio.run(fabric_run.run(Folder(options.name)))
    return 0
