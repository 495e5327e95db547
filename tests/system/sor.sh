#!/bin/sh
# rue sim sor against a live service: its problems from --config, one policy
# that learns and a baseline, and what it says in JSON. B is the build
# directory.
set -eu
B=${B:-build/release}
dir=$(mktemp -d)
endpoint=ipc://$dir/rue.sock
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT

play() { # [ARGUMENT]...
    "$B/rue" sim sor --seeds 2 --rounds 120 --policy shared --policy omega-1 \
        --policy tsallis-inf --json "$@"
}

{
    echo "listen: $endpoint"
    echo "problems:"
    "$B/rue" sim sor --seeds 2 --rounds 120 --policy shared \
        --policy tsallis-inf --config
} >"$dir/rued.yaml"
"$B/rued" --config "$dir/rued.yaml" --data "$dir/data" 2>"$dir/err" &
pid=$!
tries=0
until "$B/rue" status --connect "$endpoint" --timeout 500 >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 40 ] || ! kill -0 "$pid" 2>/dev/null; then
        cat "$dir/err" >&2
        exit 1
    fi
done

play --connect "$endpoint" >"$dir/live"
play >"$dir/here"
/usr/bin/python3 - "$dir/live" "$dir/here" <<'PYTHON'
import json, sys

live, here = (json.load(open(path)) for path in sys.argv[1:])
assert live["experiment"] == here["experiment"] == "low"
assert live["seeds"] == 2 and live["rounds"] == 120
assert set(live["policies"]) == {"shared", "omega-1", "tsallis-inf"}
for name, row in live["policies"].items():
    assert row["per_solve"] > 1 and row["last_quarter"] > 1 and row["sd"] >= 0
# The same systems; the draws are keyed by event ids, which differ.
assert live["policies"]["omega-1"] == here["policies"]["omega-1"]
for run in (live, here):
    assert run["policies"]["shared"]["per_solve"] < \
        0.5 * run["policies"]["omega-1"]["per_solve"]
PYTHON

# It was the service that learned: one lesson a solve, and its store is sound.
"$B/rue" status sor-shared-2 --connect "$endpoint" --json |
    grep -q '"learned":120[,.}]'
kill "$pid"
wait "$pid"
pid=
"$B/rue" verify "$dir/data" >/dev/null
