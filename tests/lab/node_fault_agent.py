"""The agent with a fault in it: `node_fault_agent.py GATE COUNT knode run …` dies by SIGKILL at its COUNT-th effect.

Effects are what lasts: programs started, folders made and removed, files renamed and deleted. They are counted while
the file GATE exists. COUNT 0 never dies. Python's own audit events tell of effects, so the agent runs unchanged.
"""

import os
import signal
import sys
import threading

_EFFECTS = frozenset(
    {"subprocess.Popen", "os.mkdir", "os.rmdir", "os.rename", "os.remove", "os.symlink", "shutil.rmtree"}
)


def main() -> None:
    gate, count = sys.argv[1], int(sys.argv[2])
    seen, lock = 0, threading.Lock()

    def watch(event: str, _arguments: object) -> None:
        nonlocal seen
        if event not in _EFFECTS or not os.path.exists(gate):
            return
        with lock:
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    if count:
        sys.addaudithook(watch)
    sys.argv = sys.argv[3:]
    from nodeagent.cli import main as knode

    sys.exit(knode(sys.argv[1:]))


if __name__ == "__main__":
    main()
