"""kube-proxy's file and flags, with its defaults and checks."""
