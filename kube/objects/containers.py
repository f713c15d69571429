"""core/v1 Container and what it is made of."""

from kube.objects.value import IntOrString, Quantity, ResourceList, Value


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


class FileKeySelector(Value):
    """A line of a file in a volume (KEP-3721)."""

    volume_name: str = ""
    path: str = ""
    key: str = ""


class EnvVarSource(Value):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None
    file_key_ref: FileKeySelector | None = None


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


class ContainerResizePolicy(Value):
    """Whether a change of this resource needs a restart (KEP-1287)."""

    resource_name: str
    restart_policy: str = "NotRequired"


class ExitCodes(Value):
    operator: str  # In, NotIn
    values: tuple[int, ...] = ()


class ContainerRestartRule(Value):
    """What a container's exit code means, before its restart policy is asked (KEP-5307)."""

    action: str
    exit_codes: ExitCodes | None = None


class VolumeDevice(Value):
    name: str
    device_path: str


class VolumeMount(Value):
    name: str
    mount_path: str
    read_only: bool = False
    recursive_read_only: str = ""
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


class Profile(Value):
    """A seccomp or AppArmor profile: RuntimeDefault, Unconfined, or Localhost with a name."""

    type: str
    localhost_profile: str = ""


class SecurityContext(Value):
    capabilities: Capabilities | None = None
    privileged: bool = False
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool = False
    allow_privilege_escalation: bool | None = None
    proc_mount: str = ""
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None


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
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
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
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()


class EphemeralContainer(Container):
    """A container added to a running pod to look at it (`kubectl debug`); never restarted."""

    target_container_name: str = ""
