# shellcheck shell=bash
# Sourced by the other scripts: messages, and which Python to use.

# An ordinary user's PATH leaves sbin out, where servers lie.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

say() {
  printf 'setup   %s\n' "$*"
}

# fail WHAT WHAT_TO_DO...: say it on standard error, one line each, and end.
fail() {
  printf 'setup   FAILED: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '        %s\n' "$@" >&2
  exit 1
}

# Print the first Python of at least 3.11; end with 1 when there is none.
find_python() {
  local python
  for python in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$python"
      return
    fi
  done
  return 1
}
