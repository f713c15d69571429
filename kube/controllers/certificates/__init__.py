"""CertificateSigningRequests: kubelets' are approved, approved ones signed by the cluster's CA, old ones removed."""
