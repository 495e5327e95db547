#!/bin/sh
# `rue top` under a pseudo terminal: what is on the screen of 80 x 24, its keys,
# other sizes, a service that goes away and comes back, and a terminal that is
# left as it was.
# shellcheck source=tests/lib/service.sh
. tests/lib/service.sh

PYTHONPATH=tests/lib /usr/bin/python3 - <<'PYTHON' || broken "see above"
import fcntl, os, pty, re, select, signal, struct, subprocess, termios, time
from live import *

class Screen:
    """as much of a VT100 as ncurses uses of one"""
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.y = self.x = 0
        self.top, self.bottom = 0, rows - 1
        self.rest = b""
        self.unknown = set()
    def feed(self, data):
        self.rest += data
        while self.rest:
            used = self.take(self.rest)
            if used == 0:
                return
            self.rest = self.rest[used:]
    def take(self, data):
        if data[0] == 0x1b:
            found = re.match(rb"\x1b(\[([?0-9;]*)([A-Za-z])|[()][0-9A-B]|[78=>MDEHc])", data)
            if not found:
                return 0 if len(data) < 16 else 1
            if found[3]:
                self.sequence(found[2].decode(), found[3].decode())
            elif found[1] == b"M":
                self.up()
            elif found[1] in (b"D", b"E"):
                self.down()
            return len(found[0])
        if data[0] < 0x20:
            if data[0] == 13:
                self.x = 0
            elif data[0] == 10:
                self.down()
            elif data[0] == 9:
                self.x = min(self.x // 8 * 8 + 8, self.columns - 1)
            elif data[0] == 8:
                self.x = max(self.x - 1, 0)
            return 1
        size = 1 if data[0] < 0x80 else 2 if data[0] < 0xe0 else 3 if data[0] < 0xf0 else 4
        if len(data) < size:
            return 0
        if self.x >= self.columns:
            self.x, self.y = 0, min(self.y + 1, self.rows - 1)
        self.cells[self.y][self.x] = data[:size].decode("utf-8", "replace")
        self.x += 1
        return size
    def down(self):
        if self.y == self.bottom:
            del self.cells[self.top]
            self.cells.insert(self.bottom, [" "] * self.columns)
        else:
            self.y = min(self.y + 1, self.rows - 1)
    def up(self):
        if self.y == self.top:
            del self.cells[self.bottom]
            self.cells.insert(self.top, [" "] * self.columns)
        else:
            self.y = max(self.y - 1, 0)
    def sequence(self, numbers, letter):
        n = [int(v) if v.isdigit() else 0 for v in numbers.lstrip("?").split(";")]
        by = max(n[0], 1)
        if letter == "H":
            self.y, self.x = max(n[0], 1) - 1, (max(n[1], 1) if len(n) > 1 else 1) - 1
        elif letter == "J":
            if n[0] == 0:
                self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
            for row in range(0 if n[0] == 2 else self.y + 1, self.rows):
                self.cells[row] = [" "] * self.columns
        elif letter == "K":
            if n[0] == 1:
                self.cells[self.y][:self.x + 1] = [" "] * (self.x + 1)
            else:
                self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
        elif letter in "ABCD":
            self.y += {"A": -by, "B": by}.get(letter, 0)
            self.x += {"C": by, "D": -by}.get(letter, 0)
        elif letter == "r":
            self.top = max(n[0], 1) - 1
            self.bottom = (n[1] if len(n) > 1 and n[1] else self.rows) - 1
            self.y = self.x = 0
        elif letter not in "mhl":
            self.unknown.add(letter)
    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]
    def text(self):
        return "\n".join(self.lines())

