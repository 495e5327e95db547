#!/usr/bin/python3
"""What `retrain.when: performance` and `retrain.window: variance` save, and cost.

A service, DAYS days of EVENTS events, a world that changes at the beginning of
day CHANGE: four actions, each best in its quarter of a feature, with success 0.7
there and 0.3 elsewhere; then the quarters move by one. Four ways of training
`trees`, the same contexts and luck for all, SEEDS times. Every day ends when all
problems were trained, or looked at and skipped. Prints, for each way, trainings,
processor seconds of rue-train, and the mean reward of all days and of those from
the change on.

    B=build/release bench/retrain.py [DAYS EVENTS CHANGE SEEDS]
"""
import collections, os, random, re, statistics, subprocess, sys, tempfile, time
B = os.environ.get("B", "build/release")
sys.path.insert(0, B + "/examples")
import zmq
import rue_pb2 as pb

DAYS, EVENTS, CHANGE, SEEDS = [int(a) for a in sys.argv[1:5]] or [10, 2000, 6, 3]
WAYS = {"schedule, all": "when: schedule, window: all",
        "schedule, variance": "when: schedule, window: variance",
        "performance, all": "when: performance, window: all",
        "performance, variance": "when: performance, window: variance"}

directory = tempfile.mkdtemp()
endpoint = f"ipc://{directory}/socket"
names = [(way, seed, f"p{i}-{seed}") for seed in range(SEEDS) for i, way in enumerate(WAYS)]
with open(f"{directory}/rued.yaml", "w") as out:
    print('http: {listen: ""}\nproblems:', file=out)
    for way, seed, name in names:
        print(f"""  - {{name: {name}, context: [x, y, z], actions: [a, b, c, d], seed: {seed + 1},
     reward: {{wait: 0s}}, drift: {{warmup: 500}},
     policy: {{oracle: trees, explorer: squarecb, floor: 0.02}},
     retrain: {{every: 1s, min_events: {EVENTS * 3 // 4}, priority: low, {WAYS[way]}}}}}""", file=out)
service = subprocess.Popen([f"{B}/rued", "--config", f"{directory}/rued.yaml", "--data", f"{directory}/data",
                            "--listen", endpoint], stderr=open(f"{directory}/log", "w"))
socket = zmq.Context().socket(zmq.DEALER)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(endpoint)

def ask(request):
    socket.send(request.SerializeToString())
    if not socket.poll(120000):
        sys.exit("no answer")
    reply = pb.Reply.FromString(socket.recv())
    if reply.status != pb.OK:
        sys.exit(reply.message)
    return reply

def numbers(name):
    answer = ask(pb.Request(id=1, problem=name.encode(), status=pb.StatusQuestion())).answer
    return collections.defaultdict(float, {n.name.decode(): n.value for n in answer.number})

rewards = collections.defaultdict(list)
def play(name, seed, day):
    """the luck of an event depends on seed, day and event alone"""
    total = 0.0
    for start in range(0, EVENTS, 100):
        request, worlds = pb.Request(id=2, problem=name.encode()), []
        for i in range(start, start + 100):
            luck = random.Random(f"{seed} {day} {i}")
            x = [luck.random() for _ in range(3)]
            decide = request.decide.add(event=b"%d-%d" % (day, i))
            decide.shared.columns = 3
            decide.shared.f64.extend(x)
            worlds.append((int(4 * x[0]), luck.random()))
        report = pb.Request(id=3, problem=name.encode())
        for decision, (best, draw) in zip(ask(request).decision, worlds):
            best = (best + (day >= CHANGE)) % 4
            value = float(draw < (0.7 if decision.ranking[0] == best else 0.3))
            total += value
            report.feedback.add(event=decision.event, value=value)
        ask(report)
    return total / EVENTS

for day in range(DAYS):
    for way, seed, name in names:
        rewards[way, seed].append(play(name, seed, day))
    for way, seed, name in names:
        end = time.monotonic() + 600
        while True:
            n = numbers(name)
            looked = n["trainings"] + n["trainings_failed"] > day or ("performance" in way and n["trainings_skipped"] > 0)
            if looked and not n["training_running"]:
                break
            if time.monotonic() > end:
                sys.exit(f"{name}: day {day} does not end")
            time.sleep(0.1)
    time.sleep(1.5)
    print(f"day {day}", file=sys.stderr)

used = collections.defaultdict(list)
windows = collections.defaultdict(list)
for line in open(f"{directory}/log"):
    found = re.search(r"id=training.used problem=(\S+) cpu_s=(\S+) window=(\d+) of=(\d+)", line)
    if found:
        way = list(WAYS)[int(found[1][1:].split("-")[0])]
        used[way].append(float(found[2]))
        windows[way].append(int(found[3]) / int(found[4]))
service.terminate()
service.wait()

def mean(values):
    spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.4f} (se {spread:.4f})"
base = sum(used["schedule, all"])
for way in WAYS:
    every = [statistics.mean(rewards[way, seed]) for seed in range(SEEDS)]
    after = [statistics.mean(rewards[way, seed][CHANGE:]) for seed in range(SEEDS)]
    print(f"{way}: {len(used[way]) / SEEDS:.1f} trainings, {sum(used[way]) / SEEDS:.2f} cpu s "
          f"({100 * (1 - sum(used[way]) / base):.0f} % saved), window {100 * statistics.mean(windows[way] or [1]):.0f} %, "
          f"reward {mean(every)}, from the change on {mean(after)}")
