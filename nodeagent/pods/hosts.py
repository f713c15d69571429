"""A pod's /etc/hosts."""

from collections.abc import Sequence

from kube.objects.pods import HostAlias

# Conformance tests look for this first line.
_HEADER = "# Kubernetes-managed hosts file."
_HOST_HEADER = "# Kubernetes-managed hosts file (host network)."
_LOCAL = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
)


def pod_hosts(ips: Sequence[str], hostname: str, fqdn: str, aliases: Sequence[HostAlias]) -> str:
    """With the pod's own names at each of its addresses."""
    names = "\t".join(name for name in (fqdn, hostname) if name)
    own = [f"{ip}\t{names}" for ip in ips]
    return "\n".join([_HEADER, *_LOCAL, *own]) + "\n" + _alias_lines(aliases)


def host_network_hosts(node_hosts: str, aliases: Sequence[HostAlias]) -> str:
    """The node's own file, for a pod that shares its network."""
    return f"{_HOST_HEADER}\n{node_hosts.rstrip()}\n" + _alias_lines(aliases)


def _alias_lines(aliases: Sequence[HostAlias]) -> str:
    if not aliases:
        return ""
    lines = ["", "# Entries added by HostAliases."]
    lines += ["\t".join([alias.ip, *alias.hostnames]) for alias in aliases]
    return "\n".join(lines) + "\n"
