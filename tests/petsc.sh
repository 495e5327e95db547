#!/bin/sh
# Runs examples/petsc/heat: prints its comparison, and checks that rue, learning
# included, needed fewer iterations than omega = 1 and not much more than the
# best fixed omega, which nobody knows beforehand; and that its log is sound. B
# is the build directory.
set -eu
B=${B:-build/release}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# One process; Open MPI asks for this where the user is root, as in containers.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fail() {
    echo "petsc.sh: $*"
    exit 1
}

"$B/examples/petsc/heat" -nx "${NX:-64}" -steps "${STEPS:-500}" \
    -store "$dir/store" >"$dir/out" 2>"$dir/err" ||
    fail "$(cat "$dir/out" "$dir/err")"
cat "$dir/out"
iterations() { # NAME
    sed -n "s/^$1.* \\([0-9]*\\) iterations .*/\\1/p" "$dir/out"
}
with=$(iterations rue) one=$(iterations 'omega 1') best=$(iterations 'best')
{ [ -n "$with" ] && [ -n "$one" ] && [ -n "$best" ]; } || fail "no numbers"
[ "$((100 * with))" -lt "$((80 * one))" ] || fail "no gain over omega = 1"
[ "$((100 * with))" -lt "$((110 * best))" ] || fail "far from the best"
"$B/rue" verify "$dir/store" >"$dir/verify" || fail "$(cat "$dir/verify")"
