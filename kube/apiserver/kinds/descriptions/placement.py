"""Where pods go, and whom objects mean: type, field, words; "" is the type itself."""

from collections.abc import Mapping

_CORE = "io.k8s.api.core.v1."
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."

_REQUIRED = "What must hold when the pod is placed; it may change later."
_PREFERRED = "What is preferred, each with a weight."
_CONDITION: Mapping[str, str] = {
    "lastTransitionTime": "When the status changed last.",
    "message": "Why, in a sentence.",
    "reason": "Why, in a word.",
    "status": "True, False or Unknown.",
    "type": "What it is about.",
}
_PROBED = "When it was last looked at."
_GENERATION = "The generation of the object that this was said of."

TYPES: Mapping[str, Mapping[str, str]] = {
    _CORE + "Affinity": {
        "": "Which nodes and which company a pod wants.",
        "nodeAffinity": "Which nodes.",
        "podAffinity": "Beside which pods.",
        "podAntiAffinity": "Away from which pods.",
    },
    _CORE + "NodeAffinity": {
        "": "Which nodes a pod wants.",
        "preferredDuringSchedulingIgnoredDuringExecution": _PREFERRED,
        "requiredDuringSchedulingIgnoredDuringExecution": _REQUIRED,
    },
    _CORE + "PodAffinity": {
        "": "Beside which pods a pod wants to be.",
        "preferredDuringSchedulingIgnoredDuringExecution": _PREFERRED,
        "requiredDuringSchedulingIgnoredDuringExecution": _REQUIRED,
    },
    _CORE + "PodAntiAffinity": {
        "": "Away from which pods a pod wants to be.",
        "preferredDuringSchedulingIgnoredDuringExecution": _PREFERRED,
        "requiredDuringSchedulingIgnoredDuringExecution": _REQUIRED,
    },
    _CORE + "NodeSelector": {
        "": "A choice of nodes.",
        "nodeSelectorTerms": "The terms; one of them must match.",
    },
    _CORE + "NodeSelectorTerm": {
        "": "Requirements that must all hold.",
        "matchExpressions": "On labels of the node.",
        "matchFields": "On fields of the node: metadata.name.",
    },
    _CORE + "NodeSelectorRequirement": {
        "": "A requirement on one label.",
        "key": "The label's key.",
        "operator": "In, NotIn, Exists, DoesNotExist, Gt or Lt.",
        "values": "What is compared with; one number for Gt and Lt, none for Exists and DoesNotExist.",
    },
    _CORE + "PreferredSchedulingTerm": {
        "": "A preference for nodes.",
        "preference": "Which nodes.",
        "weight": "How much it counts, 1 to 100.",
    },
    _CORE + "WeightedPodAffinityTerm": {
        "": "A preference for company.",
        "podAffinityTerm": "Which company.",
        "weight": "How much it counts, 1 to 100.",
    },
    _CORE + "PodAffinityTerm": {
        "": "Some pods, and what counts as the same place.",
        "labelSelector": "Which pods, by their labels.",
        "matchLabelKeys": "Labels whose values must be those of the pod that is placed.",
        "mismatchLabelKeys": "Labels whose values must be other than those of the pod that is placed.",
        "namespaceSelector": "In which namespaces, by their labels; {} is all.",
        "namespaces": "In which namespaces; the pod's own when neither is given.",
        "topologyKey": "The node label whose value is the place, such as kubernetes.io/hostname.",
    },
    _CORE + "TopologySpreadConstraint": {
        "": "How evenly pods are spread.",
        "labelSelector": "Which pods are counted.",
        "matchLabelKeys": "Labels whose values must be those of the pod that is placed.",
        "maxSkew": "By how much a place may have more pods than the emptiest.",
        "minDomains": "With fewer places than this, the emptiest counts as having none.",
        "nodeAffinityPolicy": "Whether nodes that the pod's affinity excludes count: Honor (they do not) or Ignore.",
        "nodeTaintsPolicy": "Whether nodes with taints that the pod does not bear count: Honor (they do not) or Ignore.",
        "topologyKey": "The node label whose value is the place.",
        "whenUnsatisfiable": "DoNotSchedule keeps the pod waiting, ScheduleAnyway only prefers.",
    },
    _CORE + "PodReadinessGate": {
        "": "A condition that counts for readiness.",
        "conditionType": "The condition's type.",
    },
    _CORE + "PodSchedulingGate": {"": "Something that keeps a pod from being placed.", "name": "Its name."},
    _CORE + "PodSchedulingGroup": {
        "": "The pods that are placed together.",
        "podGroupName": "The PodGroup.",
    },
    _CORE + "PodResourceClaim": {
        "": "A claim of devices that the pod uses.",
        "name": "How containers refer to it.",
        "resourceClaimName": "A claim that there is.",
        "resourceClaimTemplateName": "Or the template from which one is made for the pod.",
    },
    _CORE + "PodResourceClaimStatus": {
        "": "The claim that was made for an entry.",
        "name": "The entry in resourceClaims.",
        "resourceClaimName": "The claim; empty when none was needed.",
    },
    _CORE + "PodExtendedResourceClaimStatus": {
        "": "The claim that stands for extended resources.",
        "requestMappings": "Which request of it stands for what.",
        "resourceClaimName": "The claim.",
    },
    _CORE + "PodOS": {"": "An operating system.", "name": "Either linux or windows."},
    _CORE + "PodDNSConfig": {
        "": "Lines for the pod's resolv.conf.",
        "nameservers": "Addresses of name servers.",
        "options": "Options of the resolver.",
        "searches": "Domains in which short names are looked up.",
    },
    _CORE + "PodDNSConfigOption": {
        "": "An option of the resolver.",
        "name": "Its name, such as ndots.",
        "value": "Its value, if it has one.",
    },
    _CORE + "HostAlias": {
        "": "A line of /etc/hosts.",
        "hostnames": "The names.",
        "ip": "The address.",
    },
    _CORE + "HostIP": {"": "An address of the node.", "ip": "The address."},
    _CORE + "PodIP": {"": "An address of the pod.", "ip": "The address."},
    _CORE + "PodCondition": {
        "": "A step on a pod's way.",
        **_CONDITION,
        "lastProbeTime": _PROBED,
        "observedGeneration": _GENERATION,
    },
    _CORE + "LocalObjectReference": {"": "An object of the same namespace.", "name": "Its name."},
    _CORE + "TypedLocalObjectReference": {
        "": "An object of the same namespace, of any kind.",
        "apiGroup": "The kind's group; none for the core.",
        "kind": "Its kind.",
        "name": "Its name.",
    },
    _CORE + "TypedObjectReference": {
        "": "An object of any kind.",
        "apiGroup": "The kind's group; none for the core.",
        "kind": "Its kind.",
        "name": "Its name.",
        "namespace": "Its namespace; the own one when empty.",
    },
    _CORE + "ObjectReference": {
        "": "An object, or a part of it.",
        "apiVersion": "Its group and version.",
        "fieldPath": "The part, such as spec.containers{name}.",
        "kind": "Its kind.",
        "name": "Its name.",
        "namespace": "Its namespace.",
        "resourceVersion": "The state that is meant, if one is.",
        "uid": "Which object of that name is meant.",
    },
    _META + "OwnerReference": {
        "": "An object that this one depends on, in the same namespace or in none.",
        "apiVersion": "Its group and version.",
        "blockOwnerDeletion": "Whether it waits for this one when it is deleted in the foreground.",
        "controller": "Whether it manages this one; at most one owner does.",
        "kind": "Its kind.",
        "name": "Its name.",
        "uid": "Which object of that name is meant.",
    },
    _META + "ManagedFieldsEntry": {
        "": "What one client has set.",
        "apiVersion": "The version in which the fields are named.",
        "fieldsType": "How they are written: FieldsV1.",
        "fieldsV1": "The fields, as a tree.",
        "manager": "The client.",
        "operation": "Apply for server-side apply, Update for everything else.",
        "subresource": "The subresource it wrote through, if any.",
        "time": "When its fields changed last.",
    },
    _META + "FieldsV1": {
        "": "Fields as a tree: f:NAME members, k:KEYS and v:VALUE items of lists, . the field itself."
    },
    _META + "Time": {"": "A time as RFC 3339 writes it, in UTC and whole seconds."},
    _META + "LabelSelector": {
        "": "A choice by labels; everything must match, and an empty one matches all.",
        "matchExpressions": "Requirements with operators.",
        "matchLabels": "Labels and the values they must have.",
    },
    _META + "LabelSelectorRequirement": {
        "": "A requirement on one label.",
        "key": "The label's key.",
        "operator": "In, NotIn, Exists or DoesNotExist.",
        "values": "The values for In and NotIn; none for the others.",
    },
    _META + "Condition": {
        "": "A statement about an object.",
        **_CONDITION,
        "observedGeneration": _GENERATION,
    },
    "io.k8s.api.apps.v1.DeploymentCondition": {
        "": "A statement about a Deployment: Available, Progressing, ReplicaFailure.",
        **_CONDITION,
        "lastUpdateTime": "When it was said last.",
    },
    "io.k8s.api.apps.v1.StatefulSetCondition": {"": "A statement about a StatefulSet.", **_CONDITION},
    "io.k8s.api.apps.v1.DaemonSetCondition": {"": "A statement about a DaemonSet.", **_CONDITION},
    "io.k8s.api.batch.v1.JobCondition": {
        "": "A statement about a Job: Complete, Failed, Suspended and those on the way there.",
        **_CONDITION,
        "lastProbeTime": _PROBED,
    },
    _CORE + "PersistentVolumeClaimCondition": {
        "": "A statement about a claim, mostly about growing.",
        **_CONDITION,
        "lastProbeTime": _PROBED,
    },
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition": {
        "": "A statement about an autoscaler: AbleToScale, ScalingActive, ScalingLimited.",
        **_CONDITION,
    },
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionCondition": {
        "": "A statement about a definition: NamesAccepted, Established, Terminating.",
        **_CONDITION,
        "observedGeneration": _GENERATION,
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "": "An amount: a number with a suffix such as m, k, M, G or Ki, Mi, Gi.",
    },
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "": "A number, or text: a name or a percentage.",
    },
}
