#!/bin/sh
# rue tune on a log where one candidate is better, and on one where none is; the
# configuration that it writes is one that the service serves on the same
# store. B is the build directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh
holds() { # CONDITION over `it`, what was said as JSON
    /usr/bin/python3 - "$dir/out" "$1" <<'PYTHON' || broken "JSON: $1"
import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
PYTHON
}

# Uniform choice of three; middle pays x, right 1 - x, left and `alike` 0.5.
/usr/bin/python3 - "$dir" <<'PYTHON'
import random, sys
for name in "better", "alike":
    random.seed(5)
    with open(f"{sys.argv[1]}/{name}.csv", "w") as out:
        print("event,time,action,propensity,reward,x_age", file=out)
        for i in range(4000):
            x, action = random.random(), random.choice("abc")
            mean = {"a": 0.5, "b": x, "c": 1 - x}[action]
            mean = mean if name == "better" else 0.5
            reward = int(random.random() < mean)
            print(f"e{i},{i},{action},{1 / 3!r},{reward},{x:.4f}", file=out)
PYTHON
cat >"$dir/problem.yaml" <<'CONFIG'
problems:
  - name: 'say "shop"'
    context: age
    actions: [a, b, c]
    reward: {wait: 0}
    groups:
      - {name: young, when: age < 0.5}
      - {name: 'old: \ "odd"', when: age >= 0.9}
    policy: {oracle: ridge, explorer: uniform}
CONFIG
for log in better alike; do
    call 0 import csv "$dir/$log.csv" --store "$dir/$log" \
        --config "$dir/problem.yaml" --problem 'say "shop"'
done
cat >"$dir/grid.yaml" <<'GRID'
grid:
  - name: ridge
    policy:
      oracle: ridge
      explorer: [squarecb, greedy]
      floor: [0, 0.1]
  - name: linear
    policy: {oracle: linear, explorer: uniform}
GRID

# ---- one is better -----------------------------------------------------------
call 0 tune "$dir/better" --grid "$dir/grid.yaml" --out "$dir/tuned.yaml"
said out "candidates 5, of which the past can rank 5"
said out "verdict    proved better than the logged policy"
said out "written    $dir/tuned.yaml"
call 0 tune "$dir/better" --grid "$dir/grid.yaml" --json
holds 'it["proved"] and it["written"] is None and len(it["candidates"]) == 5
    and it["past_rows"] == 2400 and it["future_rows"] == 1600
    and it["split"] == 2 + 2 * 2400
    and {c["name"] for c in it["candidates"]} == {"linear",
         "ridge explorer=squarecb floor=0", "ridge explorer=squarecb floor=0.1",
         "ridge explorer=greedy floor=0", "ridge explorer=greedy floor=0.1"}
    and it["choice"]["name"].startswith("ridge")
    and 0 < it["choice"]["limits"][0] < it["choice"]["gain"] < 0.35'

# What was written is what config check takes and the service serves.
call 0 config check "$dir/tuned.yaml"
said out 'problem say "shop": '
said out "1 context columns, 3 actions, 2 groups"
serve --config "$dir/tuned.yaml" --data "$dir/better"
call 0 decide 'say "shop"' --connect "$endpoint" --context 0.95
said out "over ridge"
served

# ---- none is -----------------------------------------------------------------
call 0 tune "$dir/alike" --grid "$dir/grid.yaml" --out "$dir/none.yaml"
said out "not proved better than the logged policy"
said out "written    nothing"
[ ! -e "$dir/none.yaml" ] || broken "wrote what is not proved"
call 0 tune "$dir/alike" --grid "$dir/grid.yaml" --out "$dir/none.yaml" --anyway
call 0 config check "$dir/none.yaml"
call 0 tune "$dir/alike" --grid "$dir/grid.yaml" --ess 5000 --out "$dir/no.yaml" \
    --anyway
said out "no candidate can be judged on the past"
said out "REFUSED: the design effective sample size is"
[ ! -e "$dir/no.yaml" ] || broken "wrote what was not chosen"

