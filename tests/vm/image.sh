#!/usr/bin/env bash
# Build what the virtual machines boot, once: kernel, small initrd and root disk of a Debian 12 with DRBD 8.4, heartbeat,
# BIND, dnsmasq and AppArmor, and this project's Python packages, but not this project itself.
#
#   tests/vm/image.sh        prints the folder with vmlinux, initrd.img, root.qcow2; builds only what is missing
#
# The folder is .cache/vm/KEY, or $RECONCILER_VM_CACHE/KEY. KEY stands for these scripts, the versions of the packages as this machine's
# package lists have them, and requirements.lock. Needs root and what `scripts/packages.sh vm` installs. Fails, never skips.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. scripts/common.sh

readonly HERE=tests/vm SUITE=bookworm KERNEL=linux-image-cloud-amd64
readonly PACKAGES=(
  systemd systemd-sysv udev kmod dbus iproute2 iputils-ping procps psmisc e2fsprogs ca-certificates net-tools strace sudo
  drbd-utils heartbeat cluster-glue resource-agents keepalived apparmor apparmor-utils
  bind9 bind9-utils bind9-dnsutils dnsmasq busybox-static ddclient git openssh-server openssh-client python3 python3-venv
)
# A registry that is away hangs rather than fails. Seconds for one try, and how many.
readonly TRY_LIMIT=420 TRIES=3
# Module trees that such a machine has no use for: a smaller disk, and a shorter depmod.
readonly UNUSED_MODULES=(
  sound drivers/{gpu,infiniband,media,staging,iio,hwmon,usb,hid,nvdimm,ata,message,target,mmc,video,isdn,bluetooth,thunderbolt}
  drivers/net/{ethernet,wireless} fs/{ocfs2,xfs,btrfs,f2fs,gfs2,ceph,nfs,nfsd,smb,jfs,reiserfs,nilfs2,ubifs,udf,hfs,hfsplus}
)
# What of the services under test the packages enable; the nodes' set-up enables what a pair needs. The rest costs time at boot only.
readonly DISABLED=(named bind9 dnsmasq heartbeat keepalived ddclient drbd ssh e2scrub_reap logd)
readonly MASKED=(
  getty@tty1.service serial-getty@ttyS0.service console-getty.service e2scrub_all.timer fstrim.timer apt-daily.timer
  apt-daily-upgrade.timer dpkg-db-backup.timer systemd-update-utmp.service systemd-update-utmp-runlevel.service
  systemd-timesyncd.service systemd-random-seed.service systemd-logind.service systemd-pstore.service systemd-hwdb-update.service
  systemd-binfmt.service proc-sys-fs-binfmt_misc.automount dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount
  dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-config.mount modprobe@configfs.service modprobe@fuse.service
  modprobe@drm.service modprobe@efi_pstore.service modprobe@loop.service modprobe@dm_mod.service kmod-static-nodes.service
  systemd-boot-system-token.service systemd-machine-id-commit.service systemd-journal-flush.service systemd-remount-fs.service
  systemd-fsck-root.service systemd-tmpfiles-clean.timer systemd-quotacheck.service ldconfig.service
)

say() { printf 'vm      %s\n' "$*" >&2; }

main() {
  ((EUID == 0)) || fail "the image of the virtual machines can only be built by root (chroot, owners of files)."
  local cache
  cache=$(realpath -m "${RECONCILER_VM_CACHE:-.cache/vm}")
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  target=$cache/$(key)
  if [[ ! -f $target/complete ]]; then
    build
  fi
  printf '%s\n' "$target"
}

key() {
  { find "$HERE/image.sh" "$HERE/guest" "$HERE/boot" requirements.lock -type f -print0 | sort -z | xargs -0 sha256sum
    apt-cache policy "${PACKAGES[@]}" "$KERNEL" 2>/dev/null | grep -E '^[a-z]|Candidate' || true; } | sha256sum | cut -c1-16
}

