#!/bin/sh
# What alarms of drift lead to, in the real programs: a fallback decides until it
# is calm, over kill -9 too; a training begins by itself, once; and the replay of
# the log makes every decision again.
set -eu
B=${B:-build/release}
dir=$(mktemp -d)
trap '[ ! -s "$dir/pid" ] || kill -9 "$(cat "$dir/pid")" 2>/dev/null || true; rm -rf "$dir"' EXIT
export B dir

/usr/bin/python3 - <<'PYTHON'
import json, os, signal, subprocess, sys, time
B, dir = os.environ["B"], os.environ["dir"]
sys.path.insert(0, B + "/examples")
import zmq
import rue_pb2 as pb

def need(condition, what):
    if not condition:
        print("on_drift:", what)
        print(open(f"{dir}/rued.log").read()[-3000:])
        sys.exit(1)

endpoint = f"ipc://{dir}/socket"
context = zmq.Context()
watched = "drift: {warmup: 100, between: 10000, silence: 100}, reward: {wait: 0s}"
open(f"{dir}/rued.yaml", "w").write(f"""
http: {{listen: ""}}
problems:
  - {{name: falls, context: [x], actions: [a, b, c], {watched},
     policy: {{oracle: ridge, explorer: squarecb}},
     on_drift: fallback, fallback: {{action: b, calm: 1000, explore: 0.3}}}}
  - {{name: learns, context: [x], actions: [a, b, c], {watched},
     policy: {{oracle: ridge, explorer: squarecb}},
     on_drift: retrain, retrain: {{min_events: 300, priority: low}}}}
  - {{name: saves, context: [x], actions: [a, b, c], {watched},
     policy: {{oracle: ridge, explorer: squarecb}},
     retrain: {{every: 1s, min_events: 1600, when: performance, window: variance, priority: low}}}}
  - {{name: tells, context: [x], actions: [a, b, c], {watched},
     policy: {{oracle: ridge, explorer: squarecb}}}}
""")

def start():
    process = subprocess.Popen([f"{B}/rued", "--config", f"{dir}/rued.yaml", "--data", f"{dir}/data",
                                "--listen", endpoint], stderr=open(f"{dir}/rued.log", "a"))
    open(f"{dir}/pid", "w").write(str(process.pid))
    ask(pb.Request(id=1, status=pb.StatusQuestion()))
    return process

def ask(request):
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    socket.send(request.SerializeToString())
    need(socket.poll(30000), "no answer")
    reply = pb.Reply.FromString(socket.recv())
    socket.close()
    need(reply.status == pb.OK, f"an answer: {reply.message}")
    return reply

