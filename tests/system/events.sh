#!/bin/sh
# What rued publishes: `rue watch` prints it; all of it is in the log, also after
# kill -9; a listener that does not read, or sends rubbish, disturbs nobody.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

PYTHONPATH=tests/lib /usr/bin/python3 - <<'PYTHON' || broken "see above"
import re, signal, struct, subprocess, threading
from live import *

feed = f"ipc://{dir}/feed"

def configure(share):
    open(f"{dir}/rued.yaml", "w").write(f"""
http: {{listen: ""}}
events: {{listen: "{feed}", decisions: {share}}}
problems:
  - name: shop
    context: [x]
    actions: [a, b, c]
    drift: {{warmup: 100}}
    policy: {{oracle: ridge, explorer: squarecb}}
  - name: shop/2
    actions: [a, b]
""")

def by_sequence(first=1):
    return {r["sequence"]: r for r in log("--from", str(first))}

def watch(*arguments):
    """a watcher, with what it prints in a file"""
    out = open(f"{dir}/watch{len(watchers)}", "w+")
    process = subprocess.Popen([f"{B}/rue", "watch", "--connect", feed, *arguments], stdout=out,
                               stderr=open(f"{dir}/watch.err", "a"))
    watchers.append(note(process, f"watch{len(watchers)}"))
    return process, out.name

read = {}
def lines(name):
    """all that a watcher has printed so far"""
    file, seen = read.setdefault(name, (open(name), []))
    while True:
        at = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(at)
            return seen
        seen.append(json.loads(line))

watchers = []
configure(1)
# It may be there before the service.
everything, all_name = watch("--json")
alarms, alarm_name = watch("alarm", "--problem", "shop", "--json")
one, one_name = watch("status", "--problem", "shop/2", "--count", "1")
service = start()
wait("status of the service", lambda: any(l["topic"] == "status" and "problem" not in l for l in lines(all_name)))
wait("status of both problems", lambda: {l.get("problem") for l in lines(all_name)} >= {"shop", "shop/2"})
wait("--count", lambda: one.poll() is not None)
text = open(one_name).read()
need(one.returncode == 0 and re.fullmatch(
    r"\d{4}-\d\d-\d\dT\S+Z status problem=shop/2 policy=\S.* generation=0 decisions=0 .*\n", text), f"text: {text}")

# What was good becomes bad: an alarm.
for i in range(8):
    turn("shop", 500 * i, [0.9 if i < 5 else 0.1] * 500, [0.5] * 500)
turn("shop/2", 0, [1] * 10)
records = by_sequence()
decisions = {s for s, r in records.items() if r["kind"] == "decision"}
raised = {s for s, r in records.items() if r["kind"] == "alarm"}
need(len(decisions) == 4010 and raised, f"the log: {len(decisions)} decisions, {len(raised)} alarms")
def heard(name, topic):
    return {l["record"]["sequence"]: l for l in lines(name) if l["topic"] == topic}
wait("all decisions", lambda: set(heard(all_name, "decision")) == decisions)
wait("all alarms", lambda: set(heard(all_name, "alarm")) == raised == set(heard(alarm_name, "alarm")))
for sequence, line in {**heard(all_name, "decision"), **heard(all_name, "alarm")}.items():
    need(line["record"] == records[sequence], f"record {sequence} is not the one of the log")
    if line["topic"] == "decision":
        need(line["share"] == 1 and line["action"] == "abc"[line["record"]["chosen"]], f"action: {line}")
for name in ("shop", "shop/2"):
    for topic in ("decision", "alarm", "status"):
        numbers = [l["number"] for l in lines(all_name) if l["topic"] == topic and l.get("problem") == name]
        need(numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else topic == "alarm", f"numbers of {topic} {name}")
need(not {l["topic"] for l in lines(alarm_name)} - {"alarm"}, "topics that were not asked for")

# Offline, over the store: the same detector finds what the service recorded, but
# for what it is silent about after an alarm; the model is wrong as well.
def drift(*arguments):
    done = subprocess.run([f"{B}/rue", "drift", f"{dir}/data", "--problem", "shop", "--json", *arguments],
                          capture_output=True, text=True)
    need(done.returncode == 0, done.stderr)
    return [json.loads(l) for l in done.stdout.splitlines()]
own, again = drift("--detector", "recorded", "--detector", "page-hinkley,shift=0.01,between=7e6")
need(own["rows"] == again["rows"] == 4000 and own["alarms"], "drift over the store")
rows = {a["row"]: a for a in again["alarms"]}
for alarm in own["alarms"]:
    need(rows.get(alarm["row"], {}).get("record", 0) + 1 == alarm["record"] and
         abs(rows[alarm["row"]]["statistic"] - alarm["statistic"]) < 1e-9, f"{alarm}")
need(all(any(0 <= r - a["row"] <= 500 for a in own["alarms"]) for r in rows), "more than the service found")
for stream in ("residual", "weighted"):
    (found,) = drift("--stream", stream, "--detector", "adwin,delta=0.0003")
    need(found["alarms"] and 2500 < found["alarms"][0]["row"] < 3000, f"{stream}: {found}")
need(drift("--stream", "join")[0]["alarms"] == [], "join")
(one,) = drift("--action", "b", "--detector", "hddm-w,delta=1e-5")
need(0 < one["rows"] < 4000, "of an action")

