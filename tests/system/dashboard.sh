#!/bin/sh
# The dashboard without a browser (`make dashboard-test` has one): its files are
# served as they are, with the headers that keep a browser to them; nothing in
# them is loaded from elsewhere; and what app.js reads is what the API tells.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh
files=service/dashboard

# The vendored files are those that fetch.sh found in the pinned archive.
(cd $files/vendor && sha256sum --quiet -c SHA256SUMS) || broken "vendored files have changed"

cat >"$dir/rued.yaml" <<'CONFIG'
http: {listen: "127.0.0.1:0", sample: 200ms}
problems:
  - name: shop
    context: [x]
    actions: [a, b, c]
    policy: {oracle: groupwise, explorer: squarecb}
    groups:
      - {name: low, when: x < 0.5}
CONFIG
serve
port=$(http_port)
[ -n "$port" ] || broken "does not listen"
for event in 1 2 3; do
    "$B/rue" decide shop --connect "$endpoint" --context 0.3 \
        --event "e$event" >"$dir/out" || broken "no decision"
    "$B/rue" feedback shop "e$event" 1 --connect "$endpoint" \
        >"$dir/out" || broken "no feedback"
done

/usr/bin/python3 - "$port" "$files" <<'PYTHON' || broken "see above"
import json, re, sys, time, urllib.request
port, files = int(sys.argv[1]), sys.argv[2]

def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
        return reply.headers, reply.read()

def need(condition, what):
    if not condition:
        sys.exit(what)

# ---- the files ----

assets = {"/": "index.html", "/app.js": "app.js", "/style.css": "style.css", "/icon.svg": "icon.svg",
          "/uplot.js": "vendor/uPlot.iife.min.js", "/uplot.css": "vendor/uPlot.min.css",
          "/uplot-licence.txt": "vendor/uPlot.LICENSE"}
types = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "LICENSE": "text/plain"}
for path, name in assets.items():
    headers, body = get(path)
    need(body == open(f"{files}/{name}", "rb").read(), f"{path} is not {name}")
    need(headers["Content-Type"].startswith(types[name.rsplit(".", 1)[1]]), f"type of {path}")
    policy = headers["Content-Security-Policy"]
    need("default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, f"CSP of {path}")
    need(headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer", f"headers of {path}")

page, script = get("/")[1].decode(), get("/app.js")[1].decode()
style = get("/style.css")[1].decode()
loaded = re.findall(r'(?:src|href)="([^"#]*)"', page)
known = set(assets) | {"/metrics", "/api/v1/status"}
need(loaded and all(path in known for path in loaded if path), f"the page asks for {set(loaded) - known}")
need(not re.search(r"<script(?![^>]*src)|<style|\sstyle=|\son\w+=", page), "the page has script or style inside, which CSP refuses")
need("//" not in style.replace("/*", "").replace("*/", ""), "the style loads something")
need(not re.search(r"https?://", script), "the script names another machine")
asked = set(re.findall(r'\$\("([\w-]+)"\)', script))
need(asked and asked <= set(re.findall(r'id="([\w-]+)"', page)), f"the page lacks {asked - set(re.findall(r'id=.([a-z-]+)', page))}")

# ---- what it reads ----

block = re.search(r"const NEEDS = (\{.*?\n\});", script, re.S)[1]
needs = json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r"(?m)^  (\w+):", r'  "\1":', block)))
for name in ("status", "problem", "storage", "queues", "reward", "training", "detector", "line"):
    used = set(re.findall(rf"(?<![\w.$]){name}\.(\w+)", script))
    need(used <= set(needs[name]), f"app.js reads {name}.{', '.join(used - set(needs[name]))} and does not say so in NEEDS")

for _ in range(100):
    status = json.loads(get("/api/v1/status?problem=shop")[1])
    past = json.loads(get("/api/v1/history?problem=shop")[1])
    if status["problems"][0]["counters"]["learned"] == 3 and len(past["t"]) > 1:
        break
    time.sleep(0.1)
shop = status["problems"][0]
answers = {"status": status, "storage": status["storage"], "queues": status["queues"], "problem": shop, "past": past,
           "counters": shop["counters"], "reward": shop["reward"], "exploration": shop["exploration"],
           "action": shop["actions"][0], "group": shop["groups"]["low"], "delays": shop["delays"],
           "detector": shop["detectors"][0], "trial": shop["trial"], "training": shop["training"],
           "line": json.loads(get("/api/v1/problems")[1])["problems"][0], "series": past["series"],
           "service": json.loads(get("/api/v1/history")[1])["series"]}
need(answers.keys() == needs.keys(), f"NEEDS and this test differ: {answers.keys() ^ needs.keys()}")
for name, members in needs.items():
    need(set(members) <= answers[name].keys(), f"{name} lacks {set(members) - answers[name].keys()}")
PYTHON

served
