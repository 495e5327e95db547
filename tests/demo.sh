#!/bin/sh
# The main job, end to end: starts rued on a new store, plays three worlds
# through its socket, kills it with -9 in the middle of one and starts it
# again, then checks the store. B is the build directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

# Of solvers: the policy that learns, and baselines beside it.
learner="--seeds 1 --policy shared"
beside="--policy omega-1 --policy best-fixed --policy grid-oracle"
grid=tests/data/matrices/gr_30_30.mtx
beam=tests/data/matrices/bcsstk01.mtx

sim() { # NAME WORLD [ARGUMENT]...
    name=$1
    shift
    "$B/rue" sim "$@" --problem "$name" --connect "$endpoint" --seed 1
}

# shellcheck disable=SC2086 # the options are words
{
    echo "problems:"
    "$B/rue" sim groupwise --config --problem patients
    "$B/rue" sim sor --config $learner --problem model
    "$B/rue" sim sor --config $learner --problem grid --matrix "$grid"
    "$B/rue" sim sor --config $learner --problem beam --matrix "$beam"
    "$B/rue" sim payments --config --problem payments
} >"$dir/rued.yaml"

echo "== rued on a new store ($dir/data)"
serve
echo "== patients: small loss for every group (seed 473 of the paper)"
"$B/rue" sim groupwise --problem patients --connect "$endpoint" --seed 473 \
    >"$dir/patients"
cat "$dir/patients"
echo "== solvers: SOR's relaxation parameter, solve by solve"
# shellcheck disable=SC2086 # the options are words
{
    sim model sor $learner $beside --rounds 1500 >"$dir/model"
    sim grid sor $learner $beside --matrix "$grid" >"$dir/grid"
    sim beam sor $learner $beside --matrix "$beam" >"$dir/beam"
}
cat "$dir/model" "$dir/grid" "$dir/beam"

echo "== payments, and rued is killed with -9 in the middle"
sim payments payments --rounds 20000 >"$dir/payments" &
player=$!
while :; do
    decisions=$("$B/rue" status payments --connect "$endpoint" --json |
        sed 's/.*"decisions":\([0-9]*\).*/\1/')
    [ "$decisions" -lt 8000 ] || break
done
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
echo "   killed after $decisions decisions"
serve
echo "   started again: $(grep -o 'id=recovery.done.*' "$dir/rued.log" | tail -1)"
wait "$player"
cat "$dir/payments"
kill "$pid"
wait "$pid" || true
pid=

echo "== what the store says"
"$B/rue" verify "$dir/data"
"$B/rue" verify "$dir/data" --json >"$dir/verify.json"
echo "== every decision made again, bit for bit"
"$B/rue" replay "$dir/data"

row() { # FILE PATTERN: the mean in that row
    sed -n "s/^  $2 *\([0-9.]*\) .*/\1/p" "$1" | head -1
}
echo
echo "== in short (means; seeds: patients 473, others 1)"
printf '%-28s %10s %10s %10s\n' '' learned baseline 'best'
printf '%-28s %10s %10s %10s\n' 'patients: squared loss' \
    "$(row "$dir/patients" learned)" \
    "$(row "$dir/patients" 'one ridge for all')" \
    "$(row "$dir/patients" 'best linear model in hindsight')"
for problem in model grid beam; do
    printf '%-28s %10s %10s %10s\n' "sor, $problem: iterations" \
        "$(row "$dir/$problem" shared)" "$(row "$dir/$problem" omega-1)" \
        "$(row "$dir/$problem" grid-oracle)"
done
printf '%-28s %10s %10s %10s\n' 'payments: share approved' \
    "$(row "$dir/payments" learned)" \
    "$(row "$dir/payments" 'uniform over possible routes')" \
    "$(row "$dir/payments" 'best possible (clairvoyant)')"
findings=$(sed 's/.*"finding_count":\([0-9]*\).*/\1/' "$dir/verify.json")
echo "the crash cost: $findings records, decisions or feedbacks;" \
    "$(sed -n 's/.* \([0-9]*\) requests sent again.*/\1/p' "$dir/payments")" \
    "requests were sent again under their ids"
