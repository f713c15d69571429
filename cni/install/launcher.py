"""The text of the plugin executables, pure: one text for all, their names say which plugin they are.

-I -S -E: no user site, no .pth files, no PYTHON* variables of the caller, who may be anyone's shell
(podman hands its user's environment on). Absolute paths, because a wrapper may come first in PATH.
"""

from __future__ import annotations

_TEXT = '''\
#!{python} -ISE
"""CNI plugin of podnet, made by `kcni install`; run that again after moving or upgrading podnet."""
import sys
from marshal import loads
from os import O_CLOEXEC, O_RDONLY, open as open_file, pread, stat

ROOT = {root!r}
BUNDLE = {bundle!r}


class Bundle:
    """Modules from one file, each read when it is needed: a third of the time that as many files take."""

    def __init__(self, fd):
        self.fd = fd
        self.start = 8 + int(pread(fd, 8, 0), 16)
        self.modules = loads(pread(fd, self.start - 8, 8))

    def find_spec(self, name, path=None, target=None):
        found = self.modules.get(name)
        if found is None or not is_current(found[0], found[2]):
            return None  # not ours, or its source has changed since
        spec = Spec(name, self, origin=found[0], is_package=found[1])
        spec.has_location = True
        if found[1]:
            spec.submodule_search_locations = [found[0].rpartition("/")[0]]
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        _, _, _, place, size = self.modules[module.__name__]
        exec(loads(pread(self.fd, size, self.start + place)), module.__dict__)


def is_current(path, mtime_ns):
    try:
        return stat(path).st_mtime_ns == mtime_ns
    except OSError:
        return False


class Future:
    """What `from __future__ import annotations` looks for at run time; the real one is another file to read."""

    annotations = None


sys.path.append(ROOT)
ALONE = len(sys.argv) != 2
if not ALONE:
    sys.argv = sys.argv[1:]  # started by the C program, which says what it was called by, and has asked the daemon
sys.modules["__future__"] = Future
Spec = type(sys.__spec__)
try:
    sys.meta_path.insert(0, Bundle(open_file(BUNDLE, O_RDONLY | O_CLOEXEC)))
except (OSError, ValueError, EOFError, TypeError):
    pass

from cni.run import main

main(ask_daemon=ALONE)
'''


def text(python: str, root: str, bundle: str) -> str:
    """Python is an interpreter's path, root the folder that holds the packages cni and linux."""
    return _TEXT.format(python=python, root=root, bundle=bundle)
