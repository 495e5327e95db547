#!/bin/sh
# rue import: what is taken, what is refused and how it is told; that the store
# is one as others are. B is the build directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

# take STATUS ARGUMENT...: rue import, with $dir/in as standard input.
take() {
    wanted=$1
    shift
    got=0
    "$B/rue" import "$@" <"$dir/in" >"$dir/out" 2>"$dir/err" || got=$?
    [ "$got" -eq "$wanted" ] || broken "$*: exit status $got, not $wanted"
}
sound() { # STORE
    call 0 verify "$1"
}
# python CONDITION over `rows`, the records of a store.
records() { # STORE CONDITION
    "$B/rue" log "$1" --json >"$dir/log"
    /usr/bin/python3 - "$dir/log" "$2" <<'PYTHON' || broken "records: $2"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
PYTHON
}
: >"$dir/in"

# ---- text, from standard input ----------------------------------------------
printf 'shared |u a:2\n0:1:0.25 |i x\n|i y\n\n|i x\n\n0:1:0:5:0 |i x\n\n1:0:0.5 |i x\n|i y' \
    >"$dir/in"
take 0 vw - --store "$dir/vw" --rejects "$dir/rejects" --json
said out '"decisions":2'
said out '"unlabelled":1'
said out '"refused":1'
said err '-:5: unlabelled: '
said err '-:7: refused: a label is action:cost:probability'
[ "$(wc -l <"$dir/rejects")" -eq 2 ] || broken "two lines were not taken"
sound "$dir/vw"
records "$dir/vw" 'rows[1]["propensity"] == 0.25 and rows[1]["chosen_only"]
    and rows[2]["value"] == 1 and len(rows) == 5'

# ---- strict: the first one ends it, and there is no store -------------------
take 1 vw - --store "$dir/strict" --strict
said err 'rue import: INVALID: -:7: '
[ ! -e "$dir/strict" ] || broken "--strict left a store"

# ---- JSON, into a problem that a file declares, twice -----------------------
cat >"$dir/rued.yaml" <<'YAML'
problems:
  - name: shop
    reward: {min: -1, max: 0, objective: minimise}
    policy: {oracle: linear, explorer: squarecb}
YAML
cat >"$dir/events.json" <<'JSON'
{"_label_cost":-1,"_label_probability":0.75,"_label_Action":2,"_labelIndex":1,"EventId":"e1","Timestamp":"2024-01-31T12:00:00Z","a":[2,1],"c":{"u":{"age":3},"_multi":[{"x":1},{"y":1}]},"p":[0.75,0.25],"pdrop":0.5}
{"_label_cost":-2,"_label_probability":0.75,"_labelIndex":1,"EventId":"e2","a":[2,1],"c":{"_multi":[{"x":1},{"y":1}]},"p":[0.75,0.25]}
{"_outcomes":[],"c":{"_slots":[{}]},"a":[1]}
JSON
take 0 dsjson "$dir/events.json" --store "$dir/shop" --config "$dir/rued.yaml" --problem shop
said err 'events.json:2: refused: the value -2 is outside'
said err 'events.json:3: unsupported: '
take 0 dsjson "$dir/events.json" --store "$dir/shop" --config "$dir/rued.yaml" --problem shop
said out 'renamed      1'
sound "$dir/shop"
records "$dir/shop" '[r["event"] for r in rows if r["kind"] == "decision"] ==
    ["e1", "e1~4"] and rows[1]["probability"] == [0.25, 0.75]
    and rows[1]["pdrop"] == 0.5 and len(rows) == 5'
"$B/rue" log "$dir/shop" --event e1 >"$dir/out"
said out '2024-01-31T12:00:00.000000Z decision problem=shop event=e1'

# ---- tables -----------------------------------------------------------------
printf 'arm,p,r,age\nleft,0.5,1,30\nright,0.5,0,40\n' >"$dir/table.csv"
take 0 csv "$dir/table.csv" --store "$dir/csv" --map action=arm \
    --map propensity=p,reward=r,number=age --reward 0,10
sound "$dir/csv"
records "$dir/csv" '"reward.max: 10\n" in rows[0]["settings"]
    and rows[3]["question"]["shared"] == [[40.0]] and rows[3]["chosen"] == 1'

