#!/bin/sh
# Builds the image of Dockerfile without a daemon and lives with it for a
# moment: it answers, decides, takes feedback, is healthy, is not root, and
# ends with 0 at SIGTERM. The base system is kept in $BUILD/docker/base; all
# else of $BUILD/docker goes.
#
# The container has no process and user namespace of its own (chroot
# isolation), so what is left for a real engine is: rued as process 1, limits,
# and port mapping.
set -eu
BUILD=${BUILD:-build}
if [ "$(id -u)" -ne 0 ]; then
    echo "docker.sh: needs root, for a chroot and mounts" >&2
    exit 1
fi
# Mounts of our own, so that none outlives us.
[ -n "${RUE_UNSHARED:-}" ] || RUE_UNSHARED=1 exec unshare --mount sh "$0"

mkdir -p "$BUILD/docker"
work=$(cd "$BUILD/docker" && pwd)
driver=overlay
service=
buildah() {
    command buildah --root "$work/store" --runroot "$work/run" \
        --storage-driver "$driver" "$@"
}

clean() {
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    wait
    umount "$work/net" 2>/dev/null || true
    buildah rm --all >/dev/null 2>&1 || true
    umount "$work/store/overlay" 2>/dev/null || true
    rm -rf "$work/store" "$work/run" "$work/net" "$work"/rued.*
}
fail() {
    echo "docker.sh: $*" >&2
    cat "$work"/rued.err >&2 2>/dev/null || true
    exit 1
}
trap clean EXIT
trap 'exit 1' INT TERM

buildah info >/dev/null 2>&1 || driver=vfs

echo "== base: a minimal Debian 12"
sh tests/debian.sh "$work/base"
container=$(buildah from scratch)
cp -a "$work/base/." "$(buildah mount "$container")/"
buildah umount "$container" >/dev/null
buildah commit --quiet --rm "$container" localhost/debian:bookworm-slim \
    >/dev/null

echo "== image"
start=$(date +%s)
buildah bud --quiet --isolation chroot --pull-never --format docker \
    --tag localhost/rue:test . >"$work/rued.build" 2>&1 || {
    cat "$work/rued.build" >&2
    exit 1
}
size=$(buildah images --format '{{.Size}}' localhost/rue:test)
echo "   built in $(($(date +%s) - start)) s, $size"

# What the image says of itself, since chroot isolation heeds none of it but
# the user. Health: CMD and the words of the command.
config() {
    buildah inspect --type image --format "$1" localhost/rue:test
}
entry=$(config '{{range .Docker.Config.Entrypoint}}{{.}} {{end}}')
entry="$entry$(config '{{range .Docker.Config.Cmd}}{{.}} {{end}}')"
health=$(config '{{range .Docker.Config.Healthcheck.Test}}{{.}} {{end}}')
health=${health#CMD }
echo "   runs: $entry"
echo "   asks: $health"
container=$(buildah from --pull-never localhost/rue:test)


# A network of the container's own, where no other service has its port.
touch "$work/net"
unshare --net="$work/net" ip link set lo up
inside() { # PROGRAM [ARGUMENT]...
    nsenter --net="$work/net" buildah --root "$work/store" \
        --runroot "$work/run" --storage-driver "$driver" \
        run --isolation chroot "$container" -- "$@"
}

echo "== container"
# shellcheck disable=SC2086,SC2016
inside sh -c 'echo $$; exec "$@"' rue $entry >"$work/rued.pid" \
    2>"$work/rued.err" &
runner=$!
tries=0
# shellcheck disable=SC2086
until inside $health >/dev/null 2>&1; do
    tries=$((tries + 1))
    kill -0 "$runner" 2>/dev/null || fail "the container ended"
    [ $tries -lt 20 ] || fail "the container does not answer"
done
service=$(cat "$work/rued.pid")

user=$(awk '/^Uid:/ { print $3 }' "/proc/$service/status")
[ "$user" -gt 0 ] || fail "rued runs as root"
echo "   healthy, as user $user"

event=first
inside rue decide demo --context 0.3,0.7 --event $event | sed 's/^/   /'
inside rue feedback demo $event 1 | sed 's/^/   /'
records=$(inside rue log /var/lib/rue --event $event | wc -l)
[ "$records" -eq 2 ] || fail "$records records of the event, not 2"

kill -TERM "$service"
service=
status=0
wait "$runner" || status=$?
[ "$status" -eq 0 ] || fail "exit status $status after SIGTERM"
echo "   ended with 0 at SIGTERM"
# shellcheck disable=SC2086
! inside $health >/dev/null 2>&1 || fail "healthy, though it has ended"
inside rue verify /var/lib/rue | sed 's/^/   /'
