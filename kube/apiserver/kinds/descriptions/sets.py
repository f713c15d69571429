"""StatefulSets, DaemonSets, and more of Jobs and claims: type, field, words; "" is the type itself."""

from collections.abc import Mapping

_APPS = "io.k8s.api.apps.v1."
_BATCH = "io.k8s.api.batch.v1."
_CORE = "io.k8s.api.core.v1."
_NETWORKING = "io.k8s.api.networking.v1."

_READY_FOR = "Seconds that a pod must have been ready before it counts as available."
_HISTORY = "How many old revisions are kept for going back; 10 by default."
_SELECTOR = "Which pods are its own; must match the template's labels and never changes."
_TEMPLATE = "What the pods look like."
_COLLISIONS = "How often a name for a revision was taken; part of the next name."
_OBSERVED = "The generation of the spec that this status knows of."
_CONDITIONS = "Statements about its state."
_PORTS = "Ports, with errors where one could not be opened."

TYPES: Mapping[str, Mapping[str, str]] = {
    _APPS + "StatefulSet": {
        "": "Pods with lasting names, numbers and claims.",
        "spec": "What shall run.",
        "status": "What does.",
    },
    _APPS + "StatefulSetSpec": {
        "": "What a StatefulSet shall run.",
        "minReadySeconds": _READY_FOR,
        "ordinals": "Where the numbers begin.",
        "persistentVolumeClaimRetentionPolicy": "What becomes of the claims when pods go.",
        "podManagementPolicy": "OrderedReady makes one pod after the other, Parallel all at once.",
        "replicas": "How many pods; 1 by default.",
        "revisionHistoryLimit": _HISTORY,
        "selector": _SELECTOR,
        "serviceName": "The headless Service under which the pods have names in DNS.",
        "template": _TEMPLATE,
        "updateStrategy": "How pods get a new template.",
        "volumeClaimTemplates": "Claims that each pod has of its own, and keeps.",
    },
    _APPS + "StatefulSetOrdinals": {"": "The pods' numbers.", "start": "The first; 0 by default."},
    _APPS + "StatefulSetPersistentVolumeClaimRetentionPolicy": {
        "": "What becomes of claims.",
        "whenDeleted": "With the set: Retain (default) or Delete.",
        "whenScaled": "With pods that are too many: Retain (default) or Delete.",
    },
    _APPS + "StatefulSetUpdateStrategy": {
        "": "How pods get a new template.",
        "rollingUpdate": "For type RollingUpdate.",
        "type": "RollingUpdate (default) replaces them from the last number down; OnDelete waits until one deletes them.",
    },
    _APPS + "RollingUpdateStatefulSetStrategy": {
        "": "How pods are replaced.",
        "maxUnavailable": "How many may be missing at once, a number or a percentage; 1 by default.",
        "partition": "Only pods from this number on get the new template.",
    },
    _APPS + "StatefulSetStatus": {
        "": "What runs of a StatefulSet.",
        "availableReplicas": "Pods ready for minReadySeconds.",
        "collisionCount": _COLLISIONS,
        "conditions": _CONDITIONS,
        "currentReplicas": "Pods of currentRevision.",
        "currentRevision": "The revision of the pods before the update.",
        "observedGeneration": _OBSERVED,
        "readyReplicas": "Pods that are ready.",
        "replicas": "Pods that there are.",
        "updateRevision": "The revision of the template as it is now.",
        "updatedReplicas": "Pods of updateRevision.",
    },
    _APPS + "DaemonSet": {
        "": "One pod on each node, or on each that matches.",
        "spec": "What shall run.",
        "status": "What does.",
    },
    _APPS + "DaemonSetSpec": {
        "": "What a DaemonSet shall run.",
        "minReadySeconds": _READY_FOR,
        "revisionHistoryLimit": _HISTORY,
        "selector": _SELECTOR,
        "template": "What the pods look like; its node selector and affinity say which nodes have one.",
        "updateStrategy": "How pods get a new template.",
    },
    _APPS + "DaemonSetUpdateStrategy": {
        "": "How pods get a new template.",
        "rollingUpdate": "For type RollingUpdate.",
        "type": "RollingUpdate (default), or OnDelete, which waits until one deletes them.",
    },
    _APPS + "RollingUpdateDaemonSet": {
        "": "How pods are replaced.",
        "maxSurge": "On how many nodes the new pod may run before the old one goes; 0 by default.",
        "maxUnavailable": "On how many nodes the pod may be missing; 1 by default.",
    },
    _APPS + "DaemonSetStatus": {
        "": "What runs of a DaemonSet.",
        "collisionCount": _COLLISIONS,
        "conditions": _CONDITIONS,
        "currentNumberScheduled": "Nodes that have a pod and shall.",
        "desiredNumberScheduled": "Nodes that shall have one.",
        "numberAvailable": "Nodes whose pod was ready for minReadySeconds.",
        "numberMisscheduled": "Nodes that have one and shall not.",
        "numberReady": "Nodes whose pod is ready.",
        "numberUnavailable": "Nodes that shall have an available pod and do not.",
        "observedGeneration": _OBSERVED,
        "updatedNumberScheduled": "Nodes whose pod has the template as it is now.",
    },
    _BATCH + "JobTemplateSpec": {
        "": "What the Jobs of a CronJob look like.",
        "metadata": "Their labels and annotations.",
        "spec": "Their spec.",
    },
    _BATCH + "JobStatus": {
        "": "How far a Job is.",
        "active": "Pods that are not done.",
        "completedIndexes": "Indexes that succeeded, as ranges: 1,3-5.",
        "completionTime": "When it succeeded.",
        "conditions": "Whether it is complete, failed or suspended.",
        "failed": "Pods that failed.",
        "failedIndexes": "Indexes that failed for good, as ranges.",
        "ready": "Active pods that are ready.",
        "startTime": "When it was first seen, or resumed.",
        "succeeded": "Pods that succeeded.",
        "terminating": "Pods that are about to go.",
        "uncountedTerminatedPods": "Pods that ended and are not in the counts yet.",
    },
    _BATCH + "UncountedTerminatedPods": {
        "": "Pods on the way into the counts, by uid.",
        "failed": "Those that failed.",
        "succeeded": "Those that succeeded.",
    },
    _BATCH + "PodFailurePolicy": {
        "": "What failures of pods mean.",
        "rules": "Tried in order; the first that matches decides.",
    },
    _BATCH + "PodFailurePolicyRule": {
        "": "Some failures and what they mean.",
        "action": "FailJob, FailIndex, Ignore (it does not count) or Count.",
        "onExitCodes": "Failures by exit codes.",
        "onPodConditions": "Failures by conditions of the pod, such as DisruptionTarget.",
    },
    _BATCH + "PodFailurePolicyOnExitCodesRequirement": {
        "": "A set of exit codes.",
        "containerName": "Of which container; any when not given.",
        "operator": "In or NotIn the values.",
        "values": "The codes.",
    },
    _BATCH + "PodFailurePolicyOnPodConditionsPattern": {
        "": "A condition of a pod.",
        "status": "Its status; True by default.",
        "type": "Its type.",
    },
    _BATCH + "SuccessPolicy": {
        "": "When an indexed Job has succeeded before all its indexes have.",
        "rules": "One of them is enough.",
    },
    _BATCH + "SuccessPolicyRule": {
        "": "Enough successes.",
        "succeededCount": "How many.",
        "succeededIndexes": "Among which indexes; all when not given.",
    },
    _BATCH + "CronJobStatus": {
        "": "What a CronJob did.",
        "active": "Jobs that run now.",
        "lastScheduleTime": "When the last Job was due.",
        "lastSuccessfulTime": "When the last success ended.",
    },
    _CORE + "PersistentVolumeClaimStatus": {
        "": "What a claim got.",
        "accessModes": "How the volume can be mounted.",
        "allocatedResourceStatuses": "How far growing is.",
        "allocatedResources": "The size that is being made.",
        "capacity": "The size that there is.",
        "conditions": "Statements, mostly about growing.",
        "currentVolumeAttributesClassName": "The class of attributes in force.",
        "modifyVolumeStatus": "How far a change of attributes is.",
        "phase": "Pending, Bound or Lost.",
    },
    _CORE + "ModifyVolumeStatus": {
        "": "A change of a volume's attributes.",
        "status": "Pending, InProgress or Infeasible.",
        "targetVolumeAttributesClassName": "The class that it is to have.",
    },
    _CORE + "VolumeResourceRequirements": {
        "": "How large a volume shall be.",
        "limits": "At most.",
        "requests": "At least, under storage.",
    },
    _CORE + "ServiceStatus": {
        "": "What is known of a Service.",
        "conditions": _CONDITIONS,
        "loadBalancer": "Where its load balancer is.",
    },
    _CORE + "LoadBalancerStatus": {
        "": "Where a load balancer is.",
        "ingress": "One entry an address or name.",
    },
    _CORE + "LoadBalancerIngress": {
        "": "A place of a load balancer.",
        "hostname": "Its name, where it has no address.",
        "ip": "Its address.",
        "ipMode": "VIP: nodes may answer for the address themselves; Proxy: they must not.",
        "ports": _PORTS,
    },
    _CORE + "PortStatus": {
        "": "A port of a load balancer.",
        "error": "Why it is not open.",
        "port": "Its number.",
        "protocol": "TCP, UDP or SCTP.",
    },
    _CORE + "SessionAffinityConfig": {
        "": "How long clients stay with a pod.",
        "clientIP": "For affinity by the client's address.",
    },
    _CORE + "ClientIPConfig": {
        "": "Affinity by the client's address.",
        "timeoutSeconds": "How long after the last connection; 10800 by default.",
    },
    _NETWORKING + "IngressStatus": {
        "": "What is known of an Ingress.",
        "loadBalancer": "Where it is served.",
    },
    _NETWORKING + "IngressLoadBalancerStatus": {
        "": "Where an Ingress is served.",
        "ingress": "One entry an address or name.",
    },
    _NETWORKING + "IngressLoadBalancerIngress": {
        "": "A place where an Ingress is served.",
        "hostname": "Its name, where it has no address.",
        "ip": "Its address.",
        "ports": _PORTS,
    },
    _NETWORKING + "IngressPortStatus": {
        "": "A port of an Ingress.",
        "error": "Why it is not open.",
        "port": "Its number.",
        "protocol": "TCP, UDP or SCTP.",
    },
    _NETWORKING + "IngressBackend": {
        "": "Where requests go; one of these.",
        "resource": "An object that the controller knows what to do with.",
        "service": "A port of a Service.",
    },
    _NETWORKING + "ServiceBackendPort": {
        "": "A port of a Service; one of these.",
        "name": "By its name.",
        "number": "By its number.",
    },
    _NETWORKING + "HTTPIngressRuleValue": {
        "": "Paths of a host.",
        "paths": "Each with where it leads.",
    },
}