# ---- the progressive loss of a policy ---------------------------------------
# Of the uniform policy it is the mean of c/(K p), whatever it learns.
cat >"$dir/in" <<'VW'
0:2:0.25 |i a
|i b

|i a
|i b
1:4:0.5 |i c
|i d

0:1:0.75 |i a
|i b
VW
take 0 vw - --store "$dir/loss" --metric progressive-ips \
    --policy oracle=linear,explorer=uniform --json
said out '"loss":2.22222222222222' # (2/(2*.25) + 4/(4*.5) + 1/(2*.75))/3
said out '"mean_ratio":1.0555555555555'
take 0 vw - --store "$dir/loss2" --metric progressive-ips
said out 'progressive_ips '
cp "$dir/out" "$dir/first"
take 0 vw - --store "$dir/loss3" --metric progressive-ips
cmp "$dir/first" "$dir/out" || broken "the loss is another one"

# ---- evaluation of what has names of features alone -------------------------
# A good action is taken up with 0.8, a bad one with 0.2: the best of three earns
# 19/27 * 0.8 + 7/27 * 0.5 + 1/27 * 0.2 = 0.700, the uniform policy 0.5.
/usr/bin/python3 - >"$dir/in" <<'PYTHON'
import random
random.seed(4)
for _ in range(2000):
    kinds, taken = random.choices("gmb", k=3), random.randrange(3)
    cost = -(random.random() < {"g": 0.8, "m": 0.5, "b": 0.2}[kinds[taken]])
    print("shared |u day=%d" % random.randrange(7))
    for place, kind in enumerate(kinds):
        label = "0:%d:%r " % (cost, 1 / 3) if place == taken else ""
        print("%s|i kind=%s" % (label, kind))
    print()
PYTHON
take 0 vw - --store "$dir/kinds"
cat >"$dir/policies.yaml" <<'YAML'
policies:
  - name: best
    policy: {oracle: linear, explorer: greedy}
YAML
"$B/rue" evaluate "$dir/kinds" --policies "$dir/policies.yaml" --json >"$dir/out" 2>"$dir/err" ||
    broken "it cannot be evaluated"
/usr/bin/python3 - "$dir/out" <<'PYTHON' || broken "the evaluation"
import json, sys
it = {p["name"]: p for p in json.load(open(sys.argv[1]))["policies"]}
best, uniform = it["best"], it["uniform"]
# Standard errors are about 0.018 and 0.011; dm tells that the model knows kinds.
sys.exit(not (best["verdict"]["ranked"] and abs(best["value"] + 0.7) < 0.06 and
    abs(best["estimates"]["dm"]["value"] + 0.7) < 0.06 and
    abs(uniform["value"] + 0.5) < 0.04 and best["gain_interval"][1] < 0))
PYTHON
"$B/rue" evaluate "$dir/loss" --metric progressive-ips --json >"$dir/out" 2>"$dir/err" ||
    broken "the metric of a store"
said out '"rows":3'

# ---- what was made elsewhere is not made again -------------------------------
"$B/rue" replay "$dir/kinds" --json >"$dir/out" 2>"$dir/err" ||
    broken "a replay of an import"
said out '"imported":2000'
said out '"decisions":0'
said out '"identical":true'
"$B/rue" replay "$dir/shop" >"$dir/out" 2>"$dir/err" ||
    broken "a replay of an import with all probabilities"
said out '2 imported decisions were made elsewhere'
"$B/rue" explain i0000000100 --store "$dir/kinds" --problem imported \
    >"$dir/out" 2>"$dir/err" || broken "an explanation"
said out 'again      what the policy would have done'
"$B/rue" log "$dir/kinds" --event i0000000100 >"$dir/out"
said out ' imported chosen_only '

# ---- wrong calls ------------------------------------------------------------
take 2
take 2 vw
take 2 vw -
take 2 nonsense - --store "$dir/x"
take 2 csv - --store "$dir/x" --reward 1
take 2 csv - --store "$dir/x" --metric nonsense
take 1 vw "$dir/missing" --store "$dir/x"
take 1 csv "$dir/table.csv" --store "$dir/x"
said err 'table.csv:1: refused: the header has no column of the action'
take 1 dsjson "$dir/events.json" --store "$dir/x" --config "$dir/rued.yaml"
said err "has no problem 'imported'"
[ ! -e "$dir/x" ] || broken "what failed left a store"