# One that does not read, and one that subscribes to far too much.
deaf = context.socket(zmq.SUB)
deaf.setsockopt(zmq.RCVHWM, 10)
deaf.setsockopt(zmq.RCVBUF, 4096)
deaf.setsockopt(zmq.SUBSCRIBE, b"decision/")
deaf.connect(feed)
rude = context.socket(zmq.SUB)
rude.setsockopt(zmq.LINGER, 0)
rude.setsockopt(zmq.SUBSCRIBE, b"x" * 5000)
rude.connect(feed)
turn("shop", 4000, [0.1], [0.5])
hears(deaf, "a listener of another kind")
before = [pb.Notice.FromString(deaf.recv_multipart()[1]).number]
for i in range(26):
    turn("shop", 5000 + 512 * i, [0.1] * 512, [0.5] * 512)
late = []
while deaf.poll(500):
    topic, body = deaf.recv_multipart()
    notice = pb.Notice.FromString(body)
    need(topic == b"decision/shop/" and notice.decision.event, "a frame of a topic")
    late.append(notice.number)
need(late == sorted(late) and 0 < len(late) < 26 * 512, f"who does not read loses: {len(late)}")

# One whose output nobody reads has more waiting than may when the service dies.
# It is still there afterwards, and goes on.
stuck = note(subprocess.Popen([f"{B}/rue", "watch", "--connect", feed, "--json"], stdout=subprocess.PIPE,
                              stderr=open(f"{dir}/watch.err", "a")), "stuck")
need(b'"status"' in stuck.stdout.readline() + stuck.stdout.readline(), "a first line")
for i in range(40):
    turn("shop", 60000 + 512 * i, [0.1] * 512, [0.5] * 512)
service.send_signal(signal.SIGKILL)
service.wait()
time.sleep(5)
need(stuck.poll() is None, f"a watcher that waits ends with the service: {stuck.returncode}")
service = start()
drained = threading.Thread(target=lambda: [seen_again.append(l) for l in stuck.stdout], daemon=True)
seen_again = []
drained.start()
wait("it goes on", lambda: seen_again and json.loads(seen_again[-1]).get("topic") == "status")
stuck.kill()

# kill -9 in the middle: what was heard is in the log.
for i in range(6):
    turn("shop", 30000 + 512 * i, [0.1] * 512, [0.5] * 512)
wait("most of them", lambda: max(heard(all_name, "decision")) > 30000)
socket = context.socket(zmq.DEALER)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(endpoint)
for i in range(60):
    request = pb.Request(id=i + 1, problem=b"shop")
    for k in range(200):
        decide = request.decide.add(event=b"k%d" % (200 * i + k))
        decide.shared.columns = 1
        decide.shared.f64.append(0.1)
    socket.send(request.SerializeToString())
hears(socket, "a first answer")
service.send_signal(signal.SIGKILL)
service.wait()
socket.close()
time.sleep(0.3)
last = heard(all_name, "decision")
since = max(last) - 3000
records = by_sequence(since)
need(since > 26000, f"heard until {max(last)}")
for sequence, line in last.items():
    need(sequence < since or line["record"] == records.get(sequence), f"record {sequence} was published and is not in the log")

# A share of them, and who listens stays over a restart.
configure(0.1)
service = start()
mark = max(records)
# Known by another start: what the one before said may still be on its way.
before = lines(all_name)[0]["service"]
wait("the watcher comes back", lambda: any(l["service"] != before and l["topic"] == "status"
                                          for l in lines(all_name)[-200:]))
for i in range(4):
    turn("shop", 50000 + 1000 * i, [0.1] * 500, [0.5] * 500)
def since_mark():
    return [l for s, l in heard(all_name, "decision").items() if s > mark]
wait("a tenth of 2000", lambda: len(since_mark()) > 120)

# Who hears nothing for too long says so; a wrong call is one.
quiet = subprocess.run([f"{B}/rue", "watch", "generation", "--connect", feed, "--timeout", "300"], capture_output=True, text=True)
need(quiet.returncode == 1 and "TIMEOUT" in quiet.stderr or "in time" in quiet.stderr, quiet.stderr)
wrong = subprocess.run([f"{B}/rue", "watch", "weather"], capture_output=True, text=True)
need(wrong.returncode == 2 and "weather" in wrong.stderr, "a topic that there is not")
everything.send_signal(signal.SIGINT)
need(everything.wait(PATIENCE_S) == 0, "an interrupt")
some = since_mark()
need(len(some) < 290 and all(l["share"] == 0.1 for l in some), f"a tenth of 2000: {len(some)}")
alarms.kill()
# What a watcher could not take in time it says.
gaps, at = 0, {}
for l in lines(all_name):
    key = (l["topic"], l.get("problem"))
    service_of, number = at.get(key, (None, 0))
    gaps += l["number"] - number - 1 if service_of == l["service"] else 0
    at[key] = (l["service"], l["number"])
said = re.findall(r"(\d+) notices lost", open(f"{dir}/watch.err").read())
need(gaps == sum(map(int, said)), f"{gaps} notices are missing, {said} were said")
service.terminate()
need(service.wait(PATIENCE_S) == 0, "the stop")
context.destroy(0)
PYTHON
