"""Links of a proxied page that lead back through the proxy. Pure.

A page served by a pod knows nothing of `/api/v1/namespaces/…/proxy` before its own path: links to an absolute path
of the same host get that prefix (k8s.io/apimachinery/pkg/util/proxy does the same).
"""

import html
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

# Attributes that hold addresses (HTML 4.01, index of attributes, and the living standard's).
_LINKS: Mapping[str, frozenset[str]] = {
    "a": frozenset({"href"}),
    "applet": frozenset({"codebase"}),
    "area": frozenset({"href"}),
    "audio": frozenset({"src"}),
    "base": frozenset({"href"}),
    "blockquote": frozenset({"cite"}),
    "body": frozenset({"background"}),
    "button": frozenset({"formaction"}),
    "command": frozenset({"icon"}),
    "del": frozenset({"cite"}),
    "embed": frozenset({"src"}),
    "form": frozenset({"action"}),
    "frame": frozenset({"longdesc", "src"}),
    "head": frozenset({"profile"}),
    "html": frozenset({"manifest"}),
    "iframe": frozenset({"longdesc", "src"}),
    "img": frozenset({"longdesc", "src", "usemap"}),
    "input": frozenset({"src", "usemap", "formaction"}),
    "ins": frozenset({"cite"}),
    "link": frozenset({"href"}),
    "object": frozenset({"classid", "codebase", "data", "usemap"}),
    "q": frozenset({"cite"}),
    "script": frozenset({"src"}),
    "source": frozenset({"src"}),
    "video": frozenset({"poster", "src"}),
}
# Possessive, so that an unclosed quote costs one scan and no more.
_TAG = re.compile(r"""<!--.*?(?:-->|\Z)|<([a-zA-Z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*+)>""", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s=/>"']+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
_RAW_TEXT = frozenset({"script", "style", "textarea", "title"})


class Origin(NamedTuple):
    """Where the page is: the proxy's own path before it, and the host names that mean the page's server."""

    prefix: str
    hosts: frozenset[str]


def through_proxy(link: str, origin: Origin) -> str:
    """The link as it must be in a page behind the proxy; relative ones and those of other hosts stay."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    if (parts.netloc and parts.netloc not in origin.hosts) or not parts.path.startswith("/"):
        return link
    path = parts.path
    if not path.startswith(origin.prefix + "/"):
        path = origin.prefix + path
    return urlunsplit(("", "", path, parts.query, parts.fragment))


def page_through_proxy(page: str, origin: Origin) -> str:
    """The page with its links led through the proxy; what is no link is left byte for byte."""
    pieces: list[str] = []
    at = 0
    while (found := _TAG.search(page, at)) is not None:
        pieces.append(page[at : found.start()])
        at = found.end()
        name = (found[1] or "").lower()
        wanted = _LINKS.get(name)
        pieces.append(found[0] if wanted is None else f"<{found[1]}{_linked(found[2], wanted, origin)}>")
        if name in _RAW_TEXT:
            end = re.compile(f"</{name}", re.IGNORECASE).search(page, at)
            stop = end.start() if end else len(page)
            pieces.append(page[at:stop])
            at = stop
    pieces.append(page[at:])
    return "".join(pieces)


def _linked(attributes: str, wanted: frozenset[str], origin: Origin) -> str:
    def replacement(match: re.Match[str]) -> str:
        if match[1].lower() not in wanted:
            return match[0]
        value = html.unescape(next(part for part in match.groups()[2:] if part is not None))
        moved = through_proxy(value, origin)
        return match[0] if moved == value else f'{match[1]}{match[2]}"{html.escape(moved)}"'

    return _ATTRIBUTE.sub(replacement, attributes)
