#!/usr/bin/env bash
# Build .venv from requirements.lock, every file checked against its hash; only when something it depends on changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/common.sh

# Seconds for all downloads together.
readonly FETCH_LIMIT=600
readonly STAMP=.venv/stamp

python=$(find_python) || fail "no Python of at least 3.11 in PATH; scripts/packages.sh tells more."

# Two runs at once (make -j, two terminals) would build into each other.
exec 9<pyproject.toml
flock 9

fingerprint() {
  { "$python" -c 'import sys; print(sys.executable, sys.version)' && pwd && cat requirements.lock pyproject.toml scripts/venv.sh; } |
    sha256sum
}

pip() {
  timeout --kill-after=10 "$FETCH_LIMIT" .venv/bin/python -m pip --disable-pip-version-check --no-input \
    --timeout 20 --retries 2 "$@" </dev/null
}

# pip_step WHAT ARGUMENT...: run pip; show what it said only if it fails.
pip_step() {
  local what=$1 said
  shift
  say ".venv: $what"
  said=$(pip "$@" 2>&1) || {
    tail -n 15 <<<"$said" | sed 's/^/  pip: /' >&2
    fail "could not fetch or install: $what." \
      "Is the network there, and does pip find its package index? Then run this again." \
      "What was already fetched is kept by pip, so that the next run has less to do."
  }
}

wanted=$(fingerprint)
if [[ -x .venv/bin/reconciler && -f $STAMP && $(<"$STAMP") == "$wanted" ]]; then
  say ".venv is up to date"
  exit 0
fi
say ".venv: new environment for $("$python" --version)"
"$python" -m venv --clear .venv || fail "could not create .venv with $(command -v "$python")."

# setuptools first, by its part of the lock: pyinotify comes as source, and building it (and this project) in isolation
# would fetch a setuptools that no hash is known of.
awk '/^[a-z]/ { wanted = /^setuptools==/ } wanted' requirements.lock >.venv/setuptools.lock
pip_step "setuptools" install --require-hashes -r .venv/setuptools.lock
pip_step "$(grep -c '^[a-z]' requirements.lock) packages of requirements.lock" \
  install --require-hashes --no-build-isolation --use-pep517 -r requirements.lock
# "compat" puts a plain path in place of an import hook that costs each start of Python 9 ms.
pip_step "this project" install --no-index --no-deps --no-build-isolation --config-settings editable_mode=compat \
  --editable .
printf '%s\n' "$wanted" >"$STAMP"
