#!/bin/sh
# Alarms are posted to a URL: tried again when the other side fails, is away or
# hangs, given up when it refuses, in order, once when all goes well; and nobody
# waits for it, the stop neither.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

PYTHONPATH=tests/lib /usr/bin/python3 - <<'PYTHON' || broken "see above"
import http.server, json, threading, time
from live import *

# ---- the other side: what it does next, and what it got
script, posts, go_on = [], [], threading.Event()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        todo = script.pop(0) if script else 200
        posts.append((todo, self.path, self.headers["Content-Type"], json.loads(body), time.monotonic()))
        if todo == "hang":
            go_on.wait(60)
        elif todo == "close":
            self.connection.close()
        else:
            self.send_response(todo)
            answer = b"x" * 200000 if todo == 503 else b"so be it"
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            try:
                self.wfile.write(answer)
            except OSError:
                pass
    def log_message(self, *arguments):
        pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *arguments):
        pass
server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

def configure(webhook):
    open(f"{dir}/rued.yaml", "w").write(f"""
http: {{listen: ""}}
webhook: {webhook}
problems:
  - {{name: shop, context: [x], actions: [a, b], drift: {{warmup: 100, between: 1000, silence: 100}},
     reward: {{wait: 0s}}, policy: {{oracle: ridge, explorer: squarecb}}}}
""")

played = 0
def play(count, good):
    global played
    for _ in range(count // 50):
        turn("shop", played, [good] * 50, [0.5] * 50)
        played += 50

def alarms():
    return [r for r in log() if r["kind"] == "alarm"]

# ---- what is no URL is said at the start
for url in ("nonsense", "ftp://127.0.0.1/x", "file:///etc/passwd"):
    configure(f'{{url: "{url}"}}')
    need(start(answers=False).wait(20) == 1 and "webhook.url" in open(f"{dir}/rued.log").read(), f"{url} is taken")

# ---- it fails in every way, then takes it
url = f"http://127.0.0.1:{server.server_port}/alarms?to=me"
configure(f'{{url: "{url}", timeout: 500ms, backoff: 100ms, tries: 6}}')
script += [500, "close", "hang", 503, 429, 200]
service = start()
play(500, True)
play(500, False)
raised = alarms()
need(raised, "no alarm")
wait("the alarms", lambda: number("webhooks") == len(raised))
need([p[0] for p in posts[:6]] == [500, "close", "hang", 503, 429, 200], "what it tried")
first, taken = posts[:6], [p for p in posts if p[0] == 200]
need(len({json.dumps(p[3]) for p in first}) == 1, "the same alarm again")
pauses = [b[4] - a[4] for a, b in zip(first, first[1:])]
need(all(p >= 0.1 * 2 ** k for k, p in enumerate(pauses)), f"it waits longer each time: {pauses}")
need([p[3]["record"] for p in taken] == [r["sequence"] for r in raised], "each once, in their order")
for post, record in zip(taken, raised):
    body = post[3]
    need(post[1] == "/alarms?to=me" and post[2] == "application/json" and body["kind"] == "alarm", "the request")
    for key in ("problem", "time_ns", "stream", "of", "statistic", "threshold", "before", "after", "rows"):
        need(body[key] == record[key], f"{key}: {body} {record}")
need(number("webhook_failures") == 5 and number("webhooks_dropped") == 0, "the counters")

# ---- a refusal ends it, and so do too many failures; what comes next is posted
script += [404] + [500] * 6
before = len(raised)
while len(alarms()) < before + 3:
    play(500, len(posts) % 2)
    play(500, not len(posts) % 2)
raised = alarms()
wait("those that are not given up", lambda: number("webhooks") == len(raised) - 2)
need(number("webhooks_dropped") == 2, "given up")
need([p[3]["record"] for p in posts if p[0] == 200] ==
     [r["sequence"] for r in raised if r["sequence"] not in (raised[before]["sequence"], raised[before + 1]["sequence"])], "the others")

# ---- it hangs: serving goes on, and the stop does not wait for it
service.terminate()
need(service.wait(20) == 0, "the stop")
configure(f'{{url: "{url}", timeout: 300s}}')
service = start()
script += ["hang"] * 100
posts.clear()
wait("one that hangs", lambda: (play(500, played // 500 % 2), posts)[1])
begin = time.monotonic()
play(500, True)
need(time.monotonic() - begin < 20, "serving waits for it")
begin = time.monotonic()
service.terminate()
need(service.wait(60) == 0 and time.monotonic() - begin < 20, "the stop waits for it")
need("id=webhook.dropped" in open(f"{dir}/rued.log").read(), "it does not say what it gave up")
go_on.set()
context.destroy(0)
os._exit(0)
PYTHON
