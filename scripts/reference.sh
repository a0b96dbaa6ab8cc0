#!/usr/bin/env bash
# Write the generated part of docs/state.md anew, between its two markers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

{
  sed '/^<!-- begin reference -->$/q' docs/state.md
  .venv/bin/python -c 'from reconciler.state.reference import markdown; print(markdown(), end="")'
  sed -n '/^<!-- end reference -->$/,$p' docs/state.md
} >docs/.state.md.new
mv docs/.state.md.new docs/state.md
