#!/bin/sh
# Debian's Prometheus beside a running rued: the metrics and the alerts of
# deploy/ are well formed, it scrapes, and RueDrift fires when an acquirer of
# the payments world fails.
set -eu
B=${B:-build/release}
top=$(pwd)
dir=$(mktemp -d)
pids=
stop() {
    for each in $pids; do
        kill "$each" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap stop EXIT

broken() {
    echo "prometheus: $*"
    tail -3 "$dir"/*.log
    exit 1
}

ask() { # PATH: what Prometheus answers, as JSON
    /usr/bin/python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())' \
        "http://127.0.0.1:$web$1"
}

echo "== deploy/: configuration, rules, and rules against made-up series"
promtool check config deploy/prometheus.yml
promtool check rules deploy/alerts.yml
(cd deploy && promtool test rules alerts_test.yml)

echo "== deploy/grafana.json: what its panels ask, as rules"
/usr/bin/python3 - deploy/grafana.json >"$dir/panels.yml" <<'PYTHON'
import json, re, sys
print("groups: [{name: panels, rules: [")
board = json.load(open(sys.argv[1]))
asked = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
asked += [a["expr"] for a in board["annotations"]["list"]]
for i, expr in enumerate(asked):
    expr = expr.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$problem", ".*")
    print(f"{{record: 'panel:{i}', expr: {json.dumps(expr)}}},")
print("]}]")
PYTHON
promtool check rules "$dir/panels.yml"

echo "== rued"
{
    echo 'http: {listen: "127.0.0.1:0"}'
    echo "listen: ipc://$dir/socket"
    echo "data: $dir/data"
    echo "problems:"
    "$B/rue" sim payments --config --problem payments
} >"$dir/rued.yaml"
"$B/rued" --config "$dir/rued.yaml" 2>"$dir/rued.log" &
pids=$!
port=
for _ in $(seq 1 100); do
    port=$(sed -n 's/.*id=http.listening port=\([0-9]*\).*/\1/p' "$dir/rued.log")
    [ -n "$port" ] && grep -q id=service.ready "$dir/rued.log" && break
    sleep 0.1
done
[ -n "$port" ] || broken "rued does not listen"

echo "== promtool check metrics"
/usr/bin/python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1]).read().decode(), end="")' \
    "http://127.0.0.1:$port/metrics" | promtool check metrics

# A port that is free now.
web=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -e "s/127.0.0.1:5751/127.0.0.1:$port/" -e 's/: 15s/: 1s/' \
    -e "s|- alerts.yml|- $top/deploy/alerts.yml|" \
    deploy/prometheus.yml >"$dir/prometheus.yml"
prometheus --config.file "$dir/prometheus.yml" --storage.tsdb.path "$dir/tsdb" \
    --web.listen-address "127.0.0.1:$web" --log.level=warn 2>"$dir/prometheus.log" &
pids="$pids $!"

echo "== it scrapes"
up=
for _ in $(seq 1 60); do
    up=$(ask '/api/v1/query?query=up' 2>/dev/null || true)
    case $up in *'"1"]'*) break ;; esac
    sleep 0.5
done
case $up in *'"1"]'*) ;; *) broken "does not scrape: $up" ;; esac
# A first sample of every alarm, before the first alarm.
sleep 3

echo "== an acquirer fails"
"$B/rue" sim payments --problem payments --connect "ipc://$dir/socket" \
    --seed 1 --variant outage >"$dir/sim.log" 2>&1 || broken "sim"
alerts=
for _ in $(seq 1 60); do
    alerts=$(ask /api/v1/alerts)
    case $alerts in *RueDrift*firing*) break ;; esac
    sleep 0.5
done
case $alerts in
    *'"alertname":"RueDrift"'*'"state":"firing"'*) echo "RueDrift fires" ;;
    *) broken "no alert: $alerts" ;;
esac
"$B/rue" log "$dir/data" --json | grep '"kind":"alarm"' | head -3
decided=$("$B/rue" log "$dir/data" --json | grep -c '"kind":"decision"')
for _ in $(seq 1 30); do
    counted=$(ask '/api/v1/query?query=rue_problem_decisions_total')
    case $counted in *"\"$decided\"]"*) break ;; esac
    sleep 0.5
done
case $counted in
    *"\"$decided\"]"*) echo "Prometheus and the log agree: $decided decisions" ;;
    *) broken "the log has $decided decisions, Prometheus: $counted" ;;
esac
