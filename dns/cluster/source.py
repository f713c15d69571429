"""Where a cluster's objects come from."""

from __future__ import annotations

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API is and what is read from it."""

    endpoint: str = ""
    kubeconfig: str = ""
    context: str = ""
    tls: tuple[str, ...] = ()  # certificate, key, CA
    labels: str = ""
    namespace_labels: str = ""
    endpoints: bool = True
    pods: bool = False
    endpoint_pod_names: bool = False
    multicluster: bool = False
    startup_timeout_s: float = 5.0
    snapshot: str = ""  # file that the last known state is kept in
