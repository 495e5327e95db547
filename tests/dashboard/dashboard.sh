#!/bin/sh
# The dashboard of a live rued, driven in Debian's chromium while it plays card
# payments with an outage and a generation is trained: charts draw, the alarm
# appears and its command works, the keyboard works, nothing is asked of another
# machine, and a service that is gone is said. drive.mjs is the driver;
# screenshots are left in $OUT.
set -eu
B=${B:-build/release}
OUT=${OUT:-build/dashboard}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$OUT"

# What package-lock.json pins, nothing else, and without its scripts.
cp "$here/package.json" "$here/package-lock.json" "$OUT"
(cd "$OUT" && npm ci --ignore-scripts --no-audit --no-fund --silent)

{
    echo "listen: ipc://$dir/socket"
    echo "data: $dir/data"
    echo "problems:"
    "$B/rue" sim payments --config --problem payments
    echo "    groups:"
    echo "      - {name: debit, when: debit > 0.5}"
    echo "      - {name: risky, when: risk > 0.4}"
    echo "      - {name: token-ready, when: provisioned > 0.5}"
    # With clipped experts there is a certificate.
    "$B/rue" sim groupwise --config --problem claims |
        sed "s/clip_experts: false/clip_experts: true/"
} >"$dir/problems.yaml"

# No problem at all; and thirty with names of 64 bytes, the most that is allowed.
printf 'listen: ipc://%s/nothing\ndata: %s/nothing.data\n' "$dir" "$dir" >"$dir/nothing.yaml"
long=with-a-name-that-is-as-long-as-somebody-may-find-useful-and-then-some-more-of-it
i=1
while [ $i -le 30 ]; do
    printf '%.64s\n' "problem-number-$i-$long"
    i=$((i + 1))
done >"$dir/many.names"
{
    printf 'listen: ipc://%s/many\ndata: %s/many.data\nproblems:\n' "$dir" "$dir"
    while read -r name; do
        echo "  - name: $name"
        echo "    context: [x]"
        printf '    actions: [%.64s, %.64s, c]\n' "first-$long" "second-$long"
        echo "    policy: {oracle: ridge, explorer: squarecb}"
        echo "    groups:"
        printf '      - {name: %.64s, when: x < 0.5}\n' "group-$long"
    done <"$dir/many.names"
} >"$dir/many.yaml"

B=$B DIR=$dir OUT=$OUT node "$here/drive.mjs"