played = 0
def play(name, count, good):
    """decisions one group at a time, each with its feedback"""
    global played
    for _ in range(count // 50):
        request = pb.Request(id=7, problem=name.encode())
        for i in range(50):
            decide = request.decide.add(event=b"e%d" % (played + i))
            decide.shared.columns = 1
            decide.shared.f64.append((played + i) * 37 % 100 / 100)
            request.feedback.add(event=b"e%d" % (played + i), value=float(good if i % 10 else not good))
        played += 50
        ask(request)

def number(name, what):
    answer = ask(pb.Request(id=2, problem=name.encode(), status=pb.StatusQuestion())).answer
    return next(n.value for n in answer.number if n.name == what.encode())

def wait(what, holds, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        need(time.monotonic() < end, what)
        time.sleep(0.1)

def log():
    out = subprocess.run([f"{B}/rue", "log", f"{dir}/data", "--json"], capture_output=True, check=True)
    return [json.loads(l) for l in out.stdout.splitlines()]

def replay(wanted):
    for tool in ("replay", "verify"):
        done = subprocess.run([f"{B}/rue", tool, f"{dir}/data"], capture_output=True, text=True)
        need(done.returncode == 0, f"rue {tool} {wanted}: {done.stdout} {done.stderr}")

service = start()
for name in ("falls", "learns", "tells"):
    play(name, 2000, True)
    need(number(name, "alarms") == 0, f"{name}: alarms while nothing changes")
play("falls", 500, False)
need(number("falls", "fallback") == 1, "no fallback")
# A fallback that is under way goes on after a crash.
service.send_signal(signal.SIGKILL)
service.wait()
service = start()
need(number("falls", "fallback") == 1, "the fallback is forgotten")
wait("a line that says so", lambda: "id=drift.fallback problem=falls active=true" in open(f"{dir}/rued.log").read())
# The model is wrong until it has learned what is new.
for _ in range(20):
    play("falls", 250, False)
    if number("falls", "fallback") == 0:
        break
else:
    need(False, "a fallback without an end")
wait("a line that says so", lambda: "id=drift.fallback problem=falls active=false" in open(f"{dir}/rued.log").read())
for name in ("learns", "tells"):
    play(name, 1000, False)
    need(number(name, "alarms") > 0 and number(name, "fallbacks") == 0, f"{name}: the alarm")
# It begins when 300 outcomes came after the newest alarm that it has heard of.
for _ in range(20):
    if number("learns", "training_running") or number("learns", "generation_newest") >= 1:
        break
    play("learns", 100, False)
    time.sleep(0.2)
wait("a training by itself", lambda: number("learns", "generation_newest") >= 1)
wait("its end", lambda: number("learns", "training_running") == 0)
wait("its promotion", lambda: ask(pb.Request(id=2, problem=b"learns", status=pb.StatusQuestion())).answer.generation >= 1)
trained = number("learns", "trainings")
play("learns", 500, False)
time.sleep(0.5)
need(number("learns", "trainings") == trained <= 2, "one training for an alarm")
need(number("tells", "trainings") == 0 and number("falls", "trainings") == 0, "trainings that nobody asked for")

# Trainings that are due are skipped while predictions hold, and the window is
# the floor, 200 rows an action; when the world changes one is not skipped.
play("saves", 2500, True)
wait("the first generation", lambda: number("saves", "generation_newest") == 1)
wait("its promotion", lambda: ask(pb.Request(id=2, problem=b"saves", status=pb.StatusQuestion())).answer.generation == 1)
need(number("saves", "training_window") == 600 and number("saves", "training_known") >= 1600, "the window of a calm stream")
for _ in range(100):
    play("saves", 100, True)
    time.sleep(0.2)
    if number("saves", "trainings_skipped") >= 2:
        break
need(number("saves", "trainings_skipped") >= 2, "it never skips")
need(number("saves", "trainings") == 1, "a training that was not needed")
need(number("saves", "training_cpu_saved_s") >= number("saves", "training_cpu_s") > 0, "what was saved")
for _ in range(100):
    play("saves", 100, False)
    time.sleep(0.1)
    if number("saves", "trainings") >= 2:
        break
need(number("saves", "trainings") >= 2, "no training after a change")

records = log()
decisions = {r["sequence"]: r for r in records if r["kind"] == "decision"}
fell = [r for r in decisions.values() if r.get("fallback")]
need(fell and {r["problem"] for r in fell} == {"falls"} and len(fell) == number("falls", "fallbacks"), "who fell back")
for r in fell:
    p = dict(zip(r["eligible"], r["probability"]))
    need(abs(p[1] - 0.8) < 1e-12 and abs(p[0] - 0.1) < 1e-12, f"probabilities: {p}")
share = sum(r["chosen"] == 1 for r in fell) / len(fell)
need(abs(share - 0.8) < 5 * (0.16 / len(fell)) ** 0.5, f"drawn as logged: {share}")
# It begins after an alarm.
first = min(r["sequence"] for r in fell)
need(any(r["kind"] == "alarm" and r["problem"] == "falls" and r["sequence"] < first for r in records), "an alarm before it")
replay("while it runs")
service.terminate()
need(service.wait(30) == 0, "the stop")
replay("after the stop")
context.destroy(0)
PYTHON
