#!/bin/sh
# rue sim sor against a live service: its problems from --config, one policy
# that learns and a baseline, and what it says in JSON. B is the build
# directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

play() { # [ARGUMENT]...
    "$B/rue" sim sor --seeds 2 --rounds 120 --policy shared --policy omega-1 \
        --policy tsallis-inf --json "$@"
}

{
    echo "problems:"
    "$B/rue" sim sor --seeds 2 --rounds 120 --policy shared \
        --policy tsallis-inf --config
} >"$dir/rued.yaml"
serve

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
served
"$B/rue" verify "$dir/data" >/dev/null
