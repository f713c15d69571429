"""HTTP: the proxy's health and metrics, and the node ports on which load balancers ask about a service."""
