#!/bin/sh
# Makes a fresh Debian 12 or Ubuntu 24.04 ready: Debian packages, uv, the virtual environment from the lock.
# Idempotent and quick when nothing is missing. `setup.sh test` adds what only the tests use, `setup.sh guest` what a
# guest kernel needs; `setup.sh make` is make alone, for who has not even that.
set -eu
cd "$(dirname "$0")/.."

# Not the first python3 of PATH: version managers put wrappers there that cost 70 ms a start.
PYTHON=/usr/bin/python3
# Set-up is for the machine it runs on; an index or find-links of the caller's stays respected.
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_NO_PROGRESS=1
# Mirrors are slow at times.
export PIP_RETRIES=5 PIP_DEFAULT_TIMEOUT="${PIP_DEFAULT_TIMEOUT:-60}" UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"

PACKAGES="python3 python3-venv ca-certificates iproute2 runc conmon busybox-static haproxy"
TEST_PACKAGES="nftables python3-nftables iptables conntrack bind9-dnsutils knot-dnsutils dnsperf iputils-ping procps
    containernetworking-plugins etcd-server etcd-client gcc libc6-dev musl-tools"
# Container runtimes for the CNI tests; where Docker brought a containerd of its own, Debian's would replace it.
for runtime in podman containerd; do
    command -v "$runtime" >/dev/null || TEST_PACKAGES="$TEST_PACKAGES $runtime"
done
case "${1:-}" in
make) PACKAGES=make ;;
test) PACKAGES="$PACKAGES $TEST_PACKAGES" ;;
guest) PACKAGES="$PACKAGES $TEST_PACKAGES qemu-system-x86 linux-image-amd64 ipset" ;;
esac

# What `packages` of pyproject.toml names.
MODULES="kproxy cni dns kube linux nodeagent netns_fixtures"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }

# For what asks the network: three times, with a pause between.
again() {
    for pause_s in 5 20 0; do
        "$@" && return 0
        [ "$pause_s" = 0 ] || { say "'$*' failed, again in $pause_s s"; sleep "$pause_s"; }
    done
    say "'$*' failed three times: see its messages above"
    return 1
}

apt() { apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300 "$@"; }

missing_packages() {
    for package in $PACKAGES; do
        # `Provides` counts too: dpkg-query knows only real names.
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

refresh_and_install() { apt update -qq && apt install -y -qq --no-install-recommends "$@" >/dev/null; }

install_packages() {
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "no apt-get here: install $missing yourself, then run this again"
    [ "$(id -u)" = 0 ] || fail "these Debian packages are missing and installing them needs root: $missing"
    say "installing $missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    apt install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || again refresh_and_install $missing ||
        fail "apt-get could not install $missing: see its message above"
    # Debian starts what it installs; the tests start an etcd of their own, on ports of their own.
    case "$missing" in *etcd-server*) systemctl disable --now etcd >/dev/null 2>&1 || true ;; esac
    # Ours is started by kcore, when there is an Ingress.
    case "$missing" in *haproxy*) systemctl disable --now haproxy >/dev/null 2>&1 || true ;; esac
    case "$missing" in *containerd*) systemctl disable --now containerd >/dev/null 2>&1 || true ;; esac
}

# What the environment was made from; another lock, checkout or Python makes it anew.
fingerprint() {
    { cat requirements.lock pyproject.toml tools/uv.lock; pwd; "$PYTHON" --version; } | sha256sum | cut -d' ' -f1
}

make_environment() {
    wanted=$(fingerprint)
    [ "$(cat .venv/made-from 2>/dev/null)" = "$wanted" ] && return 0
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$PYTHON is older than 3.11: use Debian 12, Ubuntu 24.04 or newer"
    say "making .venv from requirements.lock"
    uv=.venv-uv/bin/uv
    if ! cmp -s tools/uv.lock .venv-uv/made-from; then
        "$PYTHON" -m venv --clear .venv-uv
        again .venv-uv/bin/pip install -q --require-hashes --only-binary :all: -r tools/uv.lock
        cp tools/uv.lock .venv-uv/made-from
    fi
    $uv venv -q --clear --python "$PYTHON" .venv
    again $uv pip sync -q --compile-bytecode --require-hashes requirements.lock
    $uv pip install -q --no-deps --no-build-isolation -e .
    # Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE) each daemon's start would compile everything anew.
    .venv/bin/python -m compileall -q $MODULES || :
    printf '%s\n' "$wanted" >.venv/made-from
}

install_packages
[ "${1:-}" = make ] || make_environment
