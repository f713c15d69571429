"""kcni: installs the plugin executables and looks after what they left.

Imports stay light: a lab runs `kcni install` while its nodes start.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from linux import completion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    _Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

_EXAMPLES = """examples:
  kcni install --bin-dir /opt/cni/bin
  kcni install --bin-dir /opt/cni/bin --conf-dir /etc/cni/net.d --subnet 10.244.1.0/24 --subnet fd00:10:244:1::/64
  kcni exec add podnet /run/netns/blue --bin-dir /opt/cni/bin
  kcni ls
  kcni daemon
  kcni doctor
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed with a line on standard error, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except Exception as error:
        print(f"kcni: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kcni",
        description="CNI plugins: install, list, check.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_option(parser)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_install(verbs)
    _add_daemon(verbs)
    _add_exec(verbs)
    _add_gc(verbs)
    _add_ls(verbs)
    _add_doctor(verbs)
    _add_version(verbs)
    return parser


def _add_install(verbs: _Verbs) -> None:
    install = verbs.add_parser(
        "install", help="put the plugin executables, and if asked a configuration, in place"
    )
    install.add_argument(
        "--bin-dir", required=True, help="folder of the executables (CNI_PATH of the runtime)"
    )
    install.add_argument("--conf-dir", help="also write 10-podnet.conflist here, unless there is one")
    install.add_argument(
        "--subnet",
        action="append",
        default=[],
        metavar="CIDR",
        help="a range of the configuration; repeatable",
    )
    install.add_argument("--bridge", default="cni0", help="bridge of the configuration (default: cni0)")
    install.add_argument(
        "--plugin", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    install.add_argument(
        "--shim",
        choices=("auto", "c", "python"),
        default="auto",
        help="executables in C, which need a compiler now, or in Python (default: C if possible)",
    )
    install.set_defaults(run=_install)


def _add_daemon(verbs: _Verbs) -> None:
    daemon = verbs.add_parser(
        "daemon", help="answer the executables, heal what others break, forget the dead"
    )
    daemon.add_argument(
        "--metrics-bind-address", default="", metavar="ADDRESS:PORT", help="serve /metrics here"
    )
    daemon.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    daemon.add_argument("--log-json", action="store_true", help="logs as JSON lines")
    daemon.set_defaults(run=_daemon)


def _add_exec(verbs: _Verbs) -> None:
    call = verbs.add_parser("exec", help="call a network's plugins by hand, as a runtime does")
    call.add_argument("command", choices=("add", "del", "check", "gc", "status"))
    call.add_argument("network", help="name in its configuration")
    call.add_argument("netns", nargs="?", default="", help="path of the container's namespace")
    call.add_argument("--conf-dir", default="/etc/cni/net.d")
    call.add_argument(
        "--bin-dir",
        default="/opt/cni/bin:/usr/lib/cni",
        help="folders of the plugins, separated by colons (default: %(default)s)",
    )
    call.add_argument("--container-id", default="", help="default: made from the namespace's path")
    call.add_argument("--ifname", default="eth0")
    call.add_argument("--args", default="", help="CNI_ARGS, as KEY=VALUE;KEY=VALUE")
    call.add_argument(
        "--capability-args", default="{}", metavar="JSON", help='for instance {"portMappings": […]}'
    )
    call.set_defaults(run=_exec)


def _add_gc(verbs: _Verbs) -> None:
    collect = verbs.add_parser("gc", help="remove what attachments whose namespaces are gone have left")
    collect.set_defaults(run=_gc)


def _add_ls(verbs: _Verbs) -> None:
    listing = verbs.add_parser("ls", help="list attachments and addresses")
    listing.add_argument("--network", default="", help="only this network")
    listing.add_argument(
        "--data-dir", default="", help="host-local's dataDir (default: /var/lib/cni/networks)"
    )
    listing.set_defaults(run=_ls)


def _add_doctor(verbs: _Verbs) -> None:
    doctor = verbs.add_parser(
        "doctor", help="look for what keeps pod networks from working, and say the mend"
    )
    doctor.add_argument("--conf-dir", default="/etc/cni/net.d")
    doctor.add_argument(
        "--bin-dir",
        default="/opt/cni/bin:/usr/lib/cni",
        help="folders of the plugins, separated by colons (default: %(default)s)",
    )
    doctor.set_defaults(run=_doctor)


def _add_version(verbs: _Verbs) -> None:
    version = verbs.add_parser("version", help="print the version and the CNI versions supported")
    version.set_defaults(run=_version)


def _install(options: argparse.Namespace) -> int:
    from cni.install import apply

    for path in apply.install_plugins(options.bin_dir, options.plugin, shim=options.shim):
        print(path)
    if options.conf_dir:
        written = apply.install_conflist(
            options.conf_dir, options.subnet or ["10.244.0.0/24"], options.bridge
        )
        print(written or f"{options.conf_dir}/{apply.CONFLIST} is there already: left as it is")
    return 0


def _ls(options: argparse.Namespace) -> int:
    from cni.listing import run

    return run.main(options.data_dir, options.network)


def _daemon(options: argparse.Namespace) -> int:
    from cni.daemon import run

    return run.main(options.metrics_bind_address, options.log_level, json=options.log_json)


def _exec(options: argparse.Namespace) -> int:
    import json

    from cni.invoke import run
    from cni.spec.digest import sha512_hex

    container = options.container_id or f"kcni-{sha512_hex(options.netns)[:20]}"
    attachment = run.Attachment(container, options.netns, options.ifname, options.args)
    network = run.load(options.conf_dir, options.network)
    return run.main(
        options.command.upper(), network, attachment, options.bin_dir, json.loads(options.capability_args)
    )


def _gc(_options: argparse.Namespace) -> int:
    from cni.daemon import run

    return run.collect_once()


def _doctor(options: argparse.Namespace) -> int:
    from cni.doctor import run

    return run.main(options.conf_dir, options.bin_dir)


def _version(_options: argparse.Namespace) -> int:
    from cni.plugins import PLUGINS
    from cni.spec import versions

    print("kcni 0.1.0")
    print(f"CNI {' '.join(versions.ALL)}")
    print(f"plugins {' '.join(plugin.name for plugin in PLUGINS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