class Top:
    def __init__(self, rows, columns, *arguments, **environment):
        self.screen = Screen(rows, columns)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "vt100", "LC_ALL": "C.UTF-8", **environment})
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(f"{B}/rue", ["rue", "top", "--connect", endpoint, "--every", "0.25", *arguments])
        self.before = None
        self.raw = b""
    def read(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    return False
                if not data:
                    return False
                self.raw += data
                self.screen.feed(data)
        return True
    def wait(self, what, holds):
        end = time.monotonic() + PATIENCE_S
        while not holds(self.screen):
            need(time.monotonic() < end, f"{what}:\n{self.screen.text()}")
            self.read(0.1)
    def keys(self, text):
        os.write(self.fd, text.encode())
    def resize(self, rows, columns):
        self.screen = Screen(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    def end(self):
        """its exit status"""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            self.read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        need(False, f"it does not end:\n{self.screen.text()}")

open(f"{dir}/rued.yaml", "w").write("""
http: {listen: ""}
problems:
  - {name: checkout, context: [x], actions: [a, b, c], reward: {wait: 0s},
     drift: {warmup: 100, between: 1000, silence: 100}, policy: {oracle: ridge, explorer: squarecb}}
  - {name: a-problem-whose-name-is-so-long-that-it-has-no-room-on-a-line, actions: [a, b]}
""" + "".join(f"  - {{name: more-{i:02d}, actions: [a, b]}}\n" for i in range(30)))

played = 0
def play(count, value):
    global played
    for _ in range(count // 50):
        turn("checkout", played, [value] * 50, [0.5] * 50)
        played += 50

def row(screen, name):
    return next((l for l in screen.lines() if l.startswith(name)), "")

# Before there is a service it says so; then it shows it.
top = Top(24, 80)
top.wait("that it is away", lambda s: "AWAY: no answer for" in s.text())
service = start(answers=False)
top.wait("the list", lambda s: "32 problems, by name" in s.text() and "AWAY" not in s.text())
top.wait("the name that is cut", lambda s: "a-problem-whose-na~" in s.text())
lines = top.screen.lines()
need(re.match(r" rue top  \d\d:\d\d:\d\d  every 0.25s  up 0m \d\ds  \S+  ipc:", lines[0]) and "q quit  ? help" in lines[23], f"head and foot:\n{top.screen.text()}")
need(all(len(l) <= 80 for l in lines) and not top.screen.unknown, f"the screen: {top.screen.unknown}")
for value in (0.9, 0.8, 0.7, 0.9):
    play(300, value)
    top.read(0.6)
top.wait("a reward and its course", lambda s: re.search(
    r"^checkout +0 .* (0\.\d+|-) +.*[▁▂▃▄▅▆▇█]", row(s, "checkout")))
play(600, 0.1)
top.wait("alarms", lambda s: re.search(r"\d\d:\d\d:\d\d  checkout  reward  \+1", s.text()))
need(re.search(r"[▁-█] *\d+$", row(top.screen, "checkout")), f"the alarms of the row: {row(top.screen, 'checkout')}")

# Keys.
top.keys("s")
top.wait("by rate", lambda s: "by rate" in s.text())
top.keys("s")
top.wait("by alarms", lambda s: "by alarms" in s.text() and s.lines()[4].startswith("checkout"))
top.keys("\r")
top.wait("all numbers", lambda s: "squarecb over ridge, generation 0" in s.text() and "  decisions " in s.text())
top.keys("\x1bOB" * 8 + "j" * 8)
top.wait("further down", lambda s: "  feedbacks " not in s.text())
top.keys("?")
top.wait("the keys", lambda s: "up, down" in s.text() and "Enter       all numbers" in s.text())
top.keys("?")
top.wait("back to the problem, by the same key", lambda s: "squarecb over ridge" in s.text())
top.keys("?")
top.wait("the keys again", lambda s: "up, down" in s.text())
top.keys("q")
top.wait("back to the problem", lambda s: "squarecb over ridge" in s.text())
top.keys("q")
top.wait("back to the list", lambda s: "32 problems" in s.text())
top.keys("sG" + "j" * 40)
top.wait("the last one", lambda s: "more-29" in s.text() and "checkout" not in row(s, "checkout "))
top.keys("p")
top.wait("a pause", lambda s: "PAUSED" in s.lines()[0])
top.keys("p+--")
top.wait("less often", lambda s: "every 1s" in s.lines()[0] and "PAUSED" not in s.lines()[0])

# Other sizes, also far too small ones.
top.resize(40, 120)
top.wait("a larger screen", lambda s: "q quit" in s.lines()[39] and "more-29" in s.text())
top.resize(5, 20)
top.wait("a tiny screen", lambda s: "too small: 20 x 5" in s.text())
top.resize(1, 1)
top.read(1)
top.resize(24, 80)
top.wait("the old size", lambda s: "32 problems" in s.text() and "q quit" in s.lines()[23])

# The service goes and comes.
service.kill()
service.wait()
top.wait("that it is gone", lambda s: "AWAY: no answer for" in s.text() and "more-29" in s.text())
service = start(answers=False)
top.wait("that it is back", lambda s: "AWAY" not in s.text() and "decisions/s" in s.text())
top.keys("q")
need(top.end() == 0, "q")
need(top.raw.rstrip().endswith(b"\x1b[?1l\x1b>") or b"\x1b[24;1H" in top.raw[-200:], "the terminal is left as it was")

# Alarms of what is not on the screen are seen: problems are asked about in turn.
top = Top(24, 80)
top.wait("the list", lambda s: "32 problems" in s.text())
top.keys("j" * 40)
top.wait("the end of the list", lambda s: "more-29" in s.text() and not row(s, "checkout "))
top.read(1.5)
play(900, 0.9)
top.read(1)
play(900, 0.1)
top.wait("its alarms", lambda s: re.search(r"\d\d:\d\d:\d\d  checkout  ", s.text()) and not row(s, "checkout "))
top.keys("q")
need(top.end() == 0, "q")

# Signals end it as cleanly; without UTF-8 it draws with other letters.
for number in (signal.SIGINT, signal.SIGTERM):
    top = Top(24, 80, LC_ALL="C")
    top.wait("the list", lambda s: "32 problems" in s.text())
    play(50, 0.5)
    top.read(0.6)
    play(50, 0.6)
    need(all(ord(c) < 127 for c in top.screen.text()), "letters that the terminal has not")
    os.kill(top.pid, number)
    need(top.end() == 0, f"signal {number}")

# What is no terminal, or none that is known, is said.
piped = subprocess.run([f"{B}/rue", "top", "--connect", endpoint], capture_output=True, text=True)
need(piped.returncode == 1 and "terminal" in piped.stderr and piped.stdout == "", "in a pipe")
top = Top(24, 80, TERM="no-such-terminal")
need(top.end() == 1 and b"TERM" in top.raw, "an unknown terminal")
service.terminate()
need(service.wait(30) == 0, "the stop")
context.destroy(0)
PYTHON
