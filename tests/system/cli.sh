#!/bin/sh
# Every command of `rue`: help, wrong calls, failures, JSON, silence in a pipe;
# and decide, feedback, status, log, verify on a live store. B is the build
# directory.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

# silent FILE
silent() {
    [ ! -s "$dir/$1" ] || broken "$1 is not empty"
}
# One line on stderr that begins with the command, and nothing on stdout.
one_line() {
    silent out
    [ "$(wc -l <"$dir/err")" -eq 1 ] || broken "not one line on stderr"
    grep -q "^rue" "$dir/err" || broken "the line does not name rue"
}
# well_formed FILE: a page whose elements close in order, and that fetches and
# runs nothing.
well_formed() {
    /usr/bin/python3 - "$1" <<'PYTHON' || broken "$1 is not well formed"
import html.parser, sys
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], 0
    def handle_starttag(self, tag, attributes):
        self.seen += 1
        assert tag != "script" and not {"src", "href"} & dict(attributes).keys()
        if tag != "meta":
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.seen += 1
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
text = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(text)
assert page.open == [] and page.seen > 20 and "http" not in text
assert "nan" not in text.replace("nanos", "") and ">inf" not in text
PYTHON
}
# usage ARGUMENT...: a wrong call. failure ARGUMENT...: one that fails.
usage() {
    call 2 "$@"
    one_line
}
failure() {
    call 1 "$@"
    one_line
}
# Each line of stdout is JSON, and a condition on the lines holds.
json() { # CONDITION over `lines`, the list of what they say
    /usr/bin/python3 - "$dir/out" "$1" <<'PYTHON' || broken "JSON: $1"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
sys.exit(0 if lines and eval("(" + sys.argv[2] + ")") else 1)
PYTHON
    silent err
}

# ---- help and wrong calls ---------------------------------------------------
call 0 --help
said out "usage: rue COMMAND"
silent err
call 0 --version
usage
usage nonsense
for command in decide feedback status watch top sim explain export import log \
    replay importance evaluate tune verify config; do
    call 0 --help
    said out "  $command "
    call 0 "$command" --help
    silent err
    said out "usage: rue $command"
    said out "Example"
    grep -q '^[A-Z].*[a-z]' "$dir/out" || broken "$command --help: no sentence"
    usage "$command" --bogus
    said err "rue $command: "
    said err "bogus"
done
usage decide
usage decide one two
usage decide one --context 1,x
usage decide one --features '1;2,3'
usage decide one --exclude -1
usage decide one --named nothing
usage decide one --baseline 99999999999
usage decide one --timeout 0
usage decide one --timeout soon
usage feedback one
usage feedback one event
usage feedback one event much
usage feedback one event --field fee
usage feedback one event --field fee=much
usage feedback one event 1 --cause nobody
usage feedback one event --costs 1 --field fee=1
usage watch weather
usage top now
usage top --every 0
failure top
usage watch --count x
usage status one two
usage status --timeout 999999999999
usage sim
usage sim nowhere
usage sim payments --seed x
usage sim sor --seed x
usage sim sor extra
usage sim sor --experiment middle
usage sim sor --policy nobody
usage sim sor --heat 2
usage sim sor --solver ssor-cg
usage sim sor --heat 25 --policy young
usage sim solve extra
usage sim solve --solver jacobi
usage sim solve --omega 2
usage sim solve --solver cg --omega 1.5
usage sim solve --laplacian 0
usage sim solve --b cos
usage sim solve --tolerance 0
usage log
usage log a b
usage log a --from x
usage replay
usage replay a b
usage evaluate
usage evaluate a b
usage evaluate a --alpha 2
usage evaluate a --folds 1
usage evaluate a --times 1000
usage evaluate a --from x
usage evaluate a --metric x
usage importance
usage importance a b
usage importance a --sample 0
usage importance a --top x
usage tune
usage tune a
usage tune a --grid b --past 0
usage verify
usage verify a b
usage config
usage config check
usage config check a b
usage config nonsense

