#!/bin/sh
# What a newcomer does on a new machine: in a minimal Debian 12 with git and
# make, clones HEAD and runs `make demo` and `make test` as root. Prints how
# long each took. The base system is kept in $BUILD/docker/base.
set -eu
BUILD=${BUILD:-build}
if [ "$(id -u)" -ne 0 ]; then
    echo "chroot.sh: needs root, for a chroot and mounts" >&2
    exit 1
fi
# Mounts of our own, so that none outlives us.
[ -n "${RUE_UNSHARED:-}" ] || RUE_UNSHARED=1 exec unshare --mount sh "$0"
unset MAKEFLAGS MAKELEVEL MFLAGS

mkdir -p "$BUILD/docker" "$BUILD/fresh"
base=$(cd "$BUILD/docker" && pwd)/base
work=$(cd "$BUILD/fresh" && pwd)
root=$work/root

clean() {
    status=$?
    for point in dev/shm dev/pts tmp proc; do
        umount "$root/$point" 2>/dev/null || true
    done
    rm -rf --one-file-system "$work"
    exit $status
}
trap clean EXIT
trap 'exit 1' INT TERM

inside() { # COMMAND: in the chroot, with nothing of this machine's settings
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        DEBIAN_FRONTEND=noninteractive chroot "$root" /bin/sh -euc "$1"
}

timed() { # NAME COMMAND
    start=$(date +%s)
    echo "== $1"
    inside "$2"
    times="$times$(printf '%-24s %5d s' "$1" "$(($(date +%s) - start))")
"
}
times=

echo "== a minimal Debian 12"
sh tests/debian.sh "$base"
cp -a "$base" "$root"
cp /etc/resolv.conf /etc/hosts "$root/etc"
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

# The commit and nothing else: a bundle, since the chroot sees no other files.
git bundle create --quiet "$root/root/rue.bundle" HEAD

timed "git and make" 'apt-get update -qq
apt-get install -y -qq --no-install-recommends git make >/dev/null 2>&1'
timed "git clone" 'cd /root; git clone --quiet rue.bundle rue
cd rue; git log -1 --format="   %h %s"'
timed "make demo" 'cd /root/rue; make demo'
timed "make test" 'cd /root/rue; make test'
# shellcheck disable=SC2016
inside 'cd /root/rue; test -z "$(git status --porcelain)"' || {
    echo "chroot.sh: the clone is not clean after make test" >&2
    exit 1
}
echo "== how long each took"
printf '%s' "$times"
