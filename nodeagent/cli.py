"""`knode`: the node agent's command line."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from linux import completion
from nodeagent.flags import ROOT_DIR, add_run, options_of

_EXAMPLES = """examples:
  knode run --kubeconfig /etc/podnet/node.kubeconfig --node-name node-1 --node-ip 192.0.2.11 \\
      --tls-cert /etc/podnet/node.crt --tls-key /etc/podnet/node.key --client-ca /etc/podnet/ca.crt
  knode run … --pod-manifest-path /etc/podnet/manifests --system-reserved cpu=250m,memory=512Mi \\
      --max-pods 250 --pod-max-pids 4096 --seccomp-default      # a node of its own with static pods
  knode image import web.tar.gz        # an OCI archive or what `docker save` wrote
  knode image ls
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="knode",
        description="Runs the pods of one node: namespaces, CNI, containers, probes, volumes, logs, exec.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_option(top)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_run(commands.add_parser("run", help="run the agent until SIGTERM"))
    image = commands.add_parser("image", help="images of this node").add_subparsers(
        dest="image_command", required=True, metavar="COMMAND"
    )
    importing = image.add_parser(
        "import", help="take images from an OCI or docker archive (tar, also compressed)"
    )
    importing.add_argument("file", metavar="FILE", nargs="+")
    importing.add_argument("--name", default="", help="reference for an archive that names nothing")
    listing = image.add_parser("ls", help="list the images that were imported or pulled")
    for each in (importing, listing):
        each.add_argument(
            "--root-dir", default=ROOT_DIR, metavar="DIR", help="the agent's (default: %(default)s)"
        )
        each.add_argument(
            "--image-dir", default="", metavar="DIR", help="the store itself, instead of ROOT_DIR/images"
        )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 for a failure with its reason on one line, 2 for wrong usage."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.command == "run":
            return _run(arguments)
        return _image(arguments)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if getattr(arguments, "log_level", "") == "debug":
            raise
        print(f"knode: {_reason(error)}", file=sys.stderr)
        return 1


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split()) or type(error).__name__


def _run(arguments: argparse.Namespace) -> int:
    import asyncio
    import os

    from linux import logging_kv
    from nodeagent.drive import run

    if os.geteuid() != 0:
        print("knode: making namespaces and mounts takes root: run it with sudo", file=sys.stderr)
        return 1
    logging_kv.setup("knode", arguments.log_level)
    asyncio.run(run(options_of(arguments)))
    return _leave_at_once()


def _leave_at_once() -> NoReturn:
    """The interpreter's own end would wait for threads that wait for registries and runtimes."""
    import os

    sys.stderr.flush()
    os._exit(0)


def _image(arguments: argparse.Namespace) -> int:
    from nodeagent.images.disk import ImageStore

    store = ImageStore(arguments.image_dir or f"{arguments.root_dir}/images")
    if arguments.image_command == "import":
        for path in arguments.file:
            for reference in store.import_archive(path, arguments.name):
                print(f"imported {reference}")
        return 0
    for reference, digest in sorted(store.names().items()):
        print(f"{reference}\t{digest[:19]}\t{store.size_bytes(digest) / 1e6:.1f} MB")
    return 0
