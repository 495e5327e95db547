#!/bin/sh
# The HTTP side of rued: its numbers are those of the log and of `rue status`,
# whoever stalls or floods it disturbs nobody, and nothing can be changed.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

cat >"$dir/rued.yaml" <<'CONFIG'
http: {listen: "127.0.0.1:0", label_sets: 40, sample: 200ms}
problems:
  - name: shop
    context: [x]
    actions: [a, b, c]
    policy: {oracle: groupwise, explorer: squarecb}
    groups:
      - {name: low, when: x < 0.5}
  - name: a "quoted\name"
    actions: [a, b]
CONFIG
i=0
while [ $i -lt 50 ]; do
    printf '  - {name: many-%s, actions: [a, b]}\n' $i >>"$dir/rued.yaml"
    i=$((i + 1))
done

serve
port=$(http_port)
[ -n "$port" ] || broken "does not listen"

for event in 1 2 3 4 5; do
    "$B/rue" decide shop --connect "$endpoint" --context 0.3 \
        --event "e$event" >"$dir/out" || broken "no decision"
    "$B/rue" feedback shop "e$event" 1 --connect "$endpoint" \
        >"$dir/out" || broken "no feedback"
done

/usr/bin/python3 - "$port" "$B/rue" "$endpoint" <<'PYTHON' || broken "see above"
import json, re, resource, socket, statistics, subprocess, sys, threading, time, urllib.error, urllib.parse, urllib.request
port, rue, endpoint = int(sys.argv[1]), sys.argv[2], sys.argv[3]
base = f"http://127.0.0.1:{port}"

