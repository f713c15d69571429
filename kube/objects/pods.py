"""core/v1 Pod and what it is made of."""

from typing import ClassVar

from kube.objects.value import (
    Condition,
    IntOrString,
    LabelSelector,
    LocalObjectReference,
    Object,
    Quantity,
    Resource,
    ResourceList,
    Value,
)


class ContainerPort(Value):
    container_port: int
    name: str = ""
    protocol: str = "TCP"
    host_port: int = 0
    host_ip: str = ""


class KeySelector(Value):
    """One key of a ConfigMap or Secret."""

    key: str
    name: str = ""
    optional: bool = False


class ObjectFieldSelector(Value):
    field_path: str
    api_version: str = "v1"


class ResourceFieldSelector(Value):
    resource_: str
    container_name: str = ""
    divisor: Quantity = ""


class EnvVarSource(Value):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(Value):
    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class OptionalName(Value):
    """A ConfigMap or Secret by name, which may be allowed to be absent."""

    name: str = ""
    optional: bool = False


class EnvFromSource(Value):
    prefix: str = ""
    config_map_ref: OptionalName | None = None
    secret_ref: OptionalName | None = None


class ResourceRequirements(Value):
    limits: ResourceList = {}
    requests: ResourceList = {}


class VolumeMount(Value):
    name: str
    mount_path: str
    read_only: bool = False
    sub_path: str = ""
    sub_path_expr: str = ""
    mount_propagation: str = ""


class HTTPHeader(Value):
    name: str
    value: str


class ExecAction(Value):
    command: tuple[str, ...] = ()


class HTTPGetAction(Value):
    port: IntOrString
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Value):
    port: IntOrString
    host: str = ""


class GRPCAction(Value):
    port: int
    service: str = ""


class SleepAction(Value):
    seconds: int


class Probe(Value):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(Value):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Value):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str = ""


class Capabilities(Value):
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SecurityContext(Value):
    capabilities: Capabilities | None = None
    privileged: bool = False
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool = False
    allow_privilege_escalation: bool | None = None
    proc_mount: str = ""


class Container(Value):
    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    volume_mounts: tuple[VolumeMount, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    restart_policy: str = ""  # "Always" makes an init container a sidecar (KEP-753)


class KeyToPath(Value):
    key: str
    path: str
    mode: int | None = None


class EmptyDirVolume(Value):
    medium: str = ""
    size_limit: Quantity | None = None


class HostPathVolume(Value):
    path: str
    type: str = ""


class ConfigMapVolume(Value):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class SecretVolume(Value):
    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class DownwardFile(Value):
    path: str
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardAPIVolume(Value):
    items: tuple[DownwardFile, ...] = ()
    default_mode: int | None = None


class ServiceAccountTokenProjection(Value):
    path: str
    audience: str = ""
    expiration_seconds: int = 3600


class ConfigMapProjection(Value):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class VolumeProjection(Value):
    config_map: ConfigMapProjection | None = None
    secret: ConfigMapProjection | None = None
    downward_api: DownwardAPIVolume | None = None
    service_account_token: ServiceAccountTokenProjection | None = None


class ProjectedVolume(Value):
    sources: tuple[VolumeProjection, ...] = ()
    default_mode: int | None = None


class PersistentVolumeClaimVolume(Value):
    claim_name: str
    read_only: bool = False


class Volume(Value):
    name: str
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    projected: ProjectedVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    persistent_volume_claim: PersistentVolumeClaimVolume | None = None


class Sysctl(Value):
    name: str
    value: str


class PodSecurityContext(Value):
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[int, ...] = ()
    fs_group: int | None = None
    sysctls: tuple[Sysctl, ...] = ()


class Toleration(Value):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class NodeSelectorRequirement(Value):
    key: str
    operator: str  # In NotIn Exists DoesNotExist Gt Lt
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Value):
    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(Value):
    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class PreferredSchedulingTerm(Value):
    weight: int
    preference: NodeSelectorTerm


class NodeAffinity(Value):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredSchedulingTerm, ...] = ()


class PodAffinityTerm(Value):
    topology_key: str
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class WeightedPodAffinityTerm(Value):
    weight: int
    pod_affinity_term: PodAffinityTerm


class PodAffinity(Value):
    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class Affinity(Value):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpreadConstraint(Value):
    max_skew: int
    topology_key: str
    when_unsatisfiable: str  # DoNotSchedule, ScheduleAnyway
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str = "Honor"
    node_taints_policy: str = "Ignore"
    match_label_keys: tuple[str, ...] = ()


class HostAlias(Value):
    ip: str
    hostnames: tuple[str, ...] = ()


class PodDNSOption(Value):
    name: str
    value: str | None = None


class PodDNSConfig(Value):
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSOption, ...] = ()


class SchedulingGate(Value):
    name: str


class PodReadinessGate(Value):
    condition_type: str


class PodSpec(Value):
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    scheduler_name: str = "default-scheduler"
    priority: int | None = None
    priority_class_name: str = ""
    preemption_policy: str = "PreemptLowerPriority"
    overhead: ResourceList = {}
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str = "ClusterFirst"
    dns_config: PodDNSConfig | None = None
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    hostname: str = ""
    subdomain: str = ""
    set_hostname_as_fqdn: bool = False
    host_aliases: tuple[HostAlias, ...] = ()
    enable_service_links: bool = True
    security_context: PodSecurityContext | None = None
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()


class PodIP(Value):
    ip: str


class ContainerStateWaiting(Value):
    reason: str = ""
    message: str = ""


class ContainerStateRunning(Value):
    started_at: str | None = None


class ContainerStateTerminated(Value):
    exit_code: int
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = ""


class ContainerState(Value):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Value):
    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str = ""


class PodStatus(Value):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = ""
    host_ips: tuple[PodIP, ...] = ()
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    start_time: str | None = None
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    qos_class: str = ""
    observed_generation: int = 0


class Pod(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "pods", "Pod")
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