# ---- failures -----------------------------------------------------------------
failure status --connect nonsense
failure status --connect "$endpoint" --timeout 50
said err "AWAY"
failure decide one --connect "$endpoint" --timeout 50
failure feedback one event 1 --connect "$endpoint" --timeout 50
failure sim sor --rounds 9 --connect "$endpoint" --timeout 50 --policy shared
failure sim payments --connect "$endpoint" --timeout 50
failure sim sor --matrix "$dir/nowhere"
failure sim solve --matrix "$dir/nowhere"
failure sim solve --shift -4
said err "positive diagonal"
failure log "$dir/nowhere"
said err "NOT_FOUND"
failure replay "$dir/nowhere"
failure evaluate "$dir/nowhere"
failure verify "$dir/nowhere"
failure config check "$dir/nowhere"
said err "No such file"
failure config show "$dir/nowhere"

# ---- config -------------------------------------------------------------------
cat >"$dir/rued.yaml" <<YAML
listen: $endpoint
data: $dir/data
problems:
  - name: one
    context: [x, y]
    actions: [left, middle, right]
    groups:
      - {name: vip, by: client}
      - {name: low, when: x < 0.5}
    policy: {oracle: groupwise, explorer: squarecb}
  - name: money
    actions: [left, right]
    reward:
      min: -50
      max: 50
      expression: >-
        authorised * (amount * 0.02 - default(fee, 0.5))
        - chargeback * 20
  - name: number
    form: predict
    context: [x]
    policy: {oracle: ridge}
YAML
call 0 config check "$dir/rued.yaml"
said out "problem one: squarecb over groupwise"
said out "$dir/rued.yaml: good"
call 0 config check "$dir/rued.yaml" --json
json 'lines[0]["ok"] and [p["name"] for p in lines[0]["problems"]] == ["one", "money", "number"]'
# wrong LINE TEXT CONFIG
wrong() {
    printf '%s\n' "$3" >"$dir/wrong.yaml"
    failure config check "$dir/wrong.yaml"
    said err "$dir/wrong.yaml:$1: "
    said err "$2"
    failure config show "$dir/wrong.yaml"
}
wrong 2 "colour: no such setting" 'data: x
colour: red'
wrong 3 "storage.quota" 'data: x
storage:
  quota: much'
wrong 2 "listen" 'data: x
listen: udp://nobody'
wrong 4 "problem 'p'" 'problems:
  - name: p
    actions: [a]
    policy: {oracle: nobody}'
wrong 5 "reward.expression: line 1, column 13: a number" 'problems:
  - name: p
    actions: [a, b]
    reward:
      expression: authorised *
    policy: {learner: tsallis-inf}'
wrong 2 "set twice" 'data: x
data: y'

# Every setting with a value and a sentence, and the same as JSON.
call 0 config show
for setting in data engine_threads batch_items diag_level storage.map_size \
    storage.quota storage.reserve storage.keep snapshot.every \
    snapshot.records form action_features durability reward.min reward.wait \
    reward.default reward.aggregate orphan_wait; do
    grep -qE "^  $setting +[^ ]+ +[a-z]" "$dir/out" ||
        broken "config show: $setting has no value and sentence"
done
grep -qE "^  listen +tcp://127.0.0.1:5750 +[a-z]" "$dir/out" ||
    broken "config show: listen has no value and sentence"
call 0 config show "$dir/rued.yaml"
said out "$dir/data"
call 0 config show --json
json 'len(lines[0]) > 40 and all(s["name"] and len(s["sentence"]) > 10
      and ("value" in s or s["section"] == "problem") for s in lines[0])'

