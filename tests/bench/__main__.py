"""`make bench`: every figure, as one JSON object on stdout; progress on stderr.

Arguments choose parts: `python -m tests.bench lab api kproxy dns`. Loads are bounded and stay on this machine.
"""

import importlib
import json
import os
import platform
import sys
import time

PARTS = ("lab", "cluster", "node", "api", "etcd", "kproxy", "iptables", "userspace", "cni", "dns")


def main() -> int:
    chosen = sys.argv[1:] or list(PARTS)
    figures: dict[str, object] = {
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    }
    for part in chosen:
        try:
            module = importlib.import_module(f"tests.bench.{part}_load")
        except ModuleNotFoundError as error:
            if error.name != f"tests.bench.{part}_load":
                raise
            print(f"bench: no part {part!r}: the parts are {', '.join(PARTS)}", file=sys.stderr)
            return 2
        started_s = time.monotonic()
        print(f"bench: {part} …", file=sys.stderr)
        figures[part] = module.measure()
        print(f"bench: {part} took {time.monotonic() - started_s:.0f} s", file=sys.stderr)
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
