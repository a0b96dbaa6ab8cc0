# shellcheck shell=sh disable=SC2034
# Sourced by the resource scripts beside it: settings, log, what is mounted, the role file. POSIX sh.
#
# Settings are `mount:` and `role_file:` of node.yaml, and lines NAME=VALUE in /etc/reconciler/ha.conf, which root owns
# and sh reads: RECONCILER, NODE_YAML, MOUNT, ROLE_FILE, RECONCILER_USER, PREPARE_SECONDS, DEMOTE_SECONDS,
# SERVICE_SECONDS.

# After what heartbeat or systemd gave: a PATH without sbin has no drbdadm and no rndc.
PATH=${PATH-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 022
cd / || exit 1

RECONCILER=/usr/local/bin/reconciler
NODE_YAML=/etc/reconciler/node.yaml
MOUNT=
ROLE_FILE=
RECONCILER_USER=reconciler
# Bounds for what never should take as long; heartbeat itself waits for ever.
PREPARE_SECONDS=120
DEMOTE_SECONDS=60
SERVICE_SECONDS=90
# root's alone: in a folder of the daemon's user that user could lay a link where root writes.
RUN=/run/reconciler-ha
conf=${RECONCILER_HA_CONF:-/etc/reconciler/ha.conf}
# shellcheck source=/dev/null
if [ -r "$conf" ]; then . "$conf"; fi

name=${0##*/}

# Whether what stands on standard error is in the journal already (systemd.exec(5), JOURNAL_STREAM).
journal=no
if [ -n "${JOURNAL_STREAM-}" ] && [ "$(stat -Lc %d:%i /dev/fd/2)" = "$JOURNAL_STREAM" ]; then journal=yes; fi

say() {
    printf '%s: %s\n' "$name" "$1" >&2
    [ $journal = yes ] || timeout 2 logger -t "$name" -p "daemon.${2:-info}" -- "$1" 2>/dev/null </dev/null || :
}

# What node.yaml says of a key at its outermost level; nothing where it does not.
setting() {
    sed -n "s/^$1:[[:space:]]*[\"']\{0,1\}\([^\"'#[:space:]]*\).*/\1/p" "$NODE_YAML" 2>/dev/null | head -n 1
}

[ -n "$MOUNT" ] || MOUNT=$(setting mount)
[ -n "$ROLE_FILE" ] || ROLE_FILE=$(setting role_file)
[ -n "$ROLE_FILE" ] || ROLE_FILE=/run/reconciler/role

# Whether something is mounted at MOUNT, from the kernel's table: the disk itself is not touched (proc(5)).
mounted() {
    while read -r _ _ _ _ where _; do
        [ "$where" != "$MOUNT" ] || return 0
    done </proc/self/mountinfo
    return 1
}

# Whether the disk is here; also where there is none to be mounted.
disk_is_here() {
    [ -z "$MOUNT" ] || mounted
}

# bounded SECONDS WHAT PROGRAM ARG…: run it, log what it says, its exit code. Its output goes through a file: something
# that it leaves behind could hold a pipe open for ever.
bounded() {
    seconds=$1 what=$2
    shift 2
    timeout -k 5 "$seconds" "$@" >"$RUN/$name.out" 2>&1 </dev/null
    code=$?
    while IFS= read -r line; do say "$line"; done <"$RUN/$name.out"
    case $code in
        0) ;;
        124 | 137) say "$what did not end within $seconds s" err ;;
        *) say "$what ended with $code" err ;;
    esac
    return "$code"
}

# Whether the role file says primary.
is_primary() {
    [ -f "$ROLE_FILE" ] && IFS= read -r word <"$ROLE_FILE" && [ "$word" = primary ]
}

# In one step, with its mode from the start, and over a file in root's own folder of the same filesystem.
write_primary() {
    rm -f -- "$RUN/role.$$" && printf 'primary\n' >"$RUN/role.$$" && mv -fT -- "$RUN/role.$$" "$ROLE_FILE"
}

# release OPTION…: what still has the mount open, as reconciler-holders does it. Never fails: the disk's own resource finds
# out whether the disk can be given up.
release() {
    [ -n "$MOUNT" ] || return 0
    timeout -k 5 40 "$HOOKS/reconciler-holders" "$@" "$MOUNT" >"$RUN/$name.out" 2>&1 </dev/null
    while IFS= read -r line; do say "$line" warning; done <"$RUN/$name.out"
    return 0
}

# usage WORDS: what heartbeat would log. 2 is what init scripts return for it (LSB, Init Script Actions).
usage() {
    printf 'usage: %s %s\n' "$name" "$1" >&2
    exit 2
}

mkdir -p "$RUN" || say "cannot make $RUN" err
