#!/bin/sh
# rue export and rue import rue: a log that the service wrote, of every form and
# with everything that feedback can do, comes out, goes in, and comes out again
# as the same bytes; the copy verifies to the same states. The other formats are
# read back by their import. B is the build directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

rue() { call 0 "$@"; }
ask() { rue decide "$@" --connect "$endpoint"; }
tell() { rue feedback "$@" --connect "$endpoint"; }

cat >"$dir/rued.yaml" <<'YAML'
problems:
  - name: shop
    context: [age, amount]
    actions: [left, middle, right]
    groups: [{name: old, when: "age > 50"}, {name: asked, by: client}]
    reward: {wait: 1h, default: 0.25}
    policy: {oracle: ridge, explorer: squarecb}
  - name: items
    action_features: 2
    reward: {min: -1, max: 3, objective: minimise, aggregate: sum}
    policy: {oracle: linear, explorer: epsilon}
  - name: price
    form: predict
    context: [size]
    reward: {max: 100}
    policy: {oracle: ridge}
  - name: quick
    actions: [stay, go]
    reward: {wait: 10ms, default: 0.5}
    policy: {learner: tsallis-inf}
  - name: commute
    form: path
    actions: [st, sa, at, ab, bt]
    policy: {learner: paths, graph: s>t s>a a>t a>b b>t, source: s, target: t}
  - name: taste
    form: duel
    policy: {oracle: linear, explorer: softmax}
  - name: guarded
    actions: [slow, fast]
    reward: {max: 10, objective: minimise, wait: 0s}
    guard: {action: slow, loss: 0.05}
    policy: {oracle: ridge, explorer: squarecb}
YAML
serve

for i in 1 2 3 4 5 6; do
    ask shop --context "$((i * 15)),0.$i" --event "s$i" --groups asked
done
tell shop s1 1
tell shop s2 0.5 --id first
tell shop s2 0.75 --id second # a correction
tell shop s3 1 --position 2
tell shop s4 0 --shown 2 --propensity 0.5
tell shop early 1 # before its decision
ask shop --context 20,1 --event early --exclude 1 --baseline 0
ask shop --context 20,1 --event later --deferred
tell shop later 0.5
tell shop later --activate
tell shop nobody 1
ask shop --context 1,1 --event "quote\"d, é" --named 'user.name="x"|y' --named n=2.5
for i in 1 2 3; do
    ask items --actions "a,b$i,c" --features "1,0.5;0.$i,2;3,-1e-7" --event "i$i" \
        --named "q.word=w$i"
    tell items "i$i" "0.$i"
    tell items "i$i" 1 --id again
done
for i in 1 2 3 4; do
    ask guarded --event "g$i"
    tell guarded "g$i" "$i.5"
done
ask quick --event q1
ask commute --event c1
tell commute c1 --costs 0.1,0.2,0.3,0.4,0.5 --full
tell commute c2 --costs 0.1,0.2,0.3,0.4,0.5 --full # before its decision
ask price --context 3.5 --event p1
tell price p1 42
ask taste --actions x,y,z --event t1
ask taste --actions x,y,z --event t2 --named a=1
tell taste t2 0.5
# A generation is trained, serves, makes place for what was there before, and
# serves again: what the log says of it needs its model and the other one.
rue retrain shop --wait --connect "$endpoint"
rue promote shop 1 --connect "$endpoint"
ask shop --context 30,0.5 --event new1 --groups asked
tell shop new1 1
rue rollback shop --connect "$endpoint"
ask shop --context 31,0.5 --event new2 --groups asked
rue promote shop 1 --connect "$endpoint"
ask shop --context 32,0.5 --event new3 --groups asked
tell shop new3 0
# The default of quick falls due.
tries=0
until "$B/rue" log "$dir/data" | grep -q ' expiry '; do
    tries=$((tries + 1))
    [ "$tries" -lt 2000 ] || broken "no default fell due"
done
served

# ---- as it is ---------------------------------------------------------------
"$B/rue" export rue "$dir/data" >"$dir/first.jsonl"
rue import rue "$dir/first.jsonl" --store "$dir/copy" --strict
"$B/rue" export rue "$dir/copy" >"$dir/second.jsonl"
cmp "$dir/first.jsonl" "$dir/second.jsonl" || broken "the copy is another log"
[ "$(wc -l <"$dir/first.jsonl")" -gt 40 ] || broken "there is not much in it"
"$B/rue" log "$dir/data" --json >"$dir/log1"
"$B/rue" log "$dir/copy" --json >"$dir/log2"
cmp "$dir/log1" "$dir/log2" || broken "the logs differ"
for store in data copy; do
    call 0 verify "$dir/$store"
    grep '^problem' "$dir/out" | sed 's/, snapshot.*//' >"$dir/$store.states"
done
cmp "$dir/data.states" "$dir/copy.states" || broken "the states differ"
# The service goes on with it, and a repeated question gets the first answer.
serve --data "$dir/copy"
ask shop --context "15,0.1" --event s1 --groups asked --json
grep -q '"repeated": *true' "$dir/out" || broken "s1 is decided twice"
served

# Without its model a promotion is refused, and so is what is damaged or does
# not follow.
[ "$(grep -c '"kind":"model"' "$dir/first.jsonl")" -eq 3 ] ||
    broken "models of 1, 0 and 1 are not there"
grep -v '"kind":"model"' "$dir/first.jsonl" >"$dir/bare.jsonl"
"$B/rue" import rue "$dir/bare.jsonl" --store "$dir/bare" >"$dir/out" \
    2>"$dir/err"
grep -q 'unsupported: .*the model of generation 1 did not come' "$dir/err" ||
    broken "a promotion without its model is taken"
