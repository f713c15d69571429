"""DaemonSet: one pod on each node that may run it."""
