"""Fields that are pointers in Go: for them empty text, 0 and false are values, not absence.

The server forgets other optional fields when they are empty, zero or false. The schema does not say which are
pointers; these lists do (k8s.io/api v0.36).
"""

# Empty text is kept. `Struct.field` where the same name is a plain string elsewhere.
STRINGS = frozenset(
    [
        "apiGroup",
        "appProtocol",
        "completionMode",
        "containerName",
        "deprecatedTopology",
        "EndpointPort.name",
        "Endpoint.hostname",
        "Endpoint.nodeName",
        "Endpoint.zone",
        "fsGroupPolicy",
        "holderIdentity",
        "hostnameOverride",
        "ingressClassName",
        "internalTrafficPolicy",
        "ipFamilyPolicy",
        "loadBalancerClass",
        "managedBy",
        "mountPropagation",
        "podReplacementPolicy",
        "preemptionPolicy",
        "preferredHolder",
        "procMount",
        "GRPCAction.service",
        "runtimeClassName",
        "scope",
        "selectPolicy",
        "seLinuxChangePolicy",
        "storageClassName",
        "supplementalGroupsPolicy",
        "timeZone",
        "trafficDistribution",
        "volumeAttributesClassName",
        "volumeMode",
    ]
)

# Zero is kept.
NUMBERS = frozenset(
    [
        "activeDeadlineSeconds",
        "availableReplicas",
        "averageUtilization",
        "backoffLimit",
        "backoffLimitPerIndex",
        "collisionCount",
        "completions",
        "currentAverageUtilization",
        "currentCPUUtilizationPercentage",
        "defaultMode",
        "deletionGracePeriodSeconds",
        "expirationSeconds",
        "failedJobsHistoryLimit",
        "fsGroup",
        "gracePeriodSeconds",
        "lastTransitionTime",
        "leaseDurationSeconds",
        "leaseTransitions",
        "maxFailedIndexes",
        "minDomains",
        "minReplicas",
        "mode",
        "nodeExpandSecretRef",
        "parallelism",
        "partition",
        "podPidsLimit",
        "priority",
        "progressDeadlineSeconds",
        "ready",
        "replicas",
        "revisionHistoryLimit",
        "runAsGroup",
        "runAsUser",
        "stabilizationWindowSeconds",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "targetCPUUtilizationPercentage",
        "terminating",
        "terminationGracePeriodSeconds",
        "timeoutSeconds",
        "tolerationSeconds",
        "ttlSecondsAfterFinished",
        "EndpointPort.port",
    ]
)

# False is kept.
FLAGS = frozenset(
    [
        "allocateLoadBalancerNodePorts",
        "allowPrivilegeEscalation",
        "allowVolumeExpansion",
        "attachRequired",
        "automountServiceAccountToken",
        "blockOwnerDeletion",
        "controller",
        "enableServiceLinks",
        "hostProcess",
        "hostUsers",
        "immutable",
        "manualSelector",
        "nodeUnpublish",
        "optional",
        "orphanDependents",
        "podInfoOnMount",
        "privileged",
        "readOnlyRootFilesystem",
        "ready",
        "requiresRepublish",
        "runAsNonRoot",
        "seLinuxMount",
        "serving",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "started",
        "storageCapacity",
        "suspend",
        "terminating",
        "unhealthy",
    ]
)


def keeps_empty_text(struct: str, field: str) -> bool:
    return field in STRINGS or f"{struct}.{field}" in STRINGS


def keeps_zero(struct: str, field: str) -> bool:
    return field in NUMBERS or f"{struct}.{field}" in NUMBERS


def keeps_false(struct: str, field: str) -> bool:
    return field in FLAGS or f"{struct}.{field}" in FLAGS
