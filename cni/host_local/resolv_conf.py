"""resolv.conf(5) as a CNI result's dns, pure."""

from __future__ import annotations

from cni.spec.result import DNS


def parse(text: str) -> DNS:
    nameservers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    domain = ""
    for line in text.splitlines():
        words = line.split()
        if not words or line[0] in "#;" or len(words) < 2:
            continue
        if words[0] == "nameserver":
            nameservers.append(words[1])
        elif words[0] == "domain":
            domain = words[1]
        elif words[0] == "search":
            search += words[1:]
        elif words[0] == "options":
            options += words[1:]
    return DNS(tuple(nameservers), domain, tuple(search), tuple(options))
