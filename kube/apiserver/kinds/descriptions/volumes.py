"""Where volumes come from: type, field, words; "" is the type itself."""

from collections.abc import Mapping

_CORE = "io.k8s.api.core.v1."

_FS_TYPE = "The file system, such as ext4 or xfs."
_READ_ONLY = "Whether it cannot be written."
_PARTITION = "Which partition; 0 or none for the whole disk."
_KEPT_IN = "The Secret with the password."
_MODE = "Permission bits of the files, in octal in YAML; 0644 by default."
_ITEMS = "Which keys become which files; all under their own names when empty."
_OPTIONAL = "Whether the object or its keys may be missing."

TYPES: Mapping[str, Mapping[str, str]] = {
    _CORE + "ConfigMapVolumeSource": {
        "": "The keys of a ConfigMap as files, which follow its changes.",
        "defaultMode": _MODE,
        "items": _ITEMS,
        "name": "The ConfigMap.",
        "optional": _OPTIONAL,
    },
    _CORE + "SecretVolumeSource": {
        "": "The keys of a Secret as files in memory, which follow its changes.",
        "defaultMode": _MODE,
        "items": _ITEMS,
        "optional": _OPTIONAL,
        "secretName": "The Secret.",
    },
    _CORE + "KeyToPath": {
        "": "A key and the file it becomes.",
        "key": "The key.",
        "mode": "Permission bits of this file.",
        "path": "The file, from the volume's root.",
    },
    _CORE + "DownwardAPIVolumeSource": {
        "": "Facts about the pod as files.",
        "defaultMode": _MODE,
        "items": "One entry a file.",
    },
    _CORE + "DownwardAPIVolumeFile": {
        "": "A file and what is in it.",
        "fieldRef": "A field of the pod: its name, namespace, uid, labels or annotations.",
        "mode": "Permission bits of this file.",
        "path": "The file, from the volume's root.",
        "resourceFieldRef": "A request or limit of a container.",
    },
    _CORE + "ProjectedVolumeSource": {
        "": "Several sources in one directory.",
        "defaultMode": _MODE,
        "sources": "The sources.",
    },
    _CORE + "VolumeProjection": {
        "": "One source in a shared directory; one of these.",
        "clusterTrustBundle": "Certificates of authorities, from ClusterTrustBundles.",
        "configMap": "Keys of a ConfigMap.",
        "downwardAPI": "Facts about the pod.",
        "podCertificate": "A key and a certificate made for the pod, renewed in time.",
        "secret": "Keys of a Secret.",
        "serviceAccountToken": "A token of the pod's account, renewed in time.",
    },
    _CORE + "ConfigMapProjection": {
        "": "Keys of a ConfigMap as files.",
        "items": _ITEMS,
        "name": "The ConfigMap.",
        "optional": _OPTIONAL,
    },
    _CORE + "SecretProjection": {
        "": "Keys of a Secret as files.",
        "items": _ITEMS,
        "name": "The Secret.",
        "optional": _OPTIONAL,
    },
    _CORE + "DownwardAPIProjection": {"": "Facts about the pod as files.", "items": "One entry a file."},
    _CORE + "ServiceAccountTokenProjection": {
        "": "A token in a file.",
        "audience": "Who shall take the token; the API server by default.",
        "expirationSeconds": "How long it is good, at least 600; 3600 by default.",
        "path": "The file, from the volume's root.",
    },
    _CORE + "ClusterTrustBundleProjection": {
        "": "Certificates of authorities in a file.",
        "labelSelector": "Which bundles of the signer.",
        "name": "One bundle by its name.",
        "optional": "Whether it may be missing.",
        "path": "The file, from the volume's root.",
        "signerName": "All bundles of this signer.",
    },
    _CORE + "PodCertificateProjection": {
        "": "A key and its certificate.",
        "certificateChainPath": "The file for the certificates alone.",
        "credentialBundlePath": "The file for key and certificates together.",
        "keyPath": "The file for the key alone.",
        "keyType": "The kind of key, such as ED25519 or ECDSAP256.",
        "maxExpirationSeconds": "The longest time it may be good.",
        "signerName": "Who signs it.",
        "userAnnotations": "What the signer is told beside.",
    },
    _CORE + "EmptyDirVolumeSource": {
        "": "A directory that begins empty and goes with the pod.",
        "medium": "Empty for the node's disk, Memory for a tmpfs, which counts as the pod's memory.",
        "sizeLimit": "The most it may hold.",
    },
    _CORE + "EphemeralVolumeSource": {
        "": "A claim made for the pod and named after it and the volume.",
        "volumeClaimTemplate": "What the claim looks like.",
    },
    _CORE + "PersistentVolumeClaimTemplate": {
        "": "What a claim looks like.",
        "metadata": "Its labels and annotations.",
        "spec": "Its spec.",
    },
    _CORE + "PersistentVolumeClaimVolumeSource": {
        "": "A claim of the pod's namespace.",
        "claimName": "The claim.",
        "readOnly": _READ_ONLY,
    },
    _CORE + "HostPathVolumeSource": {
        "": "A path of the node.",
        "path": "The path.",
        "type": "What must be there: Directory, File, Socket, CharDevice, BlockDevice, or is made: DirectoryOrCreate, FileOrCreate; empty checks nothing.",
    },
    _CORE + "ImageVolumeSource": {
        "": "The files of an image, read only.",
        "pullPolicy": "Always, IfNotPresent or Never.",
        "reference": "The image.",
    },
    _CORE + "NFSVolumeSource": {
        "": "A directory of an NFS server.",
        "path": "The directory that is exported.",
        "readOnly": _READ_ONLY,
        "server": "The server's name or address.",
    },
    _CORE + "CSIVolumeSource": {
        "": "A volume that a CSI driver makes for the pod.",
        "driver": "The driver.",
        "fsType": _FS_TYPE,
        "nodePublishSecretRef": _KEPT_IN,
        "readOnly": _READ_ONLY,
        "volumeAttributes": "What the driver wants to know.",
    },
    _CORE + "ISCSIVolumeSource": {
        "": "A disk over iSCSI.",
        "chapAuthDiscovery": "Whether discovery needs a password (CHAP).",
        "chapAuthSession": "Whether sessions need a password (CHAP).",
        "fsType": _FS_TYPE,
        "initiatorName": "Another initiator name than the node's.",
        "iqn": "The target's name.",
        "iscsiInterface": "The interface that is used; default when empty.",
        "lun": "The unit's number.",
        "portals": "More portals, IP:PORT.",
        "readOnly": _READ_ONLY,
        "secretRef": _KEPT_IN,
        "targetPortal": "The portal, IP:PORT.",
    },
    _CORE + "FCVolumeSource": {
        "": "A disk over Fibre Channel.",
        "fsType": _FS_TYPE,
        "lun": "The unit's number.",
        "readOnly": _READ_ONLY,
        "targetWWNs": "World wide names of the target.",
        "wwids": "World wide ids of the volume, instead of targetWWNs and lun.",
    },
    _CORE + "AWSElasticBlockStoreVolumeSource": {
        "": "An EBS disk of AWS; its CSI driver serves it today.",
        "fsType": _FS_TYPE,
        "partition": _PARTITION,
        "readOnly": _READ_ONLY,
        "volumeID": "The disk.",
    },
    _CORE + "GCEPersistentDiskVolumeSource": {
        "": "A disk of Google Cloud; its CSI driver serves it today.",
        "fsType": _FS_TYPE,
        "partition": _PARTITION,
        "pdName": "The disk.",
        "readOnly": _READ_ONLY,
    },
    _CORE + "AzureDiskVolumeSource": {
        "": "A disk of Azure; its CSI driver serves it today.",
        "cachingMode": "None, ReadOnly or ReadWrite.",
        "diskName": "The disk.",
        "diskURI": "Where it is.",
        "fsType": _FS_TYPE,
        "kind": "Shared, Dedicated or Managed.",
        "readOnly": _READ_ONLY,
    },
    _CORE + "AzureFileVolumeSource": {
        "": "A share of Azure Files; its CSI driver serves it today.",
        "readOnly": _READ_ONLY,
        "secretName": _KEPT_IN,
        "shareName": "The share.",
    },
    _CORE + "CinderVolumeSource": {
        "": "A disk of OpenStack; its CSI driver serves it today.",
        "fsType": _FS_TYPE,
        "readOnly": _READ_ONLY,
        "secretRef": _KEPT_IN,
        "volumeID": "The disk.",
    },
    _CORE + "VsphereVirtualDiskVolumeSource": {
        "": "A disk of vSphere; its CSI driver serves it today.",
        "fsType": _FS_TYPE,
        "storagePolicyID": "The policy's id.",
        "storagePolicyName": "The policy.",
        "volumePath": "The disk's path.",
    },
    _CORE + "CephFSVolumeSource": {
        "": "A CephFS; no release serves it any more without a CSI driver.",
        "monitors": "The monitors' addresses.",
        "path": "The directory; / by default.",
        "readOnly": _READ_ONLY,
        "secretFile": "The keyring's file on the node.",
        "secretRef": _KEPT_IN,
        "user": "The user; admin by default.",
    },
    _CORE + "RBDVolumeSource": {
        "": "A Ceph block device; no release serves it any more without a CSI driver.",
        "fsType": _FS_TYPE,
        "image": "The image.",
        "keyring": "The keyring's file on the node.",
        "monitors": "The monitors' addresses.",
        "pool": "The pool; rbd by default.",
        "readOnly": _READ_ONLY,
        "secretRef": _KEPT_IN,
        "user": "The user; admin by default.",
    },
    _CORE + "FlexVolumeSource": {
        "": "A volume of a driver program on the node; write CSI drivers instead.",
        "driver": "The driver.",
        "fsType": _FS_TYPE,
        "options": "What the driver wants to know.",
        "readOnly": _READ_ONLY,
        "secretRef": _KEPT_IN,
    },
    _CORE + "GitRepoVolumeSource": {
        "": "A clone of a git repository; off by default for its dangers.",
        "directory": "Where in the volume.",
        "repository": "The URL.",
        "revision": "The commit.",
    },
}
