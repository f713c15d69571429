"""What the daemons of a lab said last: the first thing to look at when something in it is not as it should be."""

from netns_fixtures.lab_disk import Folder


def last_words(folder: Folder, lines: int) -> str:
    """The last lines of each log, under its name; "" where the lab is gone."""
    parts = []
    for log in sorted(folder.logs.glob("*/*.log")):
        said = log.read_text(errors="replace").splitlines()[-lines:]
        parts += [f"--- {log.parent.name}/{log.stem}", *said]
    return "\n".join(parts)