# ---- a live store ---------------------------------------------------------------
serve
on="--connect $endpoint --timeout 20000"
# shellcheck disable=SC2086 # the options in $on are words
{
    call 0 decide one --context 0.3,0.7 --groups vip --event e1 --experts $on
    said out "event e1"
    said out "take "
    said out "expert "
    silent err
    call 0 decide one --context 0.3,0.7 --groups vip --event e1 $on --json
    json 'lines[0]["event"] == "e1" and lines[0]["repeated"] and
          abs(sum(r["probability"] for r in lines[0]["ranking"]) - 1) < 1e-9 and
          sorted(r["action"] for r in lines[0]["ranking"]) ==
          ["left", "middle", "right"]'
    call 0 decide one --context 1,2 --exclude 0,2 --baseline 1 --event e2 \
        --named 'space.word=text' --named number=1.5 $on
    said out "take 1 "
    call 0 decide one --context 1,2 --deferred --event e3 $on --json
    json 'lines[0]["event"] == "e3"'
    call 0 decide number --context 1 $on --json
    json '"prediction" in lines[0] and lines[0]["ranking"] == []'
    failure decide one --context 1 $on
    said err "INVALID: shared: 1 columns, the problem has 2"
    failure decide nobody --context 1 $on
    said err "UNKNOWN_PROBLEM"
    failure decide one --context 1,2 --event e1 $on
    said err "DUPLICATE"

    call 0 feedback one e1 1 --id f1 $on
    said out "feedback: OK"
    call 0 feedback one e1 1 --id f1 $on --json
    json 'lines[0]["repeated"] and lines[0]["status"] == "OK"'
    failure feedback one e1 0 --id f1 $on
    said err "DUPLICATE"
    failure feedback one e1 7 $on
    said err "INVALID: value: 7 is outside reward.min 0 .. reward.max 1"
    call 0 feedback one e3 0.5 --activate --json $on
    json '[a["item"] for a in lines] == ["activate", "feedback"]'
    failure feedback one never --activate $on
    said err "UNKNOWN_EVENT"

    call 0 decide money --event m1 $on
    call 0 feedback money m1 --field authorised=1 --field amount=100 $on
    said out "feedback: OK"
    call 0 feedback money m1 --field chargeback=1 --cause customer $on
    failure feedback money m1 1 $on
    said err "INVALID: value: it follows from fields"

    call 0 status $on
    said out "problem one"
    said out "commits"
    call 0 status $on --json
    json 'lines[0]["problems"] == ["one", "money", "number"] and
          lines[0]["numbers"]["decides"] >= 4 and lines[0]["last_record"] >= 8'
    call 0 status one $on
    said out "problem one: squarecb over groupwise"
    call 0 status one $on --json
    json 'lines[0]["numbers"]["decisions"] == 3 and lines[0]["groups"]["vip"] and
          len(lines[0]["state_hash"]) == 16'
    failure status nobody $on

    call 0 sim payments --config --rounds 100
    said out "name: payments"
    call 0 sim payments --config --policy pairwise
    said out "oracle: pairwise"
    failure sim payments --config --policy nobody
    failure sim payments --config --variant stormy
    call 0 sim sor --config --seeds 2 --seed 5 --policy shared --policy chebcb
    said out "name: sor-shared-5"
    said out "name: sor-chebcb-6"
}

# Counts of one system.
call 0 sim solve --shift -0.15 --omega 1.8 --omega 1.9
said out "sor omega 1.8: 175 iterations, converged"
call 0 sim solve --shift -0.15 --omega 1.8 --solver ssor-cg --json
json 'lines[0]["n"] == 100 and lines[0]["counts"][0]["iterations"] == 20 and
      lines[0]["counts"][0]["converged"] and
      lines[0]["counts"][0]["residual"] < 1.01e-8'

# Detectors over a file: the golden stream of tests/unit/policies/test_detectors.
awk 'BEGIN {
    print "t,declined"
    z = 1
    for (t = 1; t <= 8000; t++) {
        # 1103515245 z + 12345 mod 2^31, in parts that a double holds
        high = int(1103515245 / 65536); low = 1103515245 % 65536
        z = (((high * z) % 32768) * 65536 + low * z + 12345) % 2147483648
        print t "," (z / 2147483648 < (t <= 5000 ? 0.15 : 0.30) ? 1 : 0)
    }
}' >"$dir/declines.csv"
call 0 drift "$dir/declines.csv" --column declined --json --changes 5000 \
    --detector page-hinkley,threshold=48.4 --detector hddm-a
json '[a["row"] for a in lines[0]["alarms"]] == [5373] and
      [a["row"] for a in lines[1]["alarms"]] == [5323] and
      lines[0]["score"]["late_hits"] == 1 and lines[0]["rows"] == 8000 and
      abs(lines[0]["score"]["f1"] - (1 - 373 / 5000)) < 1e-12'
call 0 drift "$dir/declines.csv" --column 2
said out "adwin: 6 alarms in 8000 rows"
failure drift "$dir/declines.csv" --column nothing
said err "there is no column"
call 2 drift "$dir/declines.csv" --detector nothing
call 2 drift "$dir/declines.csv" --stream residual
call 2 drift "$dir/declines.csv" --detector recorded
call 2 drift "$dir/data" --column 2
call 2 drift "$dir/data" --problem one --stream nothing
failure drift "$dir/data" --problem nobody
failure drift "$dir/data" --problem one --action nobody
failure drift "$dir"
call 2 drift "$dir/declines.csv" --detector adwin,delta=2

