"""Kubernetes' feature gates: which names there are, and which are settled. Pure.

kube-proxy 1.36 knows those of every component, and refuses a name that it does not know; gates that releases since
1.28 had and 1.36 has no more are left alone, so that a file written for one of them still starts kproxy.
"""

from collections.abc import Mapping


class GateError(ValueError):
    """The gates cannot be set so; the message is kube-proxy's."""


def check(gates: Mapping[str, bool]) -> tuple[str, ...]:
    """The gates that are gone since, and mean nothing now. Raises GateError."""
    unknown = [name for name in gates if not _is_known(name)]
    if unknown:
        raise GateError(f"unrecognized feature gate: {unknown[0]}")
    refused = [
        f"cannot set feature gate {name} to {_said(value)}, feature is locked to {_said(not value)}"
        for name, value in gates.items()
        if name in (LOCKED_OFF if value else LOCKED_ON)
    ]
    if refused:
        raise GateError(refused[0] if len(refused) == 1 else f"[{', '.join(refused)}]")
    return tuple(name for name in gates if name in GONE)


def _is_known(name: str) -> bool:
    return any(name in names for names in (FREE, LOCKED_ON, LOCKED_OFF, GONE))


def _said(value: bool) -> str:
    return str(value).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FREE = _words(
    """
    APIResponseCompression APIServerIdentity APIServingWithRoutine AllAlpha AllBeta AllowDNSOnlyNodeCSR
    AllowInsecureKubeletCertificateSigningRequests AllowParsingUserUIDFromCertAuth AllowServiceExternalIPs
    AllowUnsafeMalformedObjectDeletion AtomicFIFO AuthorizePodWebsocketUpgradeCreatePermission
    CBORServingAndStorage CPUManagerPolicyAlphaOptions CPUManagerPolicyBetaOptions CRDObservedGenerationTracking
    CRIListStreaming CSIVolumeHealth ChangeContainerStatusOnKubeletRestart ClearingNominatedNodeNameAfterBinding
    ClientsAllowCARotation ClientsAllowCBOR ClientsAllowTLSCacheGC ClientsPreferCBOR
    CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook ClusterTrustBundle
    ClusterTrustBundleProjection ComponentFlagz ComponentStatusz ConcurrentWatchObjectDecode
    ConstrainedImpersonation ContainerCheckpoint ContainerRestartRules ContainerStopSignals ContextualLogging
    ControllerManagerReleaseLeaderElectionLockOnExit CoordinatedLeaderElection CrossNamespaceVolumeDataSource
    CustomCPUCFSQuotaPeriod DRAConsumableCapacity DRADeviceBindingConditions DRADeviceTaintRules DRADeviceTaints
    DRAExtendedResource DRAListTypeAttributes DRANodeAllocatableResources DRAPartitionableDevices
    DRAPrioritizedList DRAResourceClaimDeviceStatus DRAResourceClaimGranularStatusAuthorization
    DRAResourcePoolStatus DRASchedulerFilterTimeout DRAWorkloadResourceClaims DeclarativeValidationBeta
    DeclarativeValidationTakeover DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency
    DisableCPUQuotaWithExclusiveCPUs EnvFiles EventedPLEG ExtendWebSocketsToKubelet GangScheduling GenericWorkload
    GracefulNodeShutdown GracefulNodeShutdownBasedOnPodPriority HPAConfigurableTolerance HPAScaleToZero
    HostnameOverride ImageVolumeWithDigest InOrderInformersBatchProcess InPlacePodLevelResourcesVerticalScaling
    InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
    InPlacePodVerticalScalingInitContainers InformerResourceVersion KMSv1 KubeletCrashLoopBackOffMax
    KubeletEnsureSecretPulledImages KubeletInUserNamespace KubeletPodResourcesListUseActivePods
    KubeletRegistrationGetOnExistsOnly KubeletSeparateDiskGC KubeletServiceAccountTokenForCredentialProviders
    ListFromCacheSnapshot LocalStorageCapacityIsolationFSQuotaMonitoring LoggingAlphaOptions LoggingBetaOptions
    ManifestBasedAdmissionControlConfig MatchLabelKeysInPodTopologySpread
    MatchLabelKeysInPodTopologySpreadSelectorMerge MaxUnavailableStatefulSet MemoryQoS MutablePVNodeAffinity
    MutablePodResourcesForSuspendedJobs MutableSchedulingDirectivesForSuspendedJobs MutatingAdmissionPolicy
    NativeHistograms NodeDeclaredFeatures NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching
    PLEGOnDemandRelist PersistentVolumeClaimUnusedSinceTime PodAndContainerStatsFromCRI PodCertificateRequest
    PodDeletionCost PodLevelResourceManagers PodLevelResources PodLogsQuerySplitStreams
    PodReadyToStartContainersCondition PodTopologyLabelsAdmission PodsAPI PortForwardWebsockets
    PreventStaticPodAPIReferences QOSReserved ReduceDefaultCrashLoopBackOffDecay RelaxedServiceNameValidation
    ReloadKubeletClientCAFile ReloadKubeletServerCertificateFile RemoteRequestHeaderUID ResourceHealthStatus
    ResourceHealthStatusMessage RestartAllContainersOnContainerExits RotateKubeletServerCertificate
    RuntimeClassInImageCriApi SELinuxMount SchedulerAsyncAPICalls SchedulerAsyncPreemption
    SchedulerPopFromBackoffQ ServiceAccountNodeAudienceRestriction ServiceCIDRStatusFieldWiping
    ShardedListAndWatch SizeBasedListCostEstimate StaleControllerConsistencyDaemonSet
    StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet StaleControllerConsistencyStatefulSet
    StatefulSetSemanticRevisionComparison StorageCapacityScoring StorageNamespaceIndex StorageVersionAPI
    StorageVersionHash StorageVersionMigrator StrictIPCIDRValidation
    StructuredAuthenticationConfigurationEgressSelector StructuredAuthenticationConfigurationJWKSMetrics
    TaintTolerationComparisonOperators TokenRequestServiceAccountUIDValidation TopologyAwareWorkloadScheduling
    TopologyManagerPolicyAlphaOptions TopologyManagerPolicyBetaOptions TranslateStreamCloseWebsocketRequests
    UnauthenticatedHTTP2DOSMitigation UnknownVersionInteroperabilityProxy UnlockWhileProcessingFIFO
    UserNamespacesHostNetworkSupport VolumeLimitScaling WatchCacheInitializationPostStartHook WatchList
    WatchListClient WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown WindowsHostNetwork
    WorkloadAwarePreemption WorkloadWithJob
    """
)
"""May be true or false in 1.36."""
LOCKED_ON = _words(
    """
    APIServerTracing AggregatedDiscoveryRemoveBetaType AnonymousAuthConfigurableEndpoints AnyVolumeDataSource
    AuthorizeNodeWithSelectors AuthorizeWithSelectors BtreeWatchCache CPUManagerPolicyOptions
    CRDValidationRatcheting CSIServiceAccountTokenSecrets ConsistentListFromCache CustomResourceFieldSelectors
    DRAAdminAccess DeclarativeValidation DisableAllocatorDualWrite DisableNodeKubeProxyVersion
    DynamicResourceAllocation ExecProbeTimeout ExternalServiceAccountTokenSigner ImageMaximumGCAge ImageVolume
    InOrderInformers InPlacePodVerticalScaling JobBackoffLimitPerIndex JobManagedBy JobPodReplacementPolicy
    JobSuccessPolicy KubeletCgroupDriverFromCRI KubeletFineGrainedAuthz KubeletPSI
    KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletTracing LogarithmicScaleDown
    MatchLabelKeysInPodAffinity MultiCIDRServiceAllocator MutableCSINodeAllocatableCount NFTablesProxyMode
    NodeInclusionPolicyInPodTopologySpread NodeLogQuery NodeSwap OrderedNamespaceDeletion PodLifecycleSleepAction
    PodLifecycleSleepActionAllowZero PodObservedGenerationTracking PodSchedulingReadiness
    PreferSameTrafficDistribution ProcMountType RecoverVolumeExpansionFailure RecursiveReadOnlyMounts
    RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation ResilientWatchCacheInitialization
    RetryGenerateName SELinuxChangePolicy SELinuxMountReadWriteOncePod SchedulerQueueingHints
    SeparateTaintEvictionController ServiceAccountTokenJTI ServiceAccountTokenNodeBinding
    ServiceAccountTokenNodeBindingValidation ServiceAccountTokenPodNodeInfo SidecarContainers
    StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf StructuredAuthenticationConfiguration
    SupplementalGroupsPolicy SystemdWatchdog TopologyManagerPolicyOptions UserNamespacesSupport
    VolumeAttributesClass WinDSR WinOverlay
    """
)
"""True for good."""
LOCKED_OFF = _words(
    """
    AllowOverwriteTerminationGracePeriodSeconds GitRepoVolumeDriver SeparateCacheWatchRPC
    """
)
"""False for good."""
GONE = _words(
    """
    APIListChunking APIPriorityAndFairness APISelfSubjectReview AdmissionWebhookMatchConditions
    AggregatedDiscoveryEndpoint AllowServiceLBStatusOnNonLB AppArmor AppArmorFields CPUManager
    CSIMigrationAzureFile CSIMigrationPortworx CSIMigrationRBD CSIMigrationvSphere CSINodeExpandSecret
    CloudDualStackNodeIPs ComponentSLIs ConsistentHTTPGetHandlers CronJobTimeZone CronJobsScheduledAnnotation
    CustomResourceValidationExpressions DRAControlPlaneController DefaultHostNetworkHostPortsInPodTemplates
    DevicePluginCDIDevices DisableCloudProviders DisableKubeletCloudCredentialProviders DownwardAPIHugePages
    EfficientWatchResumption ElasticIndexedJob ExpandedDNSConfig ExperimentalHostUserNamespaceDefaulting
    GRPCContainerProbe HPAContainerMetrics HonorPVReclaimPolicy IPTablesOwnershipCleanup
    InPlacePodVerticalScalingAllocatedStatus InTreePluginAWSUnregister InTreePluginAzureDiskUnregister
    InTreePluginAzureFileUnregister InTreePluginGCEUnregister InTreePluginOpenStackUnregister
    InTreePluginPortworxUnregister InTreePluginRBDUnregister InTreePluginvSphereUnregister
    JobMutableNodeSchedulingDirectives JobPodFailurePolicy JobReadyPods JobTrackingWithFinalizers KMSv2 KMSv2KDF
    KubeProxyDrainingTerminatingNodes KubeletPodResources KubeletPodResourcesGetAllocatable
    LegacyServiceAccountTokenCleanUp LegacyServiceAccountTokenNoAutoGeneration LegacyServiceAccountTokenTracking
    LegacySidecarContainers LoadBalancerIPMode LoggingStableOptions MemoryManager MinDomainsInPodTopologySpread
    MinimizeIPTablesRestore MultiCIDRRangeAllocator NewVolumeManagerReconstruction NodeOutOfServiceVolumeDetach
    OpenAPIV3 PDBUnhealthyPodEvictionPolicy PersistentVolumeLastPhaseTransitionTime PodDisruptionConditions
    PodHostIPs PodIndexLabel ProbeHostPodSecurityStandards ProbeTerminationGracePeriod ProxyTerminatingEndpoints
    ReadWriteOncePod RemainingItemCount RemoveSelfLink RequestWatchProgress RetroactiveDefaultStorageClass
    SeccompDefault SecurityContextDeny ServerSideApply ServerSideFieldValidation ServiceNodePortStaticSubrange
    ServiceTrafficDistribution SizeMemoryBackedVolumes SkipReadOnlyValidationGCE StableLoadBalancerNodeSet
    StatefulSetAutoDeletePVC StatefulSetStartOrdinal StrictCostEnforcementForVAP StrictCostEnforcementForWebhooks
    StructuredAuthorizationConfiguration TopologyAwareHints TopologyManager UserNamespacesPodSecurityStandards
    ValidatingAdmissionPolicy VolumeCapacityPriority WatchBookmark WatchFromStorageWithoutResourceVersion
    ZeroLimitedNominalConcurrencyShares
    """
)
"""Of 1.28 to 1.35, not of 1.36."""
