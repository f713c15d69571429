#!/bin/sh
# The tests that need a kernel with IPVS, in a throw-away guest: User Mode Linux, or QEMU where that cannot run.
set -eu
cd "$(dirname "$0")/.."
missing=
for program in busybox ipset iptables; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
command -v linux.uml >/dev/null || command -v qemu-system-x86_64 >/dev/null || missing="$missing guest-kernel"
if [ -n "$missing" ]; then
    echo "SKIPPED: the guest tests did not run, missing:$missing" >&2
    echo "  apt-get install user-mode-linux busybox-static ipset iptables" >&2
    echo "  (processors with AMX: qemu-system-x86 linux-image-amd64 in place of user-mode-linux)" >&2
    exit 0
fi
PODNET_GUEST=1 exec tools/guest.sh -t "${GUEST_LIMIT_S:-300}" -- \
    .venv/bin/python -m pytest -q -p no:xdist -p no:cacheprovider tests/guest