def get(path, method="GET"):
    request = urllib.request.Request(base + path, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()

def need(condition, what):
    if not condition:
        sys.exit(what)

def metrics():
    status, headers, text = get("/metrics")
    need(status == 200 and "version=0.0.4" in headers["Content-Type"], "metrics: status")
    values, seen, kind = {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            need(name not in seen and len(line.split()) > 3, f"help of {name}")
            seen.add(name)
        elif line.startswith("# TYPE "):
            need(line.split()[2] == name, f"type of {name}")
            kind = line.split()[3]
            need(kind != "counter" or name.endswith("_total"), f"{name} is no counter's name")
        else:
            match = re.fullmatch(r'(\w+)(\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line)
            need(match, f"line: {line}")
            stem = re.sub(r"_(bucket|sum|count)$", "", match[1]) if kind == "histogram" else match[1]
            need(stem == name, f"{match[1]} is not of {name}")
            need((match[1], match[2]) not in values, f"twice: {line}")
            values[match[1], match[2]] = float(match[3])
    return values

# What the engine tells is a second old at most, and a tick late.
for _ in range(100):
    values = metrics()
    if values["rue_problem_learned_total", '{problem="shop"}'] == 5:
        break
    time.sleep(0.1)
need(values["rue_problem_decisions_total", '{problem="shop"}'] == 5, "decisions")
need(values["rue_problem_learned_total", '{problem="shop"}'] == 5, "learned")
# A client that waits long asks again, and is answered again.
need(values["rue_decides_total", None] + values["rue_feedbacks_total", None] == 10 + values["rue_repeated_total", None],
     "counters")
need(values["rue_problem_decisions_total", '{problem="a \\"quoted\\\\name\\""}'] == 0, "escaping")
need(values["rue_problem_decisions_total", '{problem="other"}'] == 0, "other")
shown = [k for k in values if k[0] == "rue_problem_decisions_total"]
need(len(shown) == 41, f"label sets: {len(shown)}")
need(values["rue_request_seconds_bucket", '{le="+Inf"}'] == values["rue_request_seconds_count", None] >= 10, "histogram")
need(any('group="low"' in (k[1] or "") for k in values), "numbers of groups")
for name in ("reward_mean", "exploration_share", "propensity_least", "effective_share", "fold_lag_records",
             "training_running", "generation_newest", "snapshot_seconds"):
    need((f"rue_problem_{name}", '{problem="shop"}') in values, f"no {name}")
need(values["rue_group_reward_outcomes", '{problem="shop",group="low"}'] == 5, "outcomes of a group")
need(sum(v for k, v in values.items() if k[0] == "rue_action_chosen_total" and "shop" in k[1]) == 5, "actions chosen")
need(values["rue_feedback_delay_seconds_count", None] == 5, "delays")
need(values["rue_queue_commit_batches", None] >= 0 and values["rue_parts_left_out", None] > 0, "queues, parts")
need(values["rue_policy_numbers_left_out", None] > 0, "numbers left out")

# What deploy/ asks Prometheus for is there: its Grafana dashboard and its alerts.
families = {name for name in re.findall(r"# TYPE (\w+)", get("/metrics")[2])}
def named(path):
    return {re.sub(r"_(bucket|sum|count)$", "", name) if re.sub(r"_(bucket|sum|count)$", "", name) in families else name
            for name in re.findall(r"\brue_\w+", open(path).read())}
for path in ("deploy/grafana.json", "deploy/alerts.yml"):
    need(len(named(path)) > 5 and named(path) <= families, f"{path} names {named(path) - families}")
panels = json.load(open("deploy/grafana.json"))["panels"]
need(len({p["id"] for p in panels}) == len(panels) and all(p["type"] == "row" or p["targets"] for p in panels), "panels")

status = json.loads(get("/api/v1/status")[2])
asked = json.loads(subprocess.run([rue, "status", "shop", "--json", "--connect", endpoint],
                                  capture_output=True, check=True).stdout)
shop = next(p for p in status["problems"] if p["name"] == "shop")
need(shop["counters"]["learned"] == asked["numbers"]["learned"] == 5, "status")
need(shop["policy"] == asked["policy"] and "low" in shop["groups"], "status of a problem")
need(status["problems_left_out"] == 12, "problems left out")
need(shop["reward"]["outcomes"] == 5 and shop["reward"]["mean"] == 1, "reward")
need(sum(a["chosen"] for a in shop["actions"]) == 5 and sum(shop["delays"]["counts"]) == 5, "actions, delays")
need({d["stream"] for d in shop["detectors"]} >= {"propensity", "optimism"}, "detectors")
need(shop["groups"]["low"]["reward_outcomes"] == 5, "reward of a group")

# One problem alone; all of them in short; the past; generations; what is none of these.
one = json.loads(get("/api/v1/status?problem=shop")[2])
need([p["name"] for p in one["problems"]] == ["shop"] and one["problems"][0].keys() == shop.keys(), "status of one")
quoted = urllib.parse.quote('a "quoted\\name"')
need(json.loads(get(f"/api/v1/status?problem={quoted}")[2])["problems"][0]["name"] == 'a "quoted\\name"', "a name")
need(len(json.loads(get("/api/v1/problems")[2])["problems"]) == 52, "problems")
for _ in range(100):
    past = json.loads(get("/api/v1/history?problem=shop")[2])
    if past["series"]["learned"] and past["series"]["learned"][-1] == 5:
        break
    time.sleep(0.1)
need(past["kept"] and len(past["t"]) == len(past["series"]["reward_sum"]) and past["t"][-1] > 1e9, "history")
need(past["groups"]["low"]["outcomes"][-1] == 5, "history of a group")
later = json.loads(get(f"/api/v1/history?problem=shop&since={past['t'][-1]}")[2])
need(all(t > past["t"][-1] for t in later["t"]), "history since")
need(json.loads(get("/api/v1/history?resolution=coarse")[2])["every"] == 4.8, "coarse history")
need("request_p99" in json.loads(get("/api/v1/history")[2])["series"], "history of the service")
need(json.loads(get("/api/v1/generations?problem=shop")[2])["generations"] == [], "generations")
for path, status in (("history?since=x", 400), ("history?resolution=x", 400), ("history?problem=x", 404),
                     ("status?problem=x", 404), ("generations", 400), ("generations?problem=x", 404)):
    need(get("/api/v1/" + path)[0] == status, f"{path} is not {status}")
need("default-src 'none'" in get("/healthz")[1]["Content-Security-Policy"], "CSP")

need(get("/healthz")[0] == 200 and get("/readyz")[0] == 200, "health")
need(get("/nothing")[0] == 404, "unknown page")
for method in ("POST", "PUT", "DELETE"):
    need(get("/metrics", method)[0] == 405, f"{method} is answered")
need(get("/metrics", "HEAD")[2] == "", "HEAD has a body")

# A thousand connections that stall in the middle of a request, never begin one, or
# say what is none: those who ask for decisions do not notice, and it comes back.
def decide_seconds(label):
    times = []
    for i in range(15):
        began = time.monotonic()
        subprocess.run([rue, "decide", "shop", "--connect", endpoint, "--context", "0.7", "--event", f"{label}-{i}"],
                       capture_output=True, check=True, timeout=60)
        times.append(time.monotonic() - began)
    return statistics.median(times)

resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
alone = decide_seconds("alone")
stalled = []
for i in range(1000):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    stalled.append(s)
time.sleep(0.2)
reached = 0
for i, s in enumerate(stalled):
    try:
        s.send((b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"", b"\x00\xff\x16\x03\x01" * 10)[i % 3])
        reached += 1
    except OSError:
        pass
need(reached > 100, f"a flood of {reached} connections")
flooded = decide_seconds("flooded")
need(flooded < 5 * alone + 0.5, f"a decision takes {flooded:.3f} s in the flood, {alone:.3f} s without")
for s in stalled:
    s.close()
for _ in range(100):
    try:
        if get("/healthz")[0] == 200:
            break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit("it does not come back after a flood")
s = socket.create_connection(("127.0.0.1", port), timeout=5)
try:
    s.sendall(b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n\r\n")
    reply = s.recv(100)
    need(reply == b"" or b" 4" in reply.split(b"\r\n")[0], f"a long line: {reply}")
except OSError:
    pass
need(get("/readyz")[0] == 200, "after a long line")
PYTHON

# A reload goes on with the sums of who looks on.
sed -i 's/name: shop/name: shop\n    orphan_wait: 2h/' "$dir/rued.yaml"
kill -HUP "$pid"
for _ in $(seq 1 100); do
    grep -q "id=config.re" "$dir/rued.log" && break
    sleep 0.1
done
grep -q id=config.reloaded "$dir/rued.log" || broken "no reload"
"$B/rue" decide shop --connect "$endpoint" --context 0.3 \
    --event after >"$dir/out" || broken "no decision after a reload"
"$B/rue" feedback shop after 1 --connect "$endpoint" \
    >"$dir/out" || broken "no feedback after a reload"
/usr/bin/python3 - "$port" <<'PYTHON' || broken "sums after a reload"
import json, sys, time, urllib.request
for _ in range(100):
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/v1/status?problem=shop") as reply:
        outcomes = json.load(reply)["problems"][0]["reward"]["outcomes"]
    if outcomes == 6:
        sys.exit(0)
    time.sleep(0.1)
sys.exit(f"{outcomes} outcomes")
PYTHON

served

# An address that cannot be had is said, and so is one that is none.
for address in "127.0.0.1:99999" "localhost:1" "nonsense" "203.0.113.7:1"; do
    printf 'http: {listen: "%s"}\n' "$address" >"$dir/bad.yaml"
    if timeout 20 "$B/rued" --config "$dir/bad.yaml" --data "$dir/other" \
        --listen "$endpoint" 2>"$dir/rued.log"; then
        broken "listens on $address"
    fi
    grep -q "http.listen" "$dir/rued.log" || broken "no reason for $address"
done
