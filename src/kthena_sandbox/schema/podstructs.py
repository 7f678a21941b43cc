"""The specification of a Pod as the structs that a kube-apiserver shows where it may not change (`godiff` compares them).

The order is that of the server's own types, read off what it prints; a field that is left out shows its zero value.
"""

from collections.abc import Mapping
from typing import Any

from kthena_sandbox.schema.godiff import SOURCE_FIELDS, selector

Document = dict[str, Any]
# Each field is `Name`, a text; `Name?` may be missing (pointers, lists, maps); `Name#` is a number, `Name!` true or false; `Name:Struct`
# a struct, with `?` one that may be missing, with `*` a list of them. `$` is a label selector, which has names of its own.
_STRUCTS: Mapping[str, str] = {
    "PodSpec": "Volumes:Volume* InitContainers:Container* Containers:Container* EphemeralContainers? RestartPolicy"
    " TerminationGracePeriodSeconds? ActiveDeadlineSeconds? DNSPolicy NodeSelector? ServiceAccountName"
    " AutomountServiceAccountToken? NodeName SecurityContext:PodSecurityContext ImagePullSecrets:Named* Hostname"
    " Subdomain SetHostnameAsFQDN? Affinity:Affinity? SchedulerName Tolerations:Toleration* HostAliases:HostAlias*"
    " PriorityClassName Priority? PreemptionPolicy? DNSConfig:DNSConfig? ReadinessGates:ReadinessGate*"
    " RuntimeClassName? Overhead? EnableServiceLinks? TopologySpreadConstraints:Spread* OS:Named?"
    " SchedulingGates:Named* ResourceClaims:PodResourceClaim* Resources:Resources? HostnameOverride?",
    "Volume": "Name HostPath:HostPath? EmptyDir:EmptyDir? GCEPersistentDisk? AWSElasticBlockStore? GitRepo?"
    " Secret:SecretVolume? NFS:NFS? ISCSI? Glusterfs? PersistentVolumeClaim:Claim? RBD? Quobyte? FlexVolume? Cinder?"
    " CephFS? Flocker? DownwardAPI:DownwardAPI? FC? AzureFile? ConfigMap:ConfigMapVolume? VsphereVolume? AzureDisk?"
    " PhotonPersistentDisk? Projected:Projected? PortworxVolume? ScaleIO? StorageOS? CSI? Ephemeral? Image?",
    "HostPath": "Path Type?", "EmptyDir": "Medium SizeLimit?", "NFS": "Server Path ReadOnly!",
    "SecretVolume": "SecretName Items:KeyToPath* DefaultMode? Optional?", "KeyToPath": "Key Path Mode?",
    "ConfigMapVolume": "Name Items:KeyToPath* DefaultMode? Optional?", "Claim": "ClaimName ReadOnly!",
    "DownwardAPI": "Items:DownwardFile* DefaultMode?",
    "DownwardFile": "Path FieldRef:FieldRef? ResourceFieldRef:ResourceFieldRef? Mode?",
    "Projected": "Sources:Projection* DefaultMode?",
    "Projection": "Secret:ProjectedKeys? DownwardAPI:ProjectedFiles? ConfigMap:ProjectedKeys?"
    " ServiceAccountToken:ProjectedToken? ClusterTrustBundle? PodCertificate?",
    "ProjectedKeys": "Name Items:KeyToPath* Optional?", "ProjectedFiles": "Items:DownwardFile*",
    "ProjectedToken": "Audience ExpirationSeconds# Path",
    "Container": "Name Image Command? Args? WorkingDir Ports:Port* EnvFrom:EnvFrom* Env:Env* Resources:Resources"
    " ResizePolicy:ResizePolicy* RestartPolicy? RestartPolicyRules? VolumeMounts:VolumeMount*"
    " VolumeDevices:VolumeDevice* LivenessProbe:Probe? ReadinessProbe:Probe? StartupProbe:Probe?"
    " Lifecycle:Lifecycle? TerminationMessagePath TerminationMessagePolicy ImagePullPolicy"
    " SecurityContext:SecurityContext? Stdin! StdinOnce! TTY!",
    "Port": "Name HostPort# ContainerPort# Protocol HostIP",
    "EnvFrom": "Prefix ConfigMapRef:Reference? SecretRef:Reference?", "Reference": "Name Optional?",
    "Env": "Name Value ValueFrom:ValueFrom?",
    "ValueFrom": "FieldRef:FieldRef? ResourceFieldRef:ResourceFieldRef? ConfigMapKeyRef:KeyRef? SecretKeyRef:KeyRef?"
    " FileKeyRef?",
    "FieldRef": "APIVersion FieldPath", "ResourceFieldRef": "ContainerName Resource Divisor",
    "KeyRef": "Name Key Optional?", "Resources": "Limits? Requests? Claims?",
    "ResizePolicy": "ResourceName RestartPolicy",
    "VolumeMount": "Name ReadOnly! RecursiveReadOnly? MountPath SubPath MountPropagation? SubPathExpr",
    "VolumeDevice": "Name DevicePath",
    "Probe": "Exec:Exec? HTTPGet:HTTPGet? TCPSocket:TCPSocket? GRPC:GRPC? InitialDelaySeconds# TimeoutSeconds#"
    " PeriodSeconds# SuccessThreshold# FailureThreshold# TerminationGracePeriodSeconds?",
    "Exec": "Command?", "HTTPGet": "Path Port Host Scheme HTTPHeaders:Pair*", "TCPSocket": "Port Host",
    "GRPC": "Port# Service?", "Pair": "Name Value",
    "Lifecycle": "PostStart:Hook? PreStop:Hook? StopSignal?",
    "Hook": "Exec:Exec? HTTPGet:HTTPGet? TCPSocket:TCPSocket? Sleep:Sleep?", "Sleep": "Seconds#",
    "SecurityContext": "Capabilities:Capabilities? Privileged? SELinuxOptions:SELinux? WindowsOptions? RunAsUser?"
    " RunAsGroup? RunAsNonRoot? ReadOnlyRootFilesystem? AllowPrivilegeEscalation? ProcMount? SeccompProfile:Profile?"
    " AppArmorProfile:Profile?",
    "Capabilities": "Add? Drop?", "SELinux": "User Role Type Level", "Profile": "Type LocalhostProfile?",
    "PodSecurityContext": "HostNetwork! HostPID! HostIPC! ShareProcessNamespace? HostUsers? SELinuxOptions:SELinux?"
    " WindowsOptions? RunAsUser? RunAsGroup? RunAsNonRoot? SupplementalGroups? SupplementalGroupsPolicy? FSGroup?"
    " FSGroupChangePolicy? Sysctls:Pair* SeccompProfile:Profile? AppArmorProfile:Profile? SELinuxChangePolicy?",
    "Named": "Name",
    "Affinity": "NodeAffinity:NodeAffinity? PodAffinity:PodAffinity? PodAntiAffinity:PodAffinity?",
    "NodeAffinity": "RequiredDuringSchedulingIgnoredDuringExecution:NodeSelector?"
    " PreferredDuringSchedulingIgnoredDuringExecution:PreferredNodes*",
    "NodeSelector": "NodeSelectorTerms:NodeTerm*", "PreferredNodes": "Weight# Preference:NodeTerm",
    "NodeTerm": "MatchExpressions:Requirement* MatchFields:Requirement*", "Requirement": "Key Operator Values?",
    "PodAffinity": "RequiredDuringSchedulingIgnoredDuringExecution:PodTerm*"
    " PreferredDuringSchedulingIgnoredDuringExecution:PreferredPods*",
    "PreferredPods": "Weight# PodAffinityTerm:PodTerm",
    "PodTerm": "LabelSelector$ Namespaces? TopologyKey NamespaceSelector$ MatchLabelKeys? MismatchLabelKeys?",
    "Toleration": "Key Operator Value Effect TolerationSeconds?", "HostAlias": "IP Hostnames?",
    "DNSConfig": "Nameservers? Searches? Options:Option*", "Option": "Name Value?", "ReadinessGate": "ConditionType",
    "Spread": "MaxSkew# TopologyKey WhenUnsatisfiable LabelSelector$ MinDomains? NodeAffinityPolicy?"
    " NodeTaintsPolicy? MatchLabelKeys?",
    "PodResourceClaim": "Name ResourceClaimName? ResourceClaimTemplateName?",
}  # fmt: skip
_JSON_NAMES = SOURCE_FIELDS | {
    "APIVersion": "apiVersion", "DNSConfig": "dnsConfig", "DNSPolicy": "dnsPolicy", "FSGroup": "fsGroup",
    "FSGroupChangePolicy": "fsGroupChangePolicy", "GRPC": "grpc", "HTTPGet": "httpGet", "HTTPHeaders": "httpHeaders",
    "IP": "ip", "OS": "os", "SELinuxChangePolicy": "seLinuxChangePolicy", "SELinuxOptions": "seLinuxOptions",
    "TCPSocket": "tcpSocket", "TTY": "tty",
}  # fmt: skip
_ZERO: Mapping[str, Any] = {"": "", "?": None, "#": 0, "!": False}
_OF_THE_HOST = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")


def pod_spec(spec: Mapping[str, Any]) -> Document:
    """The specification of a Pod."""
    shared = {name: spec[name] for name in _OF_THE_HOST if name in spec}
    context = (spec.get("securityContext") or {}) | shared
    return _struct(dict(spec) | {"securityContext": context}, "PodSpec")


def _struct(value: Mapping[str, Any], name: str) -> Document:
    return dict(_field(value, written) for written in _STRUCTS[name].split())


def _field(value: Mapping[str, Any], written: str) -> tuple[str, Any]:
    name, _, kind = written.partition(":")
    mark = written[-1] if written[-1] in "?#!$*" else ""
    name, kind = name.rstrip("?#!$*"), kind.rstrip("?*")
    given = value.get(_JSON_NAMES.get(name, name[0].lower() + name[1:]))
    if mark == "$":
        return name, selector(given)
    if not kind:
        return name, _plain(given, mark)
    if mark == "*":
        return name, None if given is None else [_struct(entry, kind) for entry in given]
    return name, None if given is None and mark == "?" else _struct(given or {}, kind)


def _plain(given: Any, mark: str) -> Any:
    if given is None:
        return _ZERO[mark]
    return dict(sorted(given.items())) if isinstance(given, dict) else given
