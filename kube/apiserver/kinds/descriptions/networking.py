"""Services, slices, Ingresses, policies: type, field, words; "" is the type itself."""

from collections.abc import Mapping

_CORE = "io.k8s.api.core.v1."
_DISCOVERY = "io.k8s.api.discovery.v1."
_NETWORKING = "io.k8s.api.networking.v1."

TYPES: Mapping[str, Mapping[str, str]] = {
    _CORE + "Service": {
        "": "One name and address for a changing set of pods.",
        "spec": "Which pods, on which ports, reached from where.",
        "status": "The addresses a load balancer gave it.",
    },
    _CORE + "ServiceSpec": {
        "": "Which pods a Service stands for, on which ports, and from where they are reached.",
        "allocateLoadBalancerNodePorts": "False saves node ports where the load balancer needs none.",
        "clusterIP": "Its address inside the cluster, given by the server; None for a headless Service.",
        "clusterIPs": "Its addresses, at most one of each family.",
        "externalIPs": "Addresses of others that nodes shall take traffic for.",
        "externalName": "The DNS name that type ExternalName stands for.",
        "externalTrafficPolicy": "Cluster (default) spreads traffic from outside over all pods; Local keeps it on the node and shows the client's address.",
        "healthCheckNodePort": "Where load balancers ask which nodes have pods, with externalTrafficPolicy Local.",
        "internalTrafficPolicy": "Cluster (default), or Local: pods of the same node alone.",
        "ipFamilies": "IPv4 or IPv6 or both, in the order of clusterIPs.",
        "ipFamilyPolicy": "SingleStack, PreferDualStack or RequireDualStack.",
        "loadBalancerClass": "Which implementation makes the load balancer.",
        "loadBalancerIP": "The address asked of the load balancer; deprecated, and not all heed it.",
        "loadBalancerSourceRanges": "From where the load balancer takes traffic.",
        "ports": "The ports it is reached at; each needs a name when there are several.",
        "publishNotReadyAddresses": "Count pods that are not ready too.",
        "selector": "Labels of its pods; without one, somebody else writes its EndpointSlices.",
        "sessionAffinity": "None (default), or ClientIP: a client stays with a pod.",
        "sessionAffinityConfig": "For how long a client stays with a pod.",
        "trafficDistribution": "A wish where traffic should stay, such as PreferSameZone or PreferSameNode.",
        "type": "ClusterIP (default), NodePort, LoadBalancer or ExternalName; each but the last adds to the one before.",
    },
    _CORE + "ServicePort": {
        "": "One port of a Service.",
        "appProtocol": "What is spoken on it, for those who look into the traffic.",
        "name": "Its name, a DNS label.",
        "nodePort": "The port of every node that leads here, for NodePort and LoadBalancer.",
        "port": "The Service's own port.",
        "protocol": "TCP (default), UDP or SCTP.",
        "targetPort": "The pods' port, as a number or a container port's name; the same as port by default.",
    },
    _DISCOVERY + "EndpointSlice": {
        "": "A part of the endpoints of a Service, of one address family.",
        "addressType": "IPv4, IPv6 or FQDN; never changes.",
        "endpoints": "The endpoints, at most 1000.",
        "ports": "The ports that each of the endpoints has.",
    },
    _DISCOVERY + "Endpoint": {
        "": "One place where a Service is served, as a rule a pod.",
        "addresses": "Its addresses; readers use the first.",
        "conditions": "Whether it can be used.",
        "hints": "For which zones or nodes it is meant.",
        "hostname": "Its host name, for DNS.",
        "nodeName": "The node it is on.",
        "targetRef": "The object behind it.",
        "zone": "The zone it is in.",
    },
    _DISCOVERY + "EndpointConditions": {
        "": "Whether an endpoint can be used.",
        "ready": "It takes traffic; never true while it ends, unless the Service wants such too.",
        "serving": "As ready, but told of ending ones as well.",
        "terminating": "It is on its way out.",
    },
    _DISCOVERY + "EndpointPort": {
        "": "One port of all endpoints of a slice.",
        "appProtocol": "What is spoken on it.",
        "name": "The name of the Service's port.",
        "port": "The number.",
        "protocol": "TCP, UDP or SCTP.",
    },
    _NETWORKING + "Ingress": {
        "": "Rules that lead HTTP from outside to Services.",
        "spec": "The rules.",
        "status": "Where it is reached.",
    },
    _NETWORKING + "IngressSpec": {
        "": "The rules of an Ingress.",
        "defaultBackend": "Where requests go that no rule matches.",
        "ingressClassName": "The IngressClass whose controller serves it.",
        "rules": "Hosts and paths with their backends.",
        "tls": "Certificates for hosts.",
    },
    _NETWORKING + "IngressRule": {
        "": "The paths of one host.",
        "host": "The host, perhaps with *. before it; empty for all.",
        "http": "The paths.",
    },
    _NETWORKING + "HTTPIngressPath": {
        "": "A path and where it leads.",
        "backend": "The Service, or another object, that answers.",
        "path": "The beginning or the whole of the URL's path.",
        "pathType": "Exact, Prefix (by elements) or ImplementationSpecific.",
    },
    _NETWORKING + "IngressTLS": {
        "": "A certificate and the hosts it is for.",
        "hosts": "The hosts.",
        "secretName": "A Secret of type kubernetes.io/tls.",
    },
    _NETWORKING + "IngressServiceBackend": {
        "": "A port of a Service.",
        "name": "The Service, of the same namespace.",
        "port": "Its port, by name or number.",
    },
    _NETWORKING + "NetworkPolicy": {
        "": "Says what traffic some pods may have; whatever selects a pod first closes it, then opens what is listed.",
        "spec": "Which pods, and what is allowed.",
    },
    _NETWORKING + "NetworkPolicySpec": {
        "": "Which pods a policy is for, and what it allows.",
        "egress": "What the pods may reach.",
        "ingress": "Who may reach the pods.",
        "podSelector": "The pods it is for; empty for all of the namespace.",
        "policyTypes": "Ingress, Egress or both: which direction it closes.",
    },
    _NETWORKING + "NetworkPolicyIngressRule": {
        "": "Traffic that may come in.",
        "from": "From whom; empty for everybody.",
        "ports": "To which of the pods' ports; empty for all.",
    },
    _NETWORKING + "NetworkPolicyEgressRule": {
        "": "Traffic that may go out.",
        "ports": "To which ports; empty for all.",
        "to": "To whom; empty for everybody.",
    },
    _NETWORKING + "NetworkPolicyPeer": {
        "": "Who is on the other side.",
        "ipBlock": "A range of addresses; stands alone.",
        "namespaceSelector": "Pods of these namespaces.",
        "podSelector": "These pods, of the policy's own namespace unless namespaceSelector is given.",
    },
    _NETWORKING + "NetworkPolicyPort": {
        "": "A port or a range of them.",
        "endPort": "The last of the range; port is then the first.",
        "port": "A number, or a container port's name; all when not given.",
        "protocol": "TCP (default), UDP or SCTP.",
    },
    _NETWORKING + "IPBlock": {
        "": "A range of addresses.",
        "cidr": "The range, such as 10.0.0.0/8.",
        "except": "Ranges within it that are left out.",
    },
}