build() {
  work=$(mktemp -d "$(dirname "$target")/building.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  root=$work/root
  mkdir "$work/out"
  say "building the machines' image (about a minute, once): $target"
  fetch_wheels
  fetch_root
  take_kernel
  configure_guest
  install_python_packages
  make_initrd
  make_disk
  rm -rf "$target"
  touch "$work/out/complete"
  mv "$work/out" "$target"
  say "image is ready: $(du -sh "$target" | cut -f1)"
}

# tried WHAT COMMAND...: run it up to TRIES times, each with its limit.
tried() {
  local what=$1 try
  shift
  for ((try = 1; try <= TRIES; try++)); do
    say "$what"
    timeout --kill-after=10 "$TRY_LIMIT" "$@" >"$work/log" 2>&1 </dev/null && return
    say "try $try of $TRIES did not go well: $(tail -n 1 "$work/log")"
  done
  tail -n 20 "$work/log" >&2
  fail "$what: it failed $TRIES times (each was given $TRY_LIMIT s)." \
    "Is the network there, and do apt-get update and pip work? Then run this again." \
    "Nothing of the tests with virtual machines has run."
}

fetch_wheels() {
  local version
  version=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || fail "no .venv here." "Run: make setup"
  [[ $version == 3.11 ]] ||
    fail "the machines have Debian 12's Python 3.11, .venv here has $version, and compiled packages fit only one." \
      "Run the tests with virtual machines on Debian 12."
  tried "packages of requirements.lock, as wheels" .venv/bin/python -m pip --disable-pip-version-check --no-input --timeout 20 \
    wheel --require-hashes --no-build-isolation --use-pep517 --wheel-dir "$work/wheels" -r requirements.lock
}

fetch_root() {
  tried "Debian $SUITE with ${#PACKAGES[@]} packages" mmdebstrap --mode=root --variant=minbase --include="$(IFS=,; echo "${PACKAGES[*]}")" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "2"' \
    --aptopt='Acquire::http::Timeout "20"' --aptopt='Acquire::https::Timeout "20"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --skip=cleanup/apt/lists \
    --customize-hook="chroot \"\$1\" sh -c 'cd /root && apt-get -q download \$(apt-cache depends $KERNEL | sed -n \"s/.*Depends: //p\" | head -n 1)'" \
    "$SUITE" "$root" "$(sources)"
}

# This machine's own sources where it is a Debian 12 itself: a mirror or proxy that works here is named there.
sources() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    grep -qs "$SUITE" "$file" && { echo "$file"; return; }
  done
  echo "deb http://deb.debian.org/debian $SUITE main"
}

take_kernel() {
  dpkg-deb -x "$root"/root/linux-image-*.deb "$work/kernel"
  rm "$root"/root/linux-image-*.deb
  version=$(ls "$work/kernel/lib/modules")
  # Uncompressed: to unpack it takes emulation longer than all the rest of the boot.
  "$HERE/boot/vmlinux.py" "$work/kernel/boot/vmlinuz-$version" "$work/out/vmlinux"
  (cd "$work/kernel/lib/modules/$version/kernel" && rm -rf "${UNUSED_MODULES[@]}")
  cp -a "$work/kernel/lib/modules" "$root/lib/"
  chroot "$root" depmod "$version"
}

configure_guest() {
  rm -f "$root/etc/resolv.conf"
  cp -r "$HERE/guest/." "$root/"
  chroot "$root" passwd -d root >/dev/null
  chroot "$root" systemctl --quiet disable "${DISABLED[@]}" >/dev/null 2>&1 || true
  chroot "$root" systemctl --quiet mask "${MASKED[@]}"
  chroot "$root" systemctl --quiet enable vm-network.service vm-agent.service apparmor.service
  chroot "$root" systemctl --quiet set-default multi-user.target
  rm -rf "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
  chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' >"$work/out/packages.txt"
}

# The environment of step 2 of "Installing on one node", so far without the project: emulated, this would take a minute for each machine.
install_python_packages() {
  cp -r "$work/wheels" "$root/root/wheels"
  chroot "$root" /usr/bin/python3 -m venv /opt/reconciler
  sed -n 's/^dependencies = \[/[/; t on; b; :on n; /^\]/q; s/^ *"\(.*\)",$/\1/p; b on' pyproject.toml >"$root/root/wheels/wanted"
  # This machine's own settings of pip mean nothing there.
  env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME=/root chroot "$root" /opt/reconciler/bin/pip -q --disable-pip-version-check install \
    --no-index --find-links /root/wheels -r /root/wheels/wanted
  rm -rf "$root/root/wheels"
}

make_initrd() {
  local tree=$work/initrd
  mkdir -p "$tree"/{bin,dev,proc,sys,new,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  install -m 755 "$HERE/boot/init" "$tree/init"
  "$HERE/boot/modules.py" "$root/lib/modules/$version" "$tree/modules" virtio_pci virtio_blk ext4 crc32c_generic libcrc32c \
    virtio_net virtio_console virtio_rng drbd af_packet
  (cd "$tree" && find . | cpio --create --format=newc --quiet) >"$work/out/initrd.img"
}

make_disk() {
  truncate -s 3G "$work/root.raw"
  mke2fs -q -t ext4 -O ^metadata_csum,^64bit -J size=8 -E lazy_itable_init=1,nodiscard -m 0 -L root -d "$root" "$work/root.raw"
  qemu-img convert -O qcow2 "$work/root.raw" "$work/out/root.qcow2"
}

main
