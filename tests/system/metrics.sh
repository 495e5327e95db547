#!/bin/sh
# Metrics agree with the log after a run with kills: what the log says was
# decided, fed back, learned, expired, corrected and alarmed, /metrics says too,
# of each problem, in all and since the last start.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

PYTHONPATH=tests/lib /usr/bin/python3 - <<'PYTHON' || broken "see above"
import random, signal, threading
from live import *

NAMES = ["shop", "post", "late"]
open(f"{dir}/rued.yaml", "w").write("""
http: {listen: "127.0.0.1:0"}
engine_threads: 2
snapshot: {records: 500}
problems:
  - name: shop
    context: [x]
    actions: [a, b, c]
    policy: {oracle: ridge, explorer: squarecb}
    reward: {wait: 1s, default: 0}
    orphan_wait: 1s
    drift: {warmup: 100, between: 1000, silence: 100}
    groups: [{name: low, when: x < 0.5}]
  - name: post
    actions: [a, b]
    policy: {learner: tsallis-inf}
    reward: {wait: 1s}
    orphan_wait: 1s
  - name: late
    context: [x]
    actions: [a, b]
    policy: {oracle: ridge, explorer: epsilon}
    reward: {wait: 1s}
    orphan_wait: 1s
""")

# ---- the load: all that can come of an event, and replies that never come

def load(name, seed, stop):
    rng, made = random.Random(seed), 0
    def socket():
        new = context.socket(zmq.DEALER)
        new.setsockopt(zmq.LINGER, 0)
        new.connect(endpoint)
        return new
    mine = socket()
    while not stop.is_set():
        request = pb.Request(id=1, problem=name.encode())
        for _ in range(rng.randrange(1, 20)):
            event, kind = b"%s-%d-%d" % (name.encode(), seed, made), rng.random()
            made += 1
            if kind > 0.05: # otherwise feedback that no decision follows
                decide = request.decide.add(event=event)
                if name != "post":
                    decide.shared.columns = 1
                    decide.shared.f64.append(rng.random())
                if name == "late":
                    decide.deferred = rng.random() < 0.3
                if decide.deferred and rng.random() < 0.7:
                    request.activate.add(event=event)
            if kind < 0.8: # otherwise it expires
                request.feedback.add(event=event, value=float(rng.random() < (0.8 if made < 1500 else 0.1)))
            if kind < 0.1:
                request.feedback.add(event=event, value=0.5, id=b"again")
        # An orphan whose decision comes later.
        if rng.random() < 0.2:
            event = b"%s-%d-held-%d" % (name.encode(), seed, made)
            mine.send(pb.Request(id=2, problem=name.encode(), feedback=[pb.Feedback(event=event, value=1.0)]).SerializeToString())
            decide = request.decide.add(event=event)
            if name != "post":
                decide.shared.columns = 1
                decide.shared.f64.append(0.5)
        mine.send(request.SerializeToString())
        while not stop.is_set():
            if mine.poll(3000):
                if pb.Reply.FromString(mine.recv()).id == 1:
                    break
            else: # it was killed: ask again, which the log must not have twice
                mine.close()
                mine = socket()
                mine.send(request.SerializeToString())
    mine.close()

def loaded(seconds, end):
    stop = threading.Event()
    threads = [threading.Thread(target=load, args=(name, seed, stop)) for seed in (next(seeds), next(seeds)) for name in NAMES]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    end()
    stop.set()
    for thread in threads:
        thread.join()

# ---- what the log says

def counted(records, name):
    """the counters of a problem, made of its records alone"""
    mine = [r for r in records if r.get("problem") == name]
    def of(kind, **members):
        return [r for r in mine if r["kind"] == kind and all(r.get(k) == v for k, v in members.items())]
    learned = [r["after"] for kind in ("feedback", "expiry") for r in of(kind, effect="learn")]
    learned += [r["held"] for kind in ("decision", "activation") for r in of(kind)
                if "held" in r and not r.get("question", {}).get("deferred")]
    corrected = of("feedback", effect="correct")
    return {
        "decisions_total": len(of("decision")), "feedbacks_total": len(of("feedback")),
        "activations_total": len(of("activation")), "learned_total": len(learned),
        "held_total": len(of("feedback", effect="hold")), "expired_total": len(of("expiry", orphan=False)),
        "orphans_expired_total": len(of("expiry", orphan=True)), "corrected": len(corrected),
        "alarms_total": len(of("alarm")),
        "outcome_values": sum(learned) + sum(r["after"] - r["before"] for r in corrected),
    }

def told():
    values = {}
    for line in look("/metrics").splitlines():
        match = re.fullmatch(r'rue_(\w+?)(\{.*\})? (\S+)', line)
        if match:
            values[match[1] + (match[2] or "")] = float(match[3])
    return values

def of_problem(values, name, what):
    return values[f'problem_{what}{{problem="{name}"}}']

seeds, rng = iter(range(1000)), random.Random(7)
service = start()
for kill in range(4):
    loaded(0.5 + rng.random(), service.kill)
    service.wait()
    service = start()
loaded(1.0, lambda: None)
# Every event has come to its end: none is left for a deadline.
last = [0]
def at_rest():
    before, last[0] = last[0], told()["last_record"]
    time.sleep(1.2)
    return before == last[0]
wait("that nothing expires any more", at_rest)

records, values = log(), told()
since = int(re.findall(r"id=recovery.done .*last_record=(\d+)", open(f"{dir}/rued.log").read())[-1])
new = [r for r in records if r["sequence"] > since]
need(values["last_record"] == records[-1]["sequence"] == len(records), "the last record")
seen = {}
for name in NAMES:
    for what, count in counted(records, name).items():
        metric = of_problem(values, name, what) if what != "corrected" else \
            of_problem(values, name, "corrected_total") + of_problem(values, name, "corrections_deferred_total")
        need(abs(metric - count) < 1e-6, f"{name}: {what} is {count} in the log and {metric} in /metrics")
        seen[what] = seen.get(what, 0) + count
    fresh = counted(new, name)
    need(of_problem(values, name, "reward_outcomes") == fresh["learned_total"] > 0, f"{name}: outcomes since the start")
    chosen = sum(v for k, v in values.items() if k.startswith(f'action_chosen_total{{problem="{name}"'))
    need(chosen == fresh["decisions_total"] > 0, f"{name}: actions chosen since the start")
need(all(seen.values()), f"a kind of record never came: {seen}")
# Of the whole service since the last start; the rest was answered from the log.
items = values["decides_total"] + values["feedbacks_total"] + values["activates_total"] - values["repeated_total"]
need(items == sum(r["kind"] in ("decision", "feedback", "activation") for r in new), "items answered OK")
need(values["records_total"] == len(new) and values["commit_records_sum"] == len(new), "records committed")
service.terminate()
need(service.wait(60) == 0, "the stop")
context.destroy(0)
PYTHON
