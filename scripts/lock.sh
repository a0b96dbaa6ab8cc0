#!/usr/bin/env bash
# Write requirements.lock anew from pyproject.toml (for a maintainer; needs uv in PATH).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv pip compile --universal --python-version 3.11 --generate-hashes --extra dev --upgrade --no-annotate \
  --no-emit-index-url --no-emit-find-links --custom-compile-command scripts/lock.sh \
  --quiet --output-file requirements.lock pyproject.toml
