#!/bin/sh
# What alarms of drift lead to, in the real programs: a fallback decides until it
# is calm, over kill -9 too; a training begins by itself, once; and the replay of
# the log makes every decision again.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

PYTHONPATH=tests/lib /usr/bin/python3 - <<'PYTHON' || broken "see above"
import datetime, signal, subprocess
from live import *

watched = "drift: {warmup: 100, between: 10000, silence: 100}, reward: {wait: 0s}"
open(f"{dir}/rued.yaml", "w").write(f"""
http: {{listen: "127.0.0.1:0"}}
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

played = 0
def play(name, count, good):
    """decisions in turns of 50, one outcome of ten other than the rest"""
    global played
    for _ in range(count // 50):
        turn(name, played, [good if i % 10 else not good for i in range(50)],
             [(played + i) * 37 % 100 / 100 for i in range(50)])
        played += 50

def replay(wanted):
    for tool in ("replay", "verify"):
        done = subprocess.run([f"{B}/rue", tool, f"{dir}/data"], capture_output=True, text=True)
        need(done.returncode == 0, f"rue {tool} {wanted}: {done.stdout} {done.stderr}")

def told(name):
    return json.loads(look(f"/api/v1/status?problem={name}"))["problems"][0]

# Who looks on after a restart sees the alarms of before, which are the log's.
def alarms_are_told(name):
    logged = [a for a in log() if a["kind"] == "alarm" and a["problem"] == name][:-17:-1]
    need(logged, f"{name}: no alarm")
    def agree():
        alarms = told(name)["alarms"]
        return len(alarms) == len(logged) and all(
            abs(a["time"] - b["time_ns"] / 1e9) < 0.002 and a["event"].startswith("e") and
            a["stream"] == b["stream"] and a["rows"] == b["rows"] and
            abs(a["statistic"] - b["statistic"]) < 1e-9 * abs(b["statistic"]) for a, b in zip(alarms, logged))
    wait(f"the alarms of {name}", agree, 30)

service = start()
for name in ("falls", "learns", "tells"):
    play(name, 2000, True)
    need(number("alarms", name) == 0, f"{name}: alarms while nothing changes")
play("falls", 500, False)
need(number("fallback", "falls") == 1, "no fallback")
# A fallback that is under way goes on after a crash.
service.send_signal(signal.SIGKILL)
service.wait()
service = start()
need(number("fallback", "falls") == 1, "the fallback is forgotten")
alarms_are_told("falls")
wait("a line that says so", lambda: "id=drift.fallback problem=falls active=true" in open(f"{dir}/rued.log").read())
# The model is wrong until it has learned what is new.
for _ in range(20):
    play("falls", 250, False)
    if number("fallback", "falls") == 0:
        break
else:
    need(False, "a fallback without an end")
wait("a line that says so", lambda: "id=drift.fallback problem=falls active=false" in open(f"{dir}/rued.log").read())
for name in ("learns", "tells"):
    play(name, 1000, False)
    need(number("alarms", name) > 0 and number("fallbacks", name) == 0, f"{name}: the alarm")
# It begins when 300 outcomes came after the newest alarm that it has heard of.
for _ in range(20):
    if number("training_running", "learns") or number("generation_newest", "learns") >= 1:
        break
    play("learns", 100, False)
    time.sleep(0.2)
wait("a training by itself", lambda: number("generation_newest", "learns") >= 1)
wait("its end", lambda: number("training_running", "learns") == 0)
wait("its promotion", lambda: ask(pb.Request(id=2, problem=b"learns", status=pb.StatusQuestion())).answer.generation >= 1)
# Each of them begins after an alarm that is newer than the one before it.
def begun():
    return [datetime.datetime.fromisoformat(line.split()[0][5:].replace("Z", "+00:00")).timestamp()
            for line in open(f"{dir}/rued.log") if "id=training.started problem=learns" in line]
play("learns", 500, False)
time.sleep(0.5)
alarmed = [a["time_ns"] / 1e9 for a in log() if a["kind"] == "alarm" and a["problem"] == "learns"]
starts = begun()
need(starts and min(alarmed) <= starts[0], "no alarm before the first training")
for last, next in zip(starts, starts[1:]):
    need(any(last - 0.002 <= t <= next + 0.002 for t in alarmed), "one training for an alarm")
need(number("trainings", "tells") == 0 and number("trainings", "falls") == 0, "trainings that nobody asked for")

# Trainings that are due are skipped while predictions hold, and the window is
# the floor, 200 rows an action; when the world changes one is not skipped.
play("saves", 2500, True)
wait("the first generation", lambda: number("generation_newest", "saves") == 1)
wait("its promotion", lambda: ask(pb.Request(id=2, problem=b"saves", status=pb.StatusQuestion())).answer.generation == 1)
need(number("training_window", "saves") == 600 and number("training_known", "saves") >= 1600, "the window of a calm stream")
for _ in range(100):
    play("saves", 100, True)
    time.sleep(0.2)
    if number("trainings_skipped", "saves") >= 2:
        break
need(number("trainings_skipped", "saves") >= 2, "it never skips")
need(number("trainings", "saves") == 1, "a training that was not needed")
need(number("training_cpu_saved_s", "saves") >= number("training_cpu_s", "saves") > 0, "what was saved")
for _ in range(100):
    play("saves", 100, False)
    time.sleep(0.1)
    if number("trainings", "saves") >= 2:
        break
need(number("trainings", "saves") >= 2, "no training after a change")

records = log()
decisions = {r["sequence"]: r for r in records if r["kind"] == "decision"}
fell = [r for r in decisions.values() if r.get("fallback")]
need(fell and {r["problem"] for r in fell} == {"falls"} and len(fell) == number("fallbacks", "falls"), "who fell back")
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
# From snapshots this time.
service = start()
for name in ("falls", "learns", "tells", "saves"):
    alarms_are_told(name)
served = [r for r in records if r["kind"] == "promotion" and r["problem"] == "learns"][-1]
need(abs(told("learns")["promoted"] - served["time_ns"] / 1e9) < 0.002, "when it began to serve")
service.terminate()
need(service.wait(30) == 0, "the stop")
context.destroy(0)
PYTHON
