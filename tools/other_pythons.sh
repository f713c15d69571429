#!/bin/sh
# The unit tests on every other supported Python that is found here. What is not found is said, loudly.
set -eu
cd "$(dirname "$0")/.."
export UV_NO_PROGRESS=1 UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"
ran=0

# The network fails at times.
again() {
    for pause_s in 5 20 0; do
        "$@" && return 0
        [ "$pause_s" = 0 ] || { echo "pythons: '$*' failed, again in $pause_s s" >&2; sleep "$pause_s"; }
    done
    echo "pythons: FAILED: '$*' failed three times" >&2
    return 1
}

for version in 3.11 3.12 3.13; do
    own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$version" = "$own" ] && continue
    # uv looks in PATH and where version managers keep their Pythons; it must not download one.
    found=$(.venv-uv/bin/uv python find --no-project --no-python-downloads "$version" 2>/dev/null || true)
    # pyenv's shims in PATH work for its chosen version only.
    for kept in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        [ -n "$found" ] || [ ! -x "$kept" ] || found=$kept
    done
    if [ -z "$found" ]; then
        echo "SKIPPED: no Python $version on this machine, its unit tests did not run" >&2
        continue
    fi
    environment=.venv-uv/python-$version
    if ! cmp -s requirements.lock "$environment/made-from"; then
        .venv-uv/bin/uv venv -q --clear --python "$found" "$environment"
        again env VIRTUAL_ENV="$PWD/$environment" .venv-uv/bin/uv pip sync -q --require-hashes requirements.lock
        VIRTUAL_ENV=$PWD/$environment .venv-uv/bin/uv pip install -q --no-deps --no-build-isolation -e .
        cp requirements.lock "$environment/made-from"
    fi
    echo "unit tests on Python $version"
    "$environment/bin/pytest" -q -n 2 -m "not lab" tests/unit tests/flows
    ran=$((ran + 1))
done
echo "other Pythons tested: $ran"
