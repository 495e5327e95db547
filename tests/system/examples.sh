#!/bin/sh
# The programs of examples/ against the configuration of examples/: they are
# started before the service, try until it is there, and both records of their
# event are in its log. B is the build directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh
python=/usr/bin/python3 # the distribution's: another may lack its modules
cp examples/demo.yaml "$dir/rued.yaml"

"$B/examples/decide" "$endpoint" >"$dir/c.out" 2>&1 &
c=$!
$python "$B/examples/decide.py" "$endpoint" >"$dir/python.out" 2>&1 &
py=$!
serve
wait "$c" || broken "decide failed: $(cat "$dir/c.out")"
wait "$py" || broken "decide.py failed: $(cat "$dir/python.out")"

says='^event \([0-9A-Za-z]*\): take \(left\|right\) '
says="$says(probability [01]\\.[0-9]*, squarecb over ridge)\$"
for example in c python; do
    event=$(sed -n "s/$says/\\1/p" "$dir/$example.out")
    action=$(sed -n "s/$says/\\2/p" "$dir/$example.out")
    [ -n "$event" ] || broken "$example: no line of the decision"
    [ "$(sed 1d "$dir/$example.out")" = "reward 1 reported" ] ||
        broken "$example: no line of the feedback"
    "$B/rue" log "$dir/data" --problem demo --event "$event" >"$dir/log"
    [ "$(wc -l <"$dir/log")" -eq 2 ] || broken "$example: $(cat "$dir/log")"
    grep -q " decision .* action=$action " "$dir/log" ||
        broken "$example: $(cat "$dir/log")"
    grep -q " feedback .* value=1 effect=learn .*id=sale" "$dir/log" ||
        broken "$example: $(cat "$dir/log")"
done
"$B/rue" status demo --connect "$endpoint" --json >"$dir/status"
for counter in decisions feedbacks learned; do
    grep -q "\"$counter\":2\(\.0\)\?[,}]" "$dir/status" ||
        broken "$(cat "$dir/status")"
done

# rue in the program's own process: what it chooses is logged, and it needs
# fewer iterations than omega = 1, as much as is known to be possible.
"$B/examples/heat" 25 500 "$dir/heat" >"$dir/heat.out" 2>&1 ||
    broken "heat: $(cat "$dir/heat.out")"
iterations() { # NAME
    sed -n "s/^$1 *\([0-9]*\) iterations .*/\1/p" "$dir/heat.out"
}
with=$(iterations rue) one=$(iterations 'omega 1')
{ [ -n "$with" ] && [ -n "$one" ] &&
    [ "$((100 * with))" -lt "$((90 * one))" ]; } ||
    broken "heat: $(cat "$dir/heat.out")"
"$B/rue" verify "$dir/heat" >"$dir/verify" || broken "heat: $(cat "$dir/verify")"
"$B/rue" log "$dir/heat" >"$dir/log"
[ "$(grep -c ' decision .* value=' "$dir/log")" -eq 500 ] ||
    broken "heat: $(head -5 "$dir/log")"

# What goes wrong is said on one line, and is the exit status.
served
sed 's/demo/other/' examples/demo.yaml >"$dir/other.yaml"
serve --config "$dir/other.yaml" --data "$dir/other"
for program in "$B/examples/decide" "$python $B/examples/decide.py"; do
    status=0
    # shellcheck disable=SC2086
    $program "$endpoint" >"$dir/refused.out" 2>&1 || status=$?
    [ $status -eq 1 ] || broken "$program: exit status $status"
    [ "$(wc -l <"$dir/refused.out")" -eq 1 ] || broken "$program: many lines"
    grep -q '^decide: UNKNOWN_PROBLEM: ' "$dir/refused.out" ||
        broken "$program: another message"
done
