"""Where daemon and executables meet; the executables have these names built in."""

SOCKET = "/run/podnet/cni.sock"
LOCK = "/run/podnet/cni.lock"
QUEUE = "/var/lib/podnet/cni/queue"
QUEUE_LIMIT = 4096