# The log and its check, beside the running service: nothing but the answer,
# no progress, since this is no terminal.
call 0 log "$dir/data"
silent err
grep -q '^[0-9]* 20.*Z decision problem=one event=e1 place=' "$dir/out" ||
    broken "log: no decision"
grep -q 'feedback problem=one event=e1 value=1 effect=' "$dir/out" ||
    broken "log: no feedback"
call 0 log "$dir/data" --json
json '[r["sequence"] for r in lines] == list(range(1, len(lines) + 1)) and
      [r["kind"] for r in lines][:3] == ["config"] * 3'
call 0 log "$dir/data" --json --problem one --event e1
json '[r["kind"] for r in lines] == ["decision", "feedback"] and
      lines[0]["question"]["shared"] == [[0.3, 0.7]] and lines[0]["propensity"] > 0'
call 0 log "$dir/data" --json --problem money --event m1
json '[r.get("after") for r in lines] == [None, 1.5, -18.5] and
      lines[1]["fields"] == {"authorised": 1, "amount": 100} and
      lines[1]["derived"] and lines[2]["cause"] == "customer"'
call 0 log "$dir/data" --from 2 --count 1 --json
json '[r["sequence"] for r in lines] == [2]'
call 0 log "$dir/data" --problem nobody
silent out
call 0 verify "$dir/data"
silent err
said out "all is well"
call 0 verify "$dir/data" --json
json 'lines[0]["finding_count"] == 0 and lines[0]["records"]["decision"] == 5'
call 0 replay "$dir/data"
silent err
said out "identical"
call 0 replay "$dir/data" --json --problem one
json 'lines[0]["identical"] and [p["name"] for p in lines[0]["problems"]] == ["one"]
      and lines[0]["problems"][0]["decisions"] > 0'
failure replay "$dir/data" --problem nobody
said err "nobody"
call 0 evaluate "$dir/data" --problem one --estimators --slices
silent err
said out "logged"
said out "REFUSED"
call 0 evaluate "$dir/data" --problem one --html "$dir/page.html"
said out "REFUSED"
said page.html "What the log cannot tell"
said page.html "is refused: "
well_formed "$dir/page.html"
failure evaluate "$dir/data" --problem one --html "$dir/nowhere/page.html"
call 0 evaluate "$dir/data" --problem one --json
json 'lines[0]["problem"] == "one" and lines[0]["rows"] >= 1 and
      {"logged", "uniform"} <= {p["name"] for p in lines[0]["policies"]}'
printf 'policies:\n  - name: bold\n    policy: {oracle: ridge, explorer: greedy}\n    learn: 1h\n' \
    >"$dir/policies.yaml"
call 0 evaluate "$dir/data" --problem one --policies "$dir/policies.yaml" --json
json '[p["policy"] for p in lines[0]["policies"] if p["name"] == "bold"] == ["greedy over ridge"]'
printf 'policies:\n  - name: bold\n    policy: {explorer: nonsense}\n' \
    >"$dir/policies.yaml"
failure evaluate "$dir/data" --problem one --policies "$dir/policies.yaml"
said err "policies.yaml:3: policy 'bold': "
failure evaluate "$dir/data" --problem number
said err "UNSUPPORTED"
failure evaluate "$dir/data"
said err "problems: name one"
call 0 evaluate "$dir/data" --problem one --metric progressive-ips
said out "progressive_ips "
call 0 evaluate "$dir/data" --problem one --metric progressive-ips --json
json 'lines[0]["progressive_ips"][0]["name"] == "as configured" and
      lines[0]["progressive_ips"][0]["rows"] > 0'
call 0 importance "$dir/data" --groups --sample 3
silent err
said out "problem    one: "
call 0 importance "$dir/data" --problem one --json
json 'lines[0]["problems"][0]["slices"][0]["decisions"] ==
      lines[0]["problems"][0]["decisions"] > 0 and
      {"feature", "changes", "choice", "score", "error"} <=
      lines[0]["problems"][0]["slices"][0]["features"][0].keys()'
call 0 importance "$dir/data" --problem one --from 2020-01-01 --to 2100-01-01
failure importance "$dir/data" --problem one --from 2100-01-01
failure importance "$dir/data" --problem one --to 2020-01-01
failure importance "$dir/data" --problem one --from nonsense
said err "neither a record's number nor a time"
failure importance "$dir/data" --problem number
said err "UNSUPPORTED"
failure importance "$dir/data" --problem nobody

# A check that finds something is a failure, but has a report.
served
