"""What the bundle of the plugins holds."""

import subprocess
import sys

from cni.install import launcher
from cni.install.apply import root, write_bundle
from cni.install.closure import closure, imported

SOURCES = {
    "a": "",
    "a.one": "import a.two\nfrom b import name\nif TYPE_CHECKING:\n    import a.types\nelse:\n    import a.three\n",
    "a.two": "def late():\n    from a import four\n",
    "a.three": "import a.one",
    "a.four": "",
    "a.types": "",
    "a.unused": "",
}


def test_what_is_imported_anywhere_but_not_for_type_checkers():
    assert imported(SOURCES["a.one"]) == {"a.two", "b", "b.name", "a.three"}


def test_the_closure_goes_through_functions_and_takes_parents_along():
    assert closure(["a.one"], SOURCES.get) == ["a", "a.four", "a.one", "a.three", "a.two"]


def test_a_plugin_loads_no_slow_module():
    """All that it loads before it knows its verb, in an interpreter started as the executables start theirs."""
    slow = {
        "typing",
        "re",
        "json",
        "socket",
        "logging",
        "asyncio",
        "collections",
        "functools",
        "ctypes",
        "sqlite3",
    }
    program = (
        f"import sys; sys.path.append({root()!r}); import cni.run, cni.bridge.apply, cni.host_local.apply\n"
        f"print(*sorted({slow!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-ISE", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_sqlite_works_with_the_stand_in_for_functools():
    program = (
        f"import sys; sys.path.append({root()!r})\n"
        "from cni.host_local.database.sqlite_disk import connect\n"
        "db = connect(':memory:')\n"
        "print([db.execute('SELECT ?', (n,)).fetchone()[0] for n in (1, 2)], 'functools' in sys.modules)\n"
        "import functools\n"
        "print(functools.lru_cache(maxsize=2)(abs)(-3), functools.partial(abs, -4)())"
    )
    done = subprocess.run(
        [sys.executable, "-ISE", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[1, 2] False\n3 4\n", "")


def test_the_executables_modules_come_from_the_bundle():
    """What they fall back to, file after file, is as right, but slow: nothing else would tell."""
    start = launcher.text(sys.executable, root(), write_bundle())
    loaders = (
        "{type(found.__loader__).__name__ for name, found in sys.modules.items() if name.startswith('cni')}"
    )
    program = start.replace("main(ask_daemon=ALONE)", f"print({loaders})")
    argv = [sys.executable, "-ISE", "-c", program]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "{'Bundle'}\n"
