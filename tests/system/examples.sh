#!/bin/sh
# The programs of examples/ against the configuration of examples/: they are
# started before the service, try until it is there, and both records of their
# event are in its log. B is the build directory.
set -eu
B=${B:-build/release}
python=/usr/bin/python3 # the distribution's: another may lack its modules
dir=$(mktemp -d)
endpoint=ipc://$dir/rue.sock
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    wait
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM
fail() {
    echo "examples.sh: $*"
    cat "$dir"/rued.err "$dir"/*.out
    exit 1
}

"$B/examples/decide" "$endpoint" >"$dir/c.out" 2>&1 &
c=$!
$python "$B/examples/decide.py" "$endpoint" >"$dir/python.out" 2>&1 &
py=$!
"$B/rued" --config examples/demo.yaml --data "$dir/data" \
    --listen "$endpoint" 2>"$dir/rued.err" &
pid=$!
wait "$c" || fail "decide failed"
wait "$py" || fail "decide.py failed"

says='^event \([0-9A-Za-z]*\): take \(left\|right\) '
says="$says(probability [01]\\.[0-9]*, squarecb over ridge)\$"
for example in c python; do
    event=$(sed -n "s/$says/\\1/p" "$dir/$example.out")
    action=$(sed -n "s/$says/\\2/p" "$dir/$example.out")
    [ -n "$event" ] || fail "$example: no line of the decision"
    [ "$(sed 1d "$dir/$example.out")" = "reward 1 reported" ] ||
        fail "$example: no line of the feedback"
    "$B/rue" log "$dir/data" --problem demo --event "$event" >"$dir/log"
    [ "$(wc -l <"$dir/log")" -eq 2 ] || fail "$example: $(cat "$dir/log")"
    grep -q " decision .* action=$action " "$dir/log" ||
        fail "$example: $(cat "$dir/log")"
    grep -q " feedback .* value=1 effect=learn .*id=sale" "$dir/log" ||
        fail "$example: $(cat "$dir/log")"
done
"$B/rue" status demo --connect "$endpoint" --json >"$dir/status"
for counter in decisions feedbacks learned; do
    grep -q "\"$counter\":2\(\.0\)\?[,}]" "$dir/status" ||
        fail "$(cat "$dir/status")"
done

# rue in the program's own process: what it chooses is logged, and it needs
# fewer iterations than omega = 1, as much as is known to be possible.
"$B/examples/heat" 25 500 "$dir/heat" >"$dir/heat.out" 2>&1 ||
    fail "heat: $(cat "$dir/heat.out")"
iterations() { # NAME
    sed -n "s/^$1 *\([0-9]*\) iterations .*/\1/p" "$dir/heat.out"
}
with=$(iterations rue) one=$(iterations 'omega 1')
{ [ -n "$with" ] && [ -n "$one" ] &&
    [ "$((100 * with))" -lt "$((90 * one))" ]; } ||
    fail "heat: $(cat "$dir/heat.out")"
"$B/rue" verify "$dir/heat" >"$dir/verify" || fail "heat: $(cat "$dir/verify")"
"$B/rue" log "$dir/heat" >"$dir/log"
[ "$(grep -c ' decision .* value=' "$dir/log")" -eq 500 ] ||
    fail "heat: $(head -5 "$dir/log")"

# What goes wrong is said on one line, and is the exit status.
kill "$pid"
wait "$pid" || fail "rued ended with $?"
pid=
sed 's/demo/other/' examples/demo.yaml >"$dir/other.yaml"
"$B/rued" --config "$dir/other.yaml" --data "$dir/other" \
    --listen "$endpoint" 2>"$dir/rued.err" &
pid=$!
for program in "$B/examples/decide" "$python $B/examples/decide.py"; do
    status=0
    # shellcheck disable=SC2086
    $program "$endpoint" >"$dir/refused.out" 2>&1 || status=$?
    [ $status -eq 1 ] || fail "$program: exit status $status"
    [ "$(wc -l <"$dir/refused.out")" -eq 1 ] || fail "$program: many lines"
    grep -q '^decide: UNKNOWN_PROBLEM: ' "$dir/refused.out" ||
        fail "$program: another message"
done
