#!/bin/sh
# The tests that need a kernel with IPVS, and those that are worth a second kernel (tests/guest), in a throw-away guest:
# Debian's own kernel in QEMU. It is emulated, since a /dev/kvm is not always one that works (GUEST_ACCEL=kvm tries):
# some five minutes on two idle processors. `guest_tests.sh PYTEST-ARGUMENTS` runs some of the tests.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" != 0 ] || tools/setup.sh guest || true
missing=
for program in qemu-system-x86_64 busybox ipset iptables nft; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
ls /boot/vmlinuz-*[0-9]-amd64 >/dev/null 2>&1 || missing="$missing /boot/vmlinuz-*-amd64"
if [ -n "$missing" ]; then
    echo "guest: THE GUEST TESTS DID NOT RUN, missing:$missing" >&2
    echo "  apt-get install qemu-system-x86 linux-image-amd64 busybox-static ipset iptables nftables" >&2
    exit 1
fi
[ $# -gt 0 ] || set -- tests/guest
echo "guest: booting $(ls /boot/vmlinuz-*[0-9]-amd64 | tail -1) by ${GUEST_ACCEL:-emulation}: this takes minutes" >&2
export PODNET_GUEST=1
exec tools/guest.sh -b qemu -t "${GUEST_LIMIT_S:-1200}" -- \
    .venv/bin/python -m pytest -v --no-header --color=no --durations=5 --timeout=300 --tb=short \
    -p no:cacheprovider -p no:xdist "$@"
