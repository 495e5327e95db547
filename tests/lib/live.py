"""For the Python in the scripts of tests/system: a live service, asked over its
socket, and its log. tests/lib/service.sh has made `dir`, B is the build directory."""
import json, os, re, subprocess, sys, time, urllib.request
B, dir = os.environ["B"], os.environ["dir"]
sys.path.insert(0, B + "/examples")
import zmq
import rue_pb2 as pb

# How long a test waits for what must come: a last resort, for slow machines and
# builds with sanitizers too; no measure of anything.
PATIENCE_S = 300

endpoint = f"ipc://{dir}/socket"
context = zmq.Context()


def need(condition, what):
    """ends the test unless the condition holds"""
    if not condition:
        print("needed:", what)
        sys.exit(1)


def wait(what, holds, seconds=PATIENCE_S):
    """until holds()"""
    end = time.monotonic() + seconds
    while not holds():
        need(time.monotonic() < end, f"{what}, within {seconds} s")
        time.sleep(0.05)


def note(process, name):
    """the script ends it, should this program not come to that"""
    open(f"{dir}/{name}.pid", "w").write(f"{process.pid}\n")
    return process


def start(answers=True):
    """rued on $dir/rued.yaml; `answers`: returns when it does"""
    process = note(subprocess.Popen([f"{B}/rued", "--config", f"{dir}/rued.yaml", "--data", f"{dir}/data",
                                     "--listen", endpoint], stderr=open(f"{dir}/rued.log", "a")), "rued")
    if answers:
        ask(pb.Request(id=1, status=pb.StatusQuestion()))
    return process


def hears(socket, what):
    """until there is something to receive"""
    wait(what, lambda: socket.poll(500))


def ask(request):
    """the reply, of status OK"""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    socket.send(request.SerializeToString())
    hears(socket, "an answer")
    reply = pb.Reply.FromString(socket.recv())
    socket.close()
    need(reply.status == pb.OK, f"an answer: {reply.message}")
    return reply


def number(what, problem=""):
    """a number of the status of a problem, or of the service"""
    request = pb.Request(id=2, status=pb.StatusQuestion())
    if problem:
        request.problem = problem.encode()
    answer = ask(request).answer
    return next(n.value for n in answer.number if n.name == what.encode())


def look(path):
    """what the service that was started last says over HTTP (`http: {listen: "127.0.0.1:0"}`)"""
    port = re.findall(r"id=http.listening port=(\d+)", open(f"{dir}/rued.log").read())[-1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as reply:
        return reply.read().decode()


def turn(problem, first, values, contexts=None):
    """one request: decisions e{first} and on, each with its feedback; contexts of one column"""
    request = pb.Request(id=7, problem=problem.encode())
    for i, value in enumerate(values):
        decide = request.decide.add(event=b"e%d" % (first + i))
        if contexts is not None:
            decide.shared.columns = 1
            decide.shared.f64.append(contexts[i])
        request.feedback.add(event=b"e%d" % (first + i), value=float(value))
    ask(request)


def log(*arguments):
    """the records of the log"""
    out = subprocess.run([f"{B}/rue", "log", f"{dir}/data", "--json", *arguments], capture_output=True, check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]
