"""The admission that can be switched off, by the names kube-apiserver's options know it by."""

CAN_BE_OFF = frozenset(
    {
        "DefaultIngressClass",
        "DefaultTolerationSeconds",
        "LimitRanger",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionWebhook",
        "Priority",
        "ResourceQuota",
        "RuntimeClass",
        "ServiceAccount",
        "StorageObjectInUseProtection",
        "TaintNodesByCondition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionWebhook",
    }
)
_NEVER_ON = frozenset({"DefaultStorageClass", "PodSecurity"})


def parse_disabled(text: str) -> frozenset[str]:
    """`A,B`; ValueError for a name that cannot be switched off."""
    names = frozenset(filter(None, text.split(",")))
    for name in sorted(names - CAN_BE_OFF - _NEVER_ON):
        raise ValueError(
            f"admission plugin {name!r} cannot be switched off: choose from {', '.join(sorted(CAN_BE_OFF))}"
        )
    return names - _NEVER_ON