# ---- oracles that are trained in batches -------------------------------------
# Right pays in two opposite quadrants of x and y, left in the others: no line
# tells, trees do, once they were trained.
/usr/bin/python3 - >"$dir/quadrants.csv" <<'PYTHON'
import random
random.seed(6)
print("event,time,action,propensity,reward,x_x,x_y")
for i in range(3000):
    x, y, action = random.random(), random.random(), random.choice(("left", "right"))
    pays = (action == "right") == ((x < 0.5) != (y < 0.5))
    print(f"e{i},{i},{action},0.5,{int(random.random() < (0.9 if pays else 0.1))},{x:.4f},{y:.4f}")
PYTHON
call 0 import csv "$dir/quadrants.csv" --store "$dir/quadrants"
cat >"$dir/batch.yaml" <<'GRID'
grid:
  - name: line
    policy: {oracle: ridge, products: none, explorer: greedy}
  - name: batch
    policy: {oracle: [trees, pairwise], explorer: greedy}
GRID
call 0 tune "$dir/quadrants" --grid "$dir/batch.yaml" --json
cp "$dir/out" "$dir/first"
# On the past it was untrained for a sixth; the future earns 0.9 - 0.5.
holds 'it["proved"] and it["choice"]["name"] == "batch oracle=trees"
    and abs(it["choice"]["gain"] - 0.4) < 0.05
    and abs(it["choice"]["value"] - 0.9) < 0.05
    and all(c["name"].endswith("trees") or c["gain"] < 0.1
            for c in it["candidates"])'
call 0 tune "$dir/quadrants" --grid "$dir/batch.yaml" --json
cmp "$dir/first" "$dir/out" || broken "the same log gives another choice"
# The service can go on with what was chosen, and evaluate trains as well.
call 0 tune "$dir/quadrants" --grid "$dir/batch.yaml" --generations 3 \
    --out "$dir/trees.yaml"
call 0 config check "$dir/trees.yaml"
said out "greedy over trees"
cat >"$dir/often.yaml" <<'YAML'
policies:
  - name: often
    policy: {oracle: trees, explorer: greedy}
    learn: 5m
YAML
call 0 evaluate "$dir/quadrants" --policies "$dir/often.yaml" --json
holds '[p["verdict"]["ranked"] and p["gain_interval"][0] > 0.2
    for p in it["policies"] if p["name"] == "often"] == [True]'

call 1 evaluate "$dir/quadrants" --policies "$dir/often.yaml" \
    --metric progressive-ips
said err "oracle trees learns no row by itself"

# ---- mistakes ----------------------------------------------------------------
call 2 tune "$dir/alike"
said err "--grid is missing"
call 2 tune "$dir/alike" --grid x --past 1
call 1 tune "$dir/alike" --grid "$dir/nowhere"
call 1 tune "$dir/alike" --grid "$dir/grid.yaml" --out "$dir/no/where" --anyway
printf 'grid:\n  - name: a\n    policy: {oracle: ridge, explorer: [greedy, odd]}\n' \
    >"$dir/bad.yaml"
call 1 tune "$dir/alike" --grid "$dir/bad.yaml"
said err "bad.yaml:2: candidate 'a explorer=odd': "
printf 'grid:\n  - name: a\n    learn: 1d\n' >"$dir/bad.yaml"
call 1 tune "$dir/alike" --grid "$dir/bad.yaml"
said err "bad.yaml:3: grid.learn: an entry has"
printf 'grid:\n  - policy: {oracle: trees}\n' >"$dir/bad.yaml"
call 1 tune "$dir/alike" --grid "$dir/bad.yaml"
said err "each entry begins with its name"
call 2 tune "$dir/alike" --grid "$dir/grid.yaml" --generations 0
printf 'policies:\n  - name: a\n    policy: {oracle: trees, explorer: greedy}\n' \
    >"$dir/bad.yaml"
call 1 evaluate "$dir/alike" --policies "$dir/bad.yaml"
said err "bad.yaml:2: policy 'a': oracle trees is trained in batches: say when"
printf 'grid: []\n' >"$dir/bad.yaml"
call 1 tune "$dir/alike" --grid "$dir/bad.yaml"
said err "there is no \`grid\`"
/usr/bin/python3 -c 'print("grid:\n  - name: a\n    policy: {oracle: ridge, explorer: squarecb, gamma_scale: %s}"
    % list(range(1, 200)))' >"$dir/bad.yaml"
call 1 tune "$dir/alike" --grid "$dir/bad.yaml"
said err "more than 128 candidates"
