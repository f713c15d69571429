"""What this agent makes of each field of a pod: the table behind docs/node-agent.md.

A test holds it against the API's schema, so that a new field has to be decided on, and against the types the agent
reads; another against what admission refuses.
"""

from collections.abc import Mapping

YES, ELSEWHERE, REFUSED, IGNORED = "yes", "elsewhere", "refused", "ignored"
Fields = Mapping[str, tuple[str, str]]  # JSON name → verdict and what is to be known


def _yes(names: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(names.split(), (YES, ""))


def _elsewhere(names: str, who: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(names.split(), (ELSEWHERE, who))


def _refused(why: str, *names: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(names, (REFUSED, why))


def _ignored(why: str, *names: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(names, (IGNORED, why))


_UNMOUNTABLE = "the pod waits with FailedMount, which names the types that can be mounted"
_FOREIGN = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume",
    "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "iscsi", "nfs", "photonPersistentDisk",
    "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)  # fmt: skip
_CONTAINER: Fields = {
    **_yes(
        "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resizePolicy"
        " resources restartPolicy restartPolicyRules securityContext startupProbe stdin stdinOnce"
        " terminationMessagePath terminationMessagePolicy tty volumeMounts workingDir"
    ),
    **_refused("the pod fails: no block devices for containers", "volumeDevices"),
}
SUPPORT: Mapping[str, Fields] = {
    "PodSpec": {
        **_yes(
            "activeDeadlineSeconds affinity containers dnsConfig dnsPolicy enableServiceLinks ephemeralContainers"
            " hostAliases hostIPC hostNetwork hostPID hostname hostnameOverride imagePullSecrets initContainers nodeName"
            " nodeSelector os overhead priority readinessGates resources restartPolicy securityContext"
            " serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
        ),
        **_elsewhere(
            "preemptionPolicy schedulerName schedulingGates schedulingGroup tolerations topologySpreadConstraints",
            "scheduler and controllers",
        ),
        **_elsewhere(
            "automountServiceAccountToken priorityClassName serviceAccount", "admission of the API server"
        ),
        "runtimeClassName": (YES, "a handler other than the node's own runtime: FailedCreatePodSandBox"),
        **_refused("false: the pod fails with UserNamespacesNotSupported", "hostUsers"),
        **_refused("the pod fails: the node has no devices to give", "resourceClaims"),
    },
    "PodSecurityContext": {
        **_yes(
            "fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seccompProfile supplementalGroups"
            " supplementalGroupsPolicy sysctls"
        ),
        "appArmorProfile": (YES, "Localhost, where AppArmor is on; else the pod fails with AppArmor"),
        **_ignored("nothing is labelled: no SELinux", "seLinuxOptions", "seLinuxChangePolicy"),
        **_ignored("this is Linux", "windowsOptions"),
    },
    "Container": _CONTAINER,
    "EphemeralContainer": {**_CONTAINER, "targetContainerName": (YES, "shares its PID namespace")},
    "SecurityContext": {
        **_yes(
            "allowPrivilegeEscalation capabilities privileged procMount readOnlyRootFilesystem runAsGroup runAsNonRoot"
            " runAsUser seccompProfile"
        ),
        "appArmorProfile": (YES, "Localhost, where AppArmor is on; else the pod fails with AppArmor"),
        **_ignored("nothing is labelled: no SELinux", "seLinuxOptions"),
        **_ignored("this is Linux", "windowsOptions"),
    },
    "Volume": {
        **_yes("configMap downwardAPI hostPath image name projected secret"),
        "emptyDir": (YES, "on disk or in memory; HugePages are refused"),
        "ephemeral": (YES, "the claim that is made for the pod, as persistentVolumeClaim"),
        "persistentVolumeClaim": (YES, "bound to a volume of type hostPath or local"),
        **_refused(
            _UNMOUNTABLE,
            *_FOREIGN,
        ),
    },
    "VolumeMount": _yes("mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr"),
    "VolumeProjection": {
        **_yes("configMap downwardAPI secret serviceAccountToken"),
        **_refused("the pod waits with FailedMount", "clusterTrustBundle", "podCertificate"),
    },
    "EnvVarSource": {
        **_yes("configMapKeyRef fieldRef resourceFieldRef secretKeyRef"),
        **_refused("CreateContainerConfigError", "fileKeyRef"),
    },
    "EnvFromSource": _yes("configMapRef prefix secretRef"),
    "Lifecycle": _yes("postStart preStop stopSignal"),
    "LifecycleHandler": _yes("exec httpGet sleep tcpSocket"),
    "Probe": _yes(
        "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold tcpSocket"
        " terminationGracePeriodSeconds timeoutSeconds"
    ),
    "ContainerPort": _yes("containerPort hostIP hostPort name protocol"),
    "PodDNSConfig": _yes("nameservers options searches"),
}