sed '/"kind":"model"/s/"hex":"\(................\)../"hex":"\100/' \
    "$dir/first.jsonl" >"$dir/damaged.jsonl"
"$B/rue" import rue "$dir/damaged.jsonl" --store "$dir/damaged" >"$dir/out" \
    2>"$dir/err"
grep -q 'refused: model: its bytes are damaged' "$dir/err" ||
    broken "a damaged model is taken"
sed '/"kind":"model"/s/"part":0,"of":1/"part":1,"of":2/' \
    "$dir/first.jsonl" >"$dir/damaged.jsonl"
rm -rf "$dir/damaged"
"$B/rue" import rue "$dir/damaged.jsonl" --store "$dir/damaged" >"$dir/out" \
    2>"$dir/err"
grep -q 'refused: model: a part that does not follow' "$dir/err" ||
    broken "the second half of a model is taken"

# ---- every decision is made again, bit for bit, and explained ---------------
explained() { # PROBLEM EVENT CONDITION over `said`
    rue explain "$2" --store "$dir/data" --problem "$1" --json
    /usr/bin/python3 - "$dir/out" "$3" <<'PYTHON' || broken "explain $2: $3"
import json, sys
said = json.load(open(sys.argv[1]))
assert said["identical"], said
assert abs(sum(a["probability"] for a in said["actions"]) - 1) < 1e-9
for a in said["actions"]:
    if "score" in a:
        parts = sum(c["value"] for c in a["contributions"])
        assert abs(a["base"] + parts - a["score"]) < 1e-9, a
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
PYTHON
}
for event in s1 s2 s3 s4 s5 s6 early later; do
    explained shop "$event" '[c["feature"] for c in
        said["actions"][0]["contributions"]] == ["age", "amount"]'
done
explained shop s2 '[o["effect"] for o in said["outcomes"]] == ["learn", "correct"]
    and said["outcomes"][0]["score_before"] != said["outcomes"][0]["score_after"]'
explained items i3 'said["actions"][1]["action"] == "b3" and
    "q.word=w3" in [c["feature"] for c in said["actions"][1]["contributions"]]'
for event in g1 g2 g3 g4; do
    explained guarded "$event" 'said["actions"][0]["action"] == "slow"'
done
explained quick q1 '"score" not in said["actions"][0]'
rue explain s1 --store "$dir/data" --problem shop
grep -q '^again      identical' "$dir/out" || broken "s1 is another decision"
rue explain s1 --store "$dir/data" --problem shop --html "$dir/page.html"
grep -q '</html>' "$dir/page.html" || broken "the page has no end"
! "$B/rue" explain nobody --store "$dir/data" --problem shop 2>/dev/null ||
    broken "an event without a decision is explained"
! "$B/rue" explain s1 --store "$dir/data" 2>/dev/null || broken "of which problem?"
! "$B/rue" explain c1 --store "$dir/data" --problem commute 2>/dev/null ||
    broken "a path is explained"

# ---- what does not follow is refused, by line -------------------------------
{
    echo 'nonsense'
    sed -n '1p' "$dir/first.jsonl"
    grep -m1 '"kind":"feedback"' "$dir/first.jsonl"
    echo '{"kind":"promotion","problem":"shop","time_ns":1,"generation":2}'
} >"$dir/bad.jsonl"
"$B/rue" import rue "$dir/bad.jsonl" --store "$dir/bad" >"$dir/out" 2>"$dir/err"
grep -q 'bad.jsonl:1: refused: byte 0' "$dir/err" || broken "line 1 is taken"
grep -q 'bad.jsonl:3: refused: .*decision is not in this log' "$dir/err" ||
    broken "line 3 is taken"
grep -q 'bad.jsonl:4: ' "$dir/err" || broken "line 4 is taken"

# ---- into other formats and back --------------------------------------------
for problem in shop items; do
    for format in csv vw dsjson; do
        "$B/rue" export "$format" "$dir/data" --problem "$problem" \
            >"$dir/$problem.$format" 2>"$dir/err"
        rm -rf "$dir/again"
        rue import "$format" "$dir/$problem.$format" --store "$dir/again"
        grep -q '^refused      0$' "$dir/out" || {
            cat "$dir/out" "$dir/err"
            broken "$format of $problem is not read back"
        }
        "$B/rue" verify "$dir/again" >/dev/null || broken "$format: not sound"
    done
done
# The propensities and rewards of the decisions are those of the log.
/usr/bin/python3 - "$dir/first.jsonl" "$dir/items.dsjson" "$dir/items.csv" <<'PYTHON' ||
import csv, json, sys
log = [json.loads(line) for line in open(sys.argv[1])]
want = {r["event"]: r["probability"][r["chosen"]] for r in log
        if r["kind"] == "decision" and r["problem"] == "items"}
ds = {r["EventId"]: r for r in map(json.loads, open(sys.argv[2]))}
table = {r["event"]: r for r in csv.DictReader(open(sys.argv[3]))}
assert want and want.keys() == ds.keys() == table.keys()
for event, p in want.items():
    assert ds[event]["_label_probability"] == p == float(table[event]["propensity"])
    assert ds[event]["_label_cost"] == float(table[event]["cost"])
    assert abs(ds[event]["_label_cost"] - 1 - int(event[1:]) / 10) < 1e-12
PYTHON
    broken "what is written is not what was decided"

! "$B/rue" export 2>/dev/null || broken "a wrong call is taken"
! "$B/rue" export vw "$dir/data" 2>/dev/null || broken "several problems in one"
! "$B/rue" export rue "$dir/nothing" 2>/dev/null || broken "a store that is not"
