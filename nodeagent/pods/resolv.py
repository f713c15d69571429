"""A pod's resolv.conf by dnsPolicy and dnsConfig (core/v1), from the node's own."""

from collections.abc import Iterable
from typing import NamedTuple

from kube.objects.pods import PodSpec

_NAMESERVERS_MAX = 3  # resolv.h MAXNS
_SEARCHES_MAX = 32  # what the API allows
_SEARCH_CHARACTERS_MAX = 2048


class ResolvConf(NamedTuple):
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = []
        if self.searches:
            lines.append(f"search {' '.join(self.searches)}")
        lines += [f"nameserver {address}" for address in self.nameservers]
        if self.options:
            lines.append(f"options {' '.join(self.options)}")
        return "\n".join(lines) + "\n"


def parse(text: str) -> ResolvConf:
    """A resolv.conf(5); the last search line wins."""
    nameservers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        match words:
            case ["nameserver", address, *_]:
                nameservers.append(address)
            case ["search" | "domain", *names]:
                searches = tuple(name.rstrip(".") for name in names if name != ".")
            case ["options", *given]:
                options = tuple(given)
            case _:
                continue
    return ResolvConf(tuple(nameservers), searches, options)


def only_loopback(conf: ResolvConf) -> bool:
    """A stub that pods cannot reach, such as systemd-resolved's 127.0.0.53."""
    return bool(conf.nameservers) and all(a.startswith("127.") or a == "::1" for a in conf.nameservers)


def pod_resolv(
    spec: PodSpec, namespace: str, *, cluster_dns: tuple[str, ...], cluster_domain: str, node: ResolvConf
) -> ResolvConf:
    """ClusterFirst on the host network means Default, as in the kubelet."""
    policy = spec.dns_policy
    if policy == "ClusterFirst" and spec.host_network:
        policy = "Default"
    if policy in {"ClusterFirst", "ClusterFirstWithHostNet"} and cluster_dns:
        own = (f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain)
        conf = ResolvConf(cluster_dns, _unique((*own, *node.searches)), ("ndots:5",))
    elif policy == "None":
        conf = ResolvConf()
    else:
        conf = node
    return _bounded(_with_config(conf, spec))


def _with_config(conf: ResolvConf, spec: PodSpec) -> ResolvConf:
    given = spec.dns_config
    if given is None:
        return conf
    options = dict(option.partition(":")[::2] for option in conf.options)
    options |= {option.name: option.value or "" for option in given.options}
    return ResolvConf(
        _unique((*conf.nameservers, *given.nameservers)),
        _unique((*conf.searches, *given.searches)),
        tuple(f"{name}:{value}" if value else name for name, value in options.items()),
    )


def _bounded(conf: ResolvConf) -> ResolvConf:
    searches: list[str] = []
    for name in conf.searches[:_SEARCHES_MAX]:
        if len(" ".join([*searches, name])) > _SEARCH_CHARACTERS_MAX:
            break
        searches.append(name)
    return ResolvConf(conf.nameservers[:_NAMESERVERS_MAX], tuple(searches), conf.options)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
