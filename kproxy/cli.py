"""`kproxy`: kube-proxy's command line, and what it never had."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from kproxy.backends.registry import BackendError
from kproxy.commands import cleanup_socket
from kproxy.configuration import feature_gates
from kproxy.configuration.config import ConfigError, Configuration
from kproxy.configuration.flags import (
    apply_flags,
    go_style,
    logging_of,
    overrides_of_file,
    parser,
    shown,
    without_effect,
)
from kproxy.configuration.validation import validate
from kube.client.kubeconfig_disk import KubeconfigError
from linux import logging_kv

_log = logging_kv.get_logger("kproxy")


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["explain"]:
            from kproxy.commands.explain_cli import explain_command

            return explain_command(given[1:])
        if given[:1] == ["diff"]:
            from kproxy.commands.diff_cli import diff_command

            return diff_command(given[1:])
        if given[:1] == ["top"]:
            from kproxy.commands.top_cli import top_command

            return top_command(given[1:])
        if given[:1] == ["cleanup"]:
            given = ["--cleanup", *given[1:]]
        return _proxy(given)
    except (ConfigError, BackendError, KubeconfigError) as error:
        print(f"kproxy: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


def _proxy(given: list[str]) -> int:
    parsed = parser().parse_args(go_style(given))
    _set_up_logging(Configuration(), parsed)
    if parsed.version:
        from importlib import metadata  # 20 ms

        print(f"kproxy {metadata.version('podnet')}")
        return 0
    if parsed.cleanup:
        return _cleanup()
    if parsed.config:
        from kproxy.configuration import config_disk

        config = overrides_of_file(config_disk.load(parsed.config), parsed)
        if ignored := without_effect(parsed):
            _log.warning("flags do not count beside --config: set them in the file", flags=",".join(ignored))
    else:
        config = apply_flags(Configuration(), parsed)
    validate(config)
    _set_up_logging(config, parsed)
    gone = feature_gates.check(config.feature_gates or {})
    if gone:
        _log.warning("feature gates of earlier releases have no effect", gates=",".join(gone))
    if parsed.write_config_to:
        from kproxy.configuration import config_disk

        config_disk.write(config, parsed.write_config_to)
        return 0
    from kproxy import run

    run.prepare(config)
    if parsed.init_only:
        return 0
    own = parsed.nftables_owner == "auto"
    run.run(
        run.Options(
            config=config,
            own_table=own,
            config_file=parsed.config or "",
            flags=shown(parsed),
            state_dir=parsed.state_dir,
        )
    )
    return 0


def _set_up_logging(config: Configuration, parsed: Namespace) -> None:
    level, style = logging_of(config, parsed)
    logging_kv.setup("kproxy", level, json=style == "json")


def _cleanup() -> int:
    """By the kproxy that runs here, if one does; what fails is said, the others are done all the same."""
    failed = cleanup_socket.ask_running()
    if failed is None:
        failed = cleanup_socket.remove_all_rules()
    for text in failed:
        print(f"kproxy: {text}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
