"use strict";
/* The dashboard of rued: asks /api/v1 of the service that it came from, and
 * nothing else, and draws what that says. No framework; charts are uPlot's.
 *
 * In order: what the service must give; words and numbers; the state of the
 * page; asking; charts; the parts of the page; keys; the start. */

/* What this page reads of each answer; tests/system/dashboard.sh compares it
 * with the answers, and with the members that the code below names. */
const NEEDS = {
  status: ["version", "now", "uptime_s", "store", "storage", "queues", "last_record", "problems"],
  storage: ["full", "used_bytes", "quota_bytes", "disk_free_bytes"],
  queues: ["commit_batches", "engine_requests"],
  problem: ["name", "policy", "generation", "generation_created", "policy_version", "told_at", "snapshot_at",
    "fold_lag_records", "watched", "counters", "numbers", "groups", "reward", "exploration", "actions", "delays",
    "detectors", "alarms", "trial", "training"],
  counters: ["decisions", "learned", "alarms"],
  reward: ["outcomes", "mean", "half_width", "min", "max", "minimise", "regret"],
  exploration: ["share", "least"],
  action: ["name", "offered", "chosen", "outcomes", "mean", "half_width", "value"],
  group: ["reward_outcomes", "reward_mean", "reward_half_width"],
  delays: ["edges", "counts", "sum"],
  detector: ["stream", "part", "name", "statistic", "threshold"],
  trial: ["generation", "share", "outcomes"],
  training: ["running", "done", "trainings", "failures", "seconds"],
  line: ["name", "policy", "generation", "decisions", "reward_mean", "alarms", "last_alarm"],
  past: ["every", "kept", "t", "series"],
  series: ["decisions", "learned", "alarms", "generation", "reward_outcomes", "reward_sum", "reward_squares",
    "decided", "explored", "least_chosen", "least", "effective"],
  service: ["requests", "request_p50", "request_p99", "commit_p99"],
};

/* What an alarm of each stream of detectors means. */
const STREAMS = {
  reward: "Outcomes have become worse; of one action: an outage.",
  residual: "The model is wrong now.",
  weighted: "The world has changed, whatever the policy does.",
  optimism: "The model believes too much, or too little, of what it plays.",
  context: "Inputs have moved.",
  actions: "The policy or the offers have moved.",
  propensity: "What is served is not drawn from what is logged.",
  join: "Labels are lost.",
  delay: "Labels are late.",
};

const CIRCUIT = "The circuit breaker takes out what fails, and lets it back when probes succeed.";

/* What the means before and after a change are of. */
const CHANGES = {
  reward: "Mean loss",
  join: "Share without feedback",
  residual: "Residual, 0.5 is none,",
  weighted: "Weighted residual, 0.5 is none,",
};

const POLL_MS = 2000; /* from one look to the next */
const TIMEOUT_MS = 5000; /* of one request */
const STALE_MS = 7000; /* without an answer: what is shown is old */
const SLOW_POLL_MS = 15000; /* lists that change seldom */
const SHARES = 7; /* actions with a colour of their own */
const FEW = 20; /* outcomes: of fewer a mean says little */
const ROWS = 200; /* of a table */
const RECENT_S = 600; /* an alarm is news as long as this */

/* ---- words and numbers ---- */

const $ = (id) => document.getElementById(id);
const finite = (x) => typeof x === "number" && Number.isFinite(x);

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (name === "text") node.textContent = value;
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/* Three digits or so; whole numbers up to a million as they are. */
function num(x) {
  if (!finite(x)) return "–";
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1e6) return x.toLocaleString("en");
  if (size >= 1e6) return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(x);
  if (size >= 100) return Math.round(x).toLocaleString("en");
  if (size >= 1) return x.toFixed(size >= 10 ? 1 : 2);
  if (size === 0) return "0";
  if (size < 1e-4) return x.toExponential(1);
  return String(+x.toPrecision(size >= 0.01 ? 3 : 2));
}

const short = (x) => (finite(x) ? (Math.abs(x) >= 1e-4 || x === 0 ? String(+x.toPrecision(2)) : x.toExponential(0)) : "–");

/* As many digits as the interval makes sense of. */
function meanText(mean, half) {
  if (!finite(mean)) return "–";
  if (!finite(half) || half <= 0) return num(mean);
  const digits = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(half))));
  return `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

const pct = (x) => (finite(x) ? `${(100 * x).toFixed(x > 0 && x < 0.0995 ? 1 : 0)} %` : "–");

function secs(x) {
  if (!finite(x)) return "–";
  if (x < 1e-3) return `${num(x * 1e6)} µs`;
  if (x < 1) return `${num(x * 1e3)} ms`;
  return duration(x);
}

function duration(s) {
  if (!finite(s)) return "–";
  if (s < 60) return `${s < 10 && s % 1 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${+(s / 3600).toFixed(s < 36000 ? 1 : 0)} h`;
  return `${Math.round(s / 86400)} d`;
}

function bytes(x) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; x >= 1024 && unit < units.length - 1; unit++) x /= 1024;
  return `${unit === 0 ? x : x.toFixed(x < 10 ? 2 : x < 100 ? 1 : 0)} ${units[unit]}`;
}

const two = (x) => String(x).padStart(2, "0");
function clock(t, withSeconds) {
  const at = new Date(t * 1000);
  return `${two(at.getHours())}:${two(at.getMinutes())}${withSeconds ? `:${two(at.getSeconds())}` : ""}`;
}
function dateTime(t) {
  const at = new Date(t * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(t, true)}`;
}
/* A time that is told as "3 min ago", and kept so by tickTimes(). */
function ago(t) {
  if (!finite(t)) return el("span", { text: "–" });
  return el("time", { "data-t": t, datetime: new Date(t * 1000).toISOString(), title: dateTime(t), text: agoText(t) });
}
const agoText = (t) => `${duration(Math.max(0, now() - t))} ago`;
function tickTimes() {
  for (const node of document.querySelectorAll("time[data-t]")) {
    const text = agoText(Number(node.dataset.t));
    if (node.textContent !== text) node.textContent = text;
  }
}

/* For a shell. */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function setText(id, ...content) {
  const node = $(id);
  const text = content.map((part) => (part instanceof Node ? part.textContent : part)).join("");
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  node.replaceChildren(...content);
}

/* Calls `draw` only when `what` is not what it was: rows that are being read
 * or copied from stay where they are. */
const drawn = new Map();
function whenChanged(key, what, draw) {
  const text = JSON.stringify(what);
  if (drawn.get(key) === text) return;
  drawn.set(key, text);
  draw();
}

/* ---- the state of the page ---- */

const view = {
  problem: null, /* name */
  range: 1, /* index into ranges() */
  status: null, /* the newest /api/v1/status */
  lines: [], /* /api/v1/problems */
  generations: null,
  pasts: new Map(), /* "problem\nresolution" to a past */
  every: 5,
  started: null, /* of the service */
  offset: 0, /* its clock less ours */
  answered: 0, /* when it answered last, by our clock */
  stale: false,
  trouble: "",
};

const now = () => Date.now() / 1000 + view.offset;
const shownProblem = () => view.status && view.status.problems.find((problem) => problem.name === view.problem);

/* How much of the past can be shown: of the fine samples a sixth or all, and
 * all of the coarse ones. */
function ranges() {
  const fine = 720 * view.every;
  return [
    { seconds: fine / 6, resolution: "fine" },
    { seconds: fine, resolution: "fine" },
    { seconds: 24 * fine, resolution: "coarse" },
  ];
}
const range = () => ranges()[view.range];

function readHash() {
  const hash = new URLSearchParams(location.hash.slice(1));
  if (hash.get("problem") !== null) view.problem = hash.get("problem");
  const index = Number(hash.get("range"));
  if (hash.get("range") !== null && [0, 1, 2].includes(index)) view.range = index;
}
function writeHash() {
  const hash = new URLSearchParams({ problem: view.problem || "", range: String(view.range) });
  history.replaceState(null, "", `#${hash}`);
}

/* ---- asking ---- */

class Refused extends Error {}

async function ask(path) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    const reply = await fetch(path, { signal: stop.signal, cache: "no-store" });
    if (reply.status === 404) throw new Refused(await reply.text());
    if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
    return await reply.json();
  } finally {
    clearTimeout(timer);
  }
}

/* A page that is newer or older than the service says so rather than draw what
 * is not there. */
function checkNeeds(kind, object) {
  const missing = NEEDS[kind].filter((name) => !(name in object));
  if (missing.length > 0) view.trouble = `The service does not tell ${missing.join(", ")}: load this page anew.`;
}

async function askProblems() {
  const answer = await ask("/api/v1/problems");
  view.lines = answer.problems;
  if (view.lines.length > 0) checkNeeds("line", view.lines[0]);
  if (!view.lines.some((line) => line.name === view.problem))
    view.problem = view.lines.length > 0 ? view.lines[0].name : null;
}

async function askStatus() {
  const name = view.problem;
  const status = await ask(`/api/v1/status?problem=${encodeURIComponent(name)}`);
  if (name !== view.problem) return;
  checkNeeds("status", status);
  checkNeeds("problem", status.problems[0]);
  const started = status.now - status.uptime_s;
  if (view.started !== null && Math.abs(started - view.started) > 2) view.pasts.clear();
  view.started = started;
  view.offset = status.now - Date.now() / 1000;
  view.status = status;
}

/* The columns of an answer of /api/v1/history, by name. */
function columnsOf(past) {
  const columns = { ...past.series };
  (past.actions || []).forEach((action, i) => { columns[`action\n${i}`] = action.offered; });
  return columns;
}

/* What is new of the past of a problem, or of the service (null). */
async function askPast(name, resolution) {
  const key = `${name === null ? "" : name}\n${resolution}`;
  const known = view.pasts.get(key);
  const query = new URLSearchParams({ resolution });
  if (name !== null) query.set("problem", name);
  if (known && known.t.length > 0) query.set("since", String(known.t[known.t.length - 1]));
  const past = await ask(`/api/v1/history?${query}`);
  checkNeeds("past", past);
  view.every = resolution === "fine" ? past.every : past.every / 24;
  const columns = columnsOf(past);
  if (!known || view.pasts.get(key) !== known) {
    view.pasts.set(key, {
      t: past.t, columns, kept: past.kept, origin: past.origin || 0,
      actions: (past.actions || []).map((action) => action.name),
    });
    return;
  }
  const drop = Math.max(0, known.t.length + past.t.length - 720);
  known.t = known.t.concat(past.t).slice(drop);
  for (const column of Object.keys(known.columns))
    known.columns[column] = known.columns[column].concat(columns[column] || []).slice(drop);
}

const pastOf = (name) => view.pasts.get(`${name === null ? "" : name}\n${range().resolution}`);

async function askGenerations() {
  const name = view.problem;
  const answer = await ask(`/api/v1/generations?problem=${encodeURIComponent(name)}`);
  if (name === view.problem) view.generations = answer;
}

let turn = 0, timer = null, busy = false, again = false, slowAt = 0;

/* One look at everything that is shown. */
async function look() {
  const mine = turn;
  if (Date.now() - slowAt > SLOW_POLL_MS || view.lines.length === 0) {
    await askProblems();
    slowAt = Date.now();
    if (view.problem !== null) await askGenerations();
  }
  if (view.problem === null) return mine === turn;
  await askStatus();
  const resolution = range().resolution;
  await Promise.all([askPast(null, resolution), askPast(view.problem, resolution)]);
  return mine === turn;
}

async function poll() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  clearTimeout(timer);
  try {
    if (await look()) {
      view.answered = Date.now();
      view.stale = false;
    }
  } catch (error) {
    /* The problem is gone with a restart: look at the list again. */
    if (error instanceof Refused) slowAt = 0;
    else view.stale = view.stale || Date.now() - view.answered > STALE_MS || view.status === null;
  }
  busy = false;
  draw();
  timer = setTimeout(poll, again ? 0 : POLL_MS);
  again = false;
}

/* The choice has changed: what is under way is of no use. */
function choose(change) {
  change();
  turn++;
  writeHash();
  slowAt = 0;
  draw();
  poll();
}

/* ---- charts ---- */

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (i) => css(`--s${i}`);
const withAlpha = (hex, alpha) => `${hex}${Math.round(255 * alpha).toString(16).padStart(2, "0")}`;

const charts = new Map(); /* id to { plot, key } */
const cursors = uPlot.sync("rue");

function timeAxis() {
  return {
    stroke: css("--muted"), font: "12px system-ui, sans-serif", size: 30,
    grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid"), width: 1, size: 4 },
    space: 64,
    values: (u, splits) => splits.map((t) => clock(t, range().seconds <= 900)),
  };
}

function valueAxis(format) {
  return {
    stroke: css("--muted"), font: "12px system-ui, sans-serif", size: 58, gap: 4,
    grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false },
    values: (u, splits) => splits.map((v) => (v === null || v === undefined ? "" : format(v))),
  };
}

/* Labels of a logarithmic axis: powers of ten, and more where there are few. */
function logAxis(format) {
  const axis = valueAxis(format);
  const filter = (u, splits) => {
    const tens = splits.filter((v) => v > 0 && Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9).length;
    return splits.map((v) => {
      const digit = v / 10 ** Math.floor(Math.log10(v) + 1e-9);
      const lead = Math.round(digit);
      return lead === 1 || (tens < 3 && (lead === 2 || lead === 5)) ? v : null;
    });
  };
  axis.filter = filter;
  axis.grid.filter = filter;
  return axis;
}

/* What a legend says: of the sample that is pointed at, otherwise the newest. */
function reading(format) {
  return (u, v, series, at) => format(at === null || at === undefined ? last(u.data[series]) : v);
}

function width(host) {
  return Math.max(200, Math.floor(host.clientWidth));
}

/* From when to when: a service that is younger than what is asked for has no
 * more to show. */
function shownSpan() {
  const to = now(), from = to - range().seconds;
  return [Math.max(from, Math.min(view.started || from, to - range().seconds / 12)), to];
}

/* Makes the chart, or anew when its shape or the colours have changed, and
 * gives it data. `make` gives uPlot's options but for size, cursor and time. */
function drawChart(id, shape, data, make) {
  const host = $(id);
  const key = `${shape}\n${document.documentElement.dataset.theme}`;
  const old = charts.get(id);
  const span = shownSpan();
  const empty = !data.slice(1).some((column) => column.some((v) => v !== null));
  host.classList.toggle("has-none", empty);
  if (old && old.key === key) {
    old.plot.setData(data, false);
    old.plot.setScale("x", { min: span[0], max: span[1] });
    if (finite(old.plot.cursor.idx)) return note(host, empty);
    old.plot.setLegend({ idx: null });
  } else {
    if (old) old.plot.destroy();
    const options = make();
    options.width = width(host);
    options.height = Number(host.dataset.height);
    options.scales = { x: { time: true, auto: false, min: span[0], max: span[1] }, ...options.scales };
    options.axes = [timeAxis(), ...options.axes];
    options.series = [{ value: (u, t) => (finite(t) ? clock(t, true) : "newest"), label: "at" }, ...options.series];
    options.cursor = { sync: { key: cursors.key }, drag: { x: false, y: false }, points: { size: 6 }, y: false };
    options.legend = { live: true };
    const plot = new uPlot(options, data, host);
    charts.set(id, { plot, key });
    readable(host, plot);
  }
  note(host, empty);
}

function note(host, empty) {
  let text = host.querySelector(".empty");
  if (!text) host.append(text = el("p", { class: "empty" }));
  const past = pastOf(view.problem);
  text.textContent = past && !past.kept ? "No memory is set aside for this problem's past (http.history)."
    : "Nothing yet in this time.";
  text.hidden = !empty;
}

/* A chart can have the focus; arrows read it sample by sample, aloud. */
function readable(host, plot) {
  host.tabIndex = 0;
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", `${host.parentElement.querySelector("h2").textContent}: chart; arrow keys read it`);
  host.onkeydown = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    const times = plot.data[0];
    let from = 0;
    while (from < times.length - 1 && times[from] < plot.scales.x.min) from++;
    const at = plot.cursor.idx === null || plot.cursor.idx === undefined ? times.length : plot.cursor.idx;
    const to = Math.min(times.length - 1, Math.max(from, at + steps[event.key]));
    event.preventDefault();
    if (times.length === 0) return;
    plot.setCursor({ left: plot.valToPos(times[to], "x"), top: 10 }, true);
    const words = plot.series.slice(1).filter((series) => series.show)
      .map((series, i) => `${series.label} ${series.value(plot, plot.data[i + 1][to], i + 1, to)}`);
    $("say").textContent = `${clock(times[to], true)}: ${words.join(", ")}`;
  };
  host.onblur = () => plot.setCursor({ left: -10, top: -10 }, true);
}

const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const chart = charts.get(entry.target.id);
    if (chart && chart.plot.width !== width(entry.target))
      chart.plot.setSize({ width: width(entry.target), height: Number(entry.target.dataset.height) });
  }
});

/* ---- sums into what happened in a window ---- */

/* Samples that a window goes back: a sixtieth of what is shown, one at least. */
function reach(past) {
  return Math.max(1, Math.round(range().seconds / (past.t.length > 1 ? medianStep(past.t) : view.every) / 60));
}
function medianStep(t) {
  const steps = t.slice(1).map((at, i) => at - t[i]).sort((a, b) => a - b);
  return Math.max(1e-3, steps[Math.floor(steps.length / 2)]);
}

/* The rise of a sum over the window that ends at each sample; null where it
 * fell, since then it began anew. */
function rise(column, back) {
  return column.map((value, i) => {
    const before = column[Math.max(0, i - back)];
    return i === 0 || !finite(value) || !finite(before) || value < before ? null : value - before;
  });
}

function perSecond(past, column, back) {
  const risen = rise(column, back);
  return risen.map((value, i) => (value === null ? null : value / (past.t[i] - past.t[Math.max(0, i - back)])));
}

const ratio = (a, b) => a.map((value, i) => (value === null || !(b[i] > 0) ? null : value / b[i]));
const orNull = (column) => column.map((value) => (finite(value) ? value : null));
const positive = (column) => column.map((value) => (finite(value) && value > 0 ? value : null));

/* Mean and interval of the rewards of each window, which goes further back where
 * there are few outcomes. A sum may fall where values
 * are below the origin, so the count says whether it began anew. */
function rewards(past) {
  const { reward_outcomes: outcomes, reward_sum: sum, reward_squares: squares } = past.columns;
  const back = reach(past);
  const mean = [], low = [], high = [];
  outcomes.forEach((count, i) => {
    let j = Math.max(0, i - back);
    while (j > 0 && count > outcomes[Math.max(0, i - back)] && count - outcomes[j] < FEW) j--;
    const n = count - outcomes[j];
    const good = i > 0 && n >= 5;
    const m = good ? (sum[i] - sum[j]) / n : null;
    const half = n > 1 ? 1.96 * Math.sqrt(Math.max(0, (squares[i] - squares[j]) / n - m * m) / (n - 1)) : null;
    mean.push(good ? past.origin + m : null);
    low.push(good ? past.origin + m - half : null);
    high.push(good ? past.origin + m + half : null);
  });
  return { mean, low, high };
}

/* Where another generation begins to serve. */
function promotions(past) {
  const marks = [];
  past.columns.generation.forEach((generation, i, all) => {
    if (i > 0 && generation !== all[i - 1]) marks.push({ t: past.t[i], text: `g${generation}` });
  });
  return marks;
}

/* ---- charts of the page ---- */

function drawMarks(u, promoted, alarms) {
  const { ctx, bbox } = u;
  const ratioOf = devicePixelRatio || 1;
  const inside = (t) => t >= u.scales.x.min && t <= u.scales.x.max;
  ctx.save();
  ctx.font = `${11 * ratioOf}px system-ui, sans-serif`;
  ctx.strokeStyle = css("--muted");
  ctx.fillStyle = css("--muted");
  ctx.lineWidth = ratioOf;
  ctx.setLineDash([4 * ratioOf, 4 * ratioOf]);
  for (const mark of promoted.filter((each) => inside(each.t))) {
    const x = u.valToPos(mark.t, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.textAlign = x > bbox.left + bbox.width - 40 * ratioOf ? "right" : "left";
    ctx.fillText(mark.text, x + (ctx.textAlign === "right" ? -4 : 4) * ratioOf, bbox.top + 11 * ratioOf);
  }
  ctx.setLineDash([]);
  ctx.fillStyle = css("--bad");
  for (const t of alarms.filter(inside)) {
    const x = u.valToPos(t, "x", true), y = bbox.top + bbox.height, size = 6 * ratioOf;
    ctx.beginPath();
    ctx.moveTo(x - size, y);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y - 1.7 * size);
    ctx.fill();
  }
  ctx.restore();
}

let marks = { promoted: [], alarms: [] };
let declared = [0, 1]; /* least and most reward */

function drawReward(problem, past) {
  const { mean, low, high } = rewards(past);
  const within = (column) => column.map((v) => (v === null ? v : Math.min(problem.reward.max, Math.max(problem.reward.min, v))));
  $("h-reward").textContent = problem.reward.minimise ? "Cost" : "Reward";
  declared = [problem.reward.min, problem.reward.max];
  marks = { promoted: promotions(past), alarms: problem.alarms.map((alarm) => alarm.time) };
  drawChart("chart-reward", "reward", [past.t, mean, within(low), within(high)], () => ({
    scales: { y: { range: (u, min, max) => (min === null || min === max ? declared : uPlot.rangeNum(min, max, 0.1, false)) } },
    axes: [valueAxis(num)],
    series: [
      { label: "mean", stroke: colour(0), width: 2, value: reading(num) },
      { label: "95 % from", stroke: withAlpha(colour(0), 0.35), width: 1, points: { show: false }, value: reading(num) },
      { label: "to", stroke: withAlpha(colour(0), 0.35), width: 1, points: { show: false }, value: reading(num) },
    ],
    bands: [{ series: [3, 2], fill: withAlpha(colour(0), 0.15) }],
    hooks: { draw: [(u) => drawMarks(u, marks.promoted, marks.alarms)] },
  }));
}

/* Those with the largest shares of what is shown, and the rest. */
function shares(past) {
  const back = reach(past);
  const all = past.actions.map((name, i) => ({ name, risen: rise(past.columns[`action\n${i}`], back) }));
  const from = now() - range().seconds;
  for (const action of all)
    action.size = action.risen.reduce((sum, value, i) => sum + (past.t[i] >= from && value !== null ? value : 0), 0);
  const total = past.t.map((t, i) => all.reduce((sum, action) => sum + (action.risen[i] || 0), 0));
  const order = [...all].sort((a, b) => b.size - a.size);
  const top = order.slice(0, order.length <= SHARES + 1 ? SHARES + 1 : SHARES);
  const parts = top.map((action) => ({ name: action.name, share: ratio(action.risen, total) }));
  if (order.length > top.length)
    parts.push({
      name: `${order.length - top.length} others`,
      share: total.map((sum, i) => (sum > 0
        ? order.slice(top.length).reduce((part, action) => part + (action.risen[i] || 0), 0) / sum : null)),
    });
  return parts;
}

let stacked = []; /* the shares behind the stacked lines */

function drawShares(past) {
  const parts = shares(past);
  const sums = past.t.map(() => 0);
  stacked = parts.map((part) => part.share);
  const data = parts.map((part) => part.share.map((share, i) => (share === null ? null : (sums[i] += share))));
  const reversed = [...data].reverse(); /* the tallest first, each painted over by the next */
  $("chart-shares").closest(".card").hidden = parts.length === 0;
  drawChart("chart-shares", `shares\n${parts.map((part) => part.name).join("\n")}`, [past.t, ...reversed], () => ({
    scales: { y: { range: [0, 1] } },
    axes: [valueAxis(pct)],
    series: [...parts].reverse().map((part, i) => {
      const index = parts.length - 1 - i;
      return {
        label: part.name, stroke: colour(index), fill: withAlpha(colour(index), 0.85), width: 1, points: { show: false },
        value: (u, v, si, at) => pct(at === null || at === undefined ? last(stacked[index]) : stacked[index][at]),
      };
    }),
  }));
}

function last(column) {
  for (let i = column.length - 1; i >= 0; i--) if (column[i] !== null) return column[i];
  return null;
}

function lineChart(id, past, lines, axis, scale) {
  drawChart(id, lines.map((curve) => curve.label).join("\n"), [past.t, ...lines.map((curve) => curve.data)], () => ({
    scales: { y: scale },
    axes: [axis.log ? logAxis(axis.format) : valueAxis(axis.format)],
    series: lines.map((curve, i) => ({
      label: curve.label, stroke: colour(curve.colour === undefined ? i : curve.colour), width: 1.75, dash: curve.dash,
      fill: curve.fill ? withAlpha(colour(i), 0.12) : undefined, value: reading(axis.format),
    })),
  }));
}

const logScale = { distr: 3, range: (u, min, max) => (min === null ? [1e-4, 1] : uPlot.rangeLog(min, max, 10, false)) };
const fromZero = { range: (u, min, max) => [0, max === null || max <= 0 ? 1 : max * 1.1] };

function drawRates(past) {
  const back = reach(past);
  lineChart("chart-rates", past, [
    { label: "decisions", data: perSecond(past, past.columns.decisions, back), fill: true },
    { label: "outcomes", data: perSecond(past, past.columns.learned, back) },
  ], { format: num }, fromZero);
}

function drawLatency(service) {
  lineChart("chart-latency", service, [
    { label: "p99", data: positive(service.columns.request_p99) },
    { label: "p50", data: positive(service.columns.request_p50), colour: 2 },
    { label: "commit p99", data: positive(service.columns.commit_p99), colour: 7, dash: [5, 4] },
  ], { format: secs, log: true }, logScale);
}

function drawFloor(problem, past) {
  lineChart("chart-floor", past, [
    { label: "smallest eligible", data: positive(past.columns.least) },
    { label: "smallest chosen", data: positive(past.columns.least_chosen), colour: 1 },
  ], { format: short, log: true }, logScale);
  $("floor-note").hidden = problem.exploration.least !== 0;
}

function drawExplore(past) {
  const back = reach(past);
  lineChart("chart-explore", past, [
    { label: "exploration", data: ratio(rise(past.columns.explored, back), rise(past.columns.decided, back)), fill: true },
    { label: "effective sample", data: orNull(past.columns.effective) },
  ], { format: pct }, { range: [0, 1] });
}

function drawCharts(problem) {
  const past = pastOf(view.problem), service = pastOf(null);
  if (past) {
    drawReward(problem, past);
    for (const id of ["chart-floor", "chart-explore"]) /* a number that is predicted has no probabilities */
      $(id).closest(".card").hidden = problem.actions.length === 0 && !(last(past.columns.decided) > 0);
    drawShares(past);
    drawRates(past);
    drawFloor(problem, past);
    drawExplore(past);
  }
  if (service) drawLatency(service);
}

/* ---- the parts of the page ---- */

function drawTop() {
  const status = view.status;
  const pill = (text, kind) => {
    setText("state", text);
    $("state").className = `pill ${kind}`;
  };
  if (view.stale) pill("no answer", "bad");
  else if (!status) pill(view.answered > 0 ? "no problems" : "connecting", "");
  else if (status.storage.full) pill("storage full", "bad");
  else pill("live", "good");
  const none = view.answered > 0 && view.lines.length === 0;
  $("none").hidden = !none;
  document.body.classList.toggle("none", none);
  document.body.classList.toggle("stale", view.stale);
  $("stale").hidden = !view.stale;
  if (view.stale)
    setText("stale", view.answered > 0
      ? `The service does not answer since ${clock(view.answered / 1000, true)}. What is shown is from then and not true any more.`
      : "The service does not answer.");
  const words = [];
  if (status && status.storage.full) words.push("There is no room for new work: decisions are refused.");
  if (view.trouble) words.push(view.trouble);
  $("notice").hidden = words.length === 0;
  setText("notice", words.join(" "));
}

function drawPicker() {
  const select = $("problem");
  whenChanged("picker", [view.lines.map((line) => line.name), view.problem], () => {
    select.replaceChildren(...view.lines.map((line) => el("option", { value: line.name, text: line.name })));
    select.disabled = view.lines.length === 0;
    select.value = view.problem;
  });
}

function drawRanges() {
  whenChanged("ranges", [view.every, view.range], () => {
    const box = $("range"), focused = box.contains(document.activeElement);
    const labels = ranges().map((each, i) => {
      const input = el("input", { type: "radio", name: "range", value: i, checked: i === view.range });
      input.onchange = () => choose(() => { view.range = i; });
      return el("label", {}, input, el("span", { text: duration(each.seconds) }));
    });
    box.replaceChildren(box.querySelector("legend"), ...labels);
    if (focused) labels[view.range].querySelector("input").focus();
  });
}

const small = (text) => el("small", { text });

function drawTiles(problem) {
  const past = pastOf(view.problem), service = pastOf(null);
  const back = past ? reach(past) : 1;
  const rate = past ? last(perSecond(past, past.columns.decisions, back).slice(-3)) : null;
  setText("tile-rate", num(rate), small(" /s"));
  setText("tile-rate-sub", `${num(problem.counters.decisions)} so far, ${num(problem.counters.learned)} learned`);
  setText("tile-latency", service ? secs(last(service.columns.request_p99)) : "–");
  setText("tile-latency-sub", service ? `p50 ${secs(last(service.columns.request_p50))}` : "");
  const reward = problem.reward;
  setText("tile-reward-head", reward.minimise ? "Cost" : "Reward");
  const recent = past ? rewards(past) : null;
  const mean = recent ? last(recent.mean.slice(-3)) : null;
  setText("tile-reward", num(mean === null ? reward.mean : mean));
  setText("tile-reward-sub", `${meanText(reward.mean, reward.half_width)} since the start`);
  setText("tile-regret", num(reward.regret));
  setText("tile-regret-sub", !finite(reward.regret) ? "" : reward.regret < 0
    ? "better than any fixed action" : "a decision, to the best fixed action");
  setText("tile-generation", `${problem.generation}`);
  const trial = problem.trial.generation > 0 ? `, ${problem.trial.generation} on trial` : "";
  if (finite(problem.generation_created)) setText("tile-generation-sub", "made ", ago(problem.generation_created), trial);
  else setText("tile-generation-sub", `learned while serving${trial}`);
  const newest = problem.alarms[0];
  const fresh = newest !== undefined && now() - newest.time < RECENT_S;
  $("tile-alarm-box").classList.toggle("bad", fresh);
  setText("tile-alarm", num(problem.counters.alarms));
  if (newest) setText("tile-alarm-sub", `${newest.stream} `, ago(newest.time));
  else setText("tile-alarm-sub", problem.watched ? "none so far" : "not watched");
  document.title = `${fresh ? "⚠ " : ""}${problem.name} – rue`;
}

const levelOf = (detector) => Math.max(0, detector.statistic / detector.threshold);
const kindOf = (level) => (level >= 1 ? "bad" : level >= 0.6 ? "warn" : "");

function setGauge(row, detector) {
  const level = levelOf(detector);
  const gauge = row.querySelector(".gauge"), value = row.querySelector(".value");
  gauge.className = `gauge ${kindOf(level)}`;
  gauge.firstChild.style.width = `${Math.min(100, 80 * level)}%`;
  gauge.setAttribute("aria-valuenow", level.toFixed(2));
  const numbers = `${short(Math.max(0, detector.statistic))} of ${short(detector.threshold)}`;
  value.title = numbers;
  value.replaceChildren(el("span", { text: `${numbers}, ` }), el("b", { text: `${Math.round(100 * level)} %` }));
}

function levelRow(name) {
  return el("div", { class: "level" }, el("span", { class: "what", text: name, title: name }),
    el("div", { class: "gauge", role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 1.25 }, el("i")),
    el("span", { class: "value" }));
}

const partName = (detector) => (detector.part === "all" ? "all" : `${detector.part} ${detector.name}`);

/* The rows stay, so that what was opened stays open; only their bars move. */
function drawDrift(problem) {
  const byStream = Object.keys(STREAMS).map((stream) => ({
    stream,
    parts: problem.detectors.filter((detector) => detector.stream === stream)
      .sort((a, b) => levelOf(b) - levelOf(a)).slice(0, 8),
  }));
  const shape = byStream.map(({ stream, parts }) => [stream, parts.length]);
  $("drift-empty").hidden = problem.watched;
  $("drift").hidden = !problem.watched;
  whenChanged("drift", [view.problem, shape], () => {
    const open = new Set([...$("drift").querySelectorAll("details[open]")].map((node) => node.dataset.stream));
    $("drift").replaceChildren(...byStream.map(({ stream, parts }) => {
      const rows = el("div", { class: "parts" }, ...parts.map(() => levelRow("")));
      return el("details", { "data-stream": stream, open: open.has(stream) },
        el("summary", {}, levelRow(stream)), el("p", { class: "means", text: STREAMS[stream] }),
        parts.length > 1 ? rows : null);
    }));
  });
  byStream.forEach(({ parts }, i) => {
    const box = $("drift").children[i];
    const head = box.querySelector("summary .level");
    if (parts.length === 0) {
      head.querySelector(".value").textContent = "no data";
      return;
    }
    setGauge(head, parts[0]);
    box.querySelectorAll(".parts .level").forEach((row, k) => {
      const what = row.querySelector(".what");
      what.textContent = what.title = partName(parts[k]);
      setGauge(row, parts[k]);
    });
  });
}

/* What a person types to see why. */
function commandOf(alarm) {
  const store = quoted(view.status.store), problem = quoted(view.problem);
  return alarm.event ? `rue explain ${quoted(alarm.event)} --store ${store} --problem ${problem}`
    : `rue log ${store} --problem ${problem}`;
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(button.previousSibling);
    button.textContent = "selected";
  }
  $("say").textContent = button.textContent;
  setTimeout(() => { button.textContent = "copy"; }, 2000);
}

function alarmRow(alarm) {
  const command = commandOf(alarm);
  const button = el("button", { type: "button", text: "copy", "aria-label": `copy: ${command}` });
  button.onclick = () => copy(button, command);
  const about = alarm.stream === "circuit" ? ` ${alarm.name} ${alarm.after < 1 ? "opened" : "closed"}`
    : alarm.part === "all" ? "" : ` of ${alarm.part} ${alarm.name}`;
  const meaning = STREAMS[alarm.stream] || CIRCUIT;
  const since = alarm.rows > 0 ? `, ${num(alarm.rows)} values since the change` : "";
  const means = alarm.stream in CHANGES && (alarm.before !== 0 || alarm.after !== 0)
    ? ` ${CHANGES[alarm.stream]} ${num(alarm.before)} → ${num(alarm.after)}${since}.` : "";
  return el("article", { class: "alarm" },
    el("div", {}, el("b", { text: alarm.stream }), about),
    el("div", { class: "when" }, ago(alarm.time)),
    el("p", { class: "text", text: `${meaning} Statistic ${num(alarm.statistic)}, threshold ${num(alarm.threshold)}.${means}` }),
    el("div", { class: "copy" }, el("code", { text: command }), button));
}

let allAlarms = false;

function drawAlarms(problem) {
  $("alarms-empty").hidden = problem.alarms.length > 0;
  whenChanged("alarms", [view.problem, problem.alarms, allAlarms], () => {
    const shown = allAlarms ? problem.alarms : problem.alarms.slice(0, 4);
    const rows = shown.map(alarmRow);
    if (problem.alarms.length > shown.length) {
      const more = el("button", { type: "button", class: "more", text: `show ${problem.alarms.length - shown.length} older ones` });
      more.onclick = () => { allAlarms = true; draw(); };
      rows.push(more);
    }
    $("alarms").replaceChildren(...rows);
  });
}

const cell = (text, kind) => el("td", { class: kind, text });
const head = (text) => el("th", { scope: "row", text, title: text });

/* A mean with its interval between the least and the most, and the mean of all
 * as a line. */
function track(low, high, scale, all) {
  const place = (value) => Math.min(100, Math.max(0, 100 * (value - scale[0]) / (scale[1] - scale[0] || 1)));
  const box = el("div", { class: "track", "aria-hidden": "true" });
  if (finite(all)) {
    const rule = el("u");
    rule.style.left = `${place(all)}%`;
    box.append(rule);
  }
  if (finite(low) && finite(high)) {
    const span = el("i"), dot = el("b");
    span.style.left = `${place(low)}%`;
    span.style.width = `${place(high) - place(low)}%`;
    dot.style.left = `${place((low + high) / 2)}%`;
    box.append(span, dot);
  }
  return el("td", { class: "span" }, box);
}

/* The scale that shows all intervals, within what is declared. */
function scaleOf(rows, reward) {
  const lows = rows.map((row) => row.mean - (row.half || 0)).filter(finite);
  const highs = rows.map((row) => row.mean + (row.half || 0)).filter(finite);
  if (lows.length === 0) return [reward.min, reward.max];
  const low = Math.min(...lows), high = Math.max(...highs), room = 0.08 * (high - low) || 0.01;
  return [Math.max(reward.min, low - room), Math.min(reward.max, high + room)];
}

function fillTable(id, rows) {
  $(id).tBodies[0].replaceChildren(...rows);
  const empty = $(`${id}-empty`);
  $(id).parentElement.hidden = rows.length === 0;
  if (empty) empty.hidden = rows.length > 0;
  else $(id).closest(".card").hidden = rows.length === 0;
}

function drawGroups(problem) {
  whenChanged("groups", [problem.groups, problem.reward], () => {
    const rows = Object.entries(problem.groups).map(([name, group]) => ({
      name, group, mean: finite(group.reward_mean) ? group.reward_mean : NaN, half: group.reward_half_width,
    }));
    const scale = scaleOf(rows, problem.reward);
    fillTable("groups", rows.slice(0, ROWS).map(({ name, group, mean, half }) => el("tr", {},
      head(name), cell(meanText(mean, half), "n"), track(mean - half, mean + half, scale, problem.reward.mean),
      cell(num(group.reward_outcomes), "n"),
      cell(num(first(group, ["expert_rounds", "path_rounds"])), "n"),
      cell(num(first(group, ["meta_regret", "path_regret"])), "n"),
      cell(num(first(group, ["meta_regret_bound", "path_regret_bound"])), "n"))));
  });
}

/* The first of these numbers that the policy tells. */
function first(numbers, names) {
  const name = names.find((each) => finite(numbers[each]));
  return name === undefined ? null : numbers[name];
}

function drawActions(problem) {
  whenChanged("actions", [problem.actions, problem.reward], () => {
    const total = problem.actions.reduce((sum, action) => sum + action.offered, 0);
    const rows = problem.actions.map((action) => ({ action, mean: finite(action.mean) ? action.mean : NaN, half: action.half_width }))
      .sort((a, b) => b.action.offered - a.action.offered);
    const scale = scaleOf(rows, problem.reward);
    fillTable("actions", rows.slice(0, ROWS).map(({ action, mean, half }) => el("tr", {},
      head(action.name), cell(total > 0 ? pct(action.offered / total) : "–", "n"), cell(meanText(mean, half), "n"),
      track(mean - half, mean + half, scale, problem.reward.mean), cell(num(action.value), "n"),
      cell(num(action.chosen), "n"), cell(num(action.outcomes), "n"))));
  });
}

function verdictBadge(generation) {
  const kinds = { pass: "good", block: "bad", none: "" };
  return el("span", { class: `badge ${kinds[generation.verdict]}`, text: generation.verdict === "none" ? "not compared" : generation.verdict });
}

function gainText(gain) {
  if (!gain) return "–";
  const sign = gain.value > 0 ? "+" : "";
  return `${sign}${num(gain.value)} [${num(gain.lower)}, ${num(gain.upper)}]`;
}

function drawTraining(problem) {
  const training = problem.training;
  if (!training) return;
  const failed = training.failures > 0 ? `, ${training.failures} came to nothing` : "";
  const took = training.trainings > 0 ? ` The last one took ${secs(training.seconds)}.` : "";
  setText("training-now", training.running ? "A training is under way." :
    `${training.trainings === 0 ? "None" : num(training.trainings)} since the start${failed}.${took}`);
  $("training-progress").hidden = !training.running;
  $("training-progress").value = training.done;
  const told = view.generations;
  if (!told || told.problem !== problem.name) return;
  whenChanged("generations", [told, problem.generation, problem.trial.generation], () => {
    fillTable("generations", [...told.generations].reverse().slice(0, ROWS).map((generation) => {
      const number = el("td", { class: "n" }, `${generation.number} `);
      if (generation.number === problem.generation) number.append(el("span", { class: "badge now", text: "serves" }));
      if (generation.number === problem.trial.generation && generation.number > 0)
        number.append(el("span", { class: "badge now", text: "on trial" }));
      if (generation.damaged) return el("tr", {}, number, el("td", { colspan: 5, text: "is damaged" }));
      return el("tr", {}, number, el("td", {}, ago(generation.created)), cell(num(generation.rows), "n"),
        el("td", {}, verdictBadge(generation)), cell(gainText(generation.gain), "n"), cell(generation.why, "why"));
    }));
  });
}

function drawDelays(problem) {
  const { edges, counts, sum } = problem.delays;
  const total = counts.reduce((a, b) => a + b, 0);
  setText("delays-about", total === 0 ? "No feedback has come since the start."
    : `From a decision to the feedback that was learned; ${secs(sum / total)} on average.`);
  whenChanged("delays", counts, () => {
    const used = counts.map((count, i) => (count > 0 ? i : -1)).filter((i) => i >= 0);
    const from = Math.max(0, used[0] - 1), to = Math.min(counts.length - 1, used[used.length - 1] + 1);
    const most = Math.max(...counts);
    const bars = [];
    for (let i = from; total > 0 && i <= to; i++) {
      const bar = el("i");
      bar.style.width = `${100 * counts[i] / most}%`;
      bars.push(el("div", { class: "bar" }, el("span", { text: i < edges.length ? `≤ ${secs(edges[i])}` : "longer" }),
        el("div", { class: "track" }, bar), el("span", { text: pct(counts[i] / total) })));
    }
    $("delays").replaceChildren(...bars);
  });
}

function drawStore(problem) {
  const { status } = view;
  const { storage, queues } = status;
  const quota = storage.quota_bytes > 0 ? ` of ${bytes(storage.quota_bytes)}` : "";
  const facts = [
    ["in use", `${bytes(storage.used_bytes)}${quota}`],
    ["free on its disk", bytes(storage.disk_free_bytes)],
    ["last record", num(status.last_record)],
    ["a restart folds again", `${num(problem.fold_lag_records)} record${problem.fold_lag_records === 1 ? "" : "s"}`],
    ["newest snapshot", problem.snapshot_at],
    ["batches on their way to disk", num(queues.commit_batches)],
    ["requests that wait", num(queues.engine_requests)],
    ["policy", problem.policy],
    ["lessons", num(problem.policy_version)],
    ["last change", problem.told_at],
    ["store", status.store],
  ];
  whenChanged("store", facts, () => $("store").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", { text: name }),
    el("dd", {}, typeof value === "string" ? value : ago(value))])));
  setText("version", `rued ${status.version}, up for ${duration(status.uptime_s)}`);
}

function drawProblems() {
  const wanted = $("filter").value.trim().toLowerCase();
  const lines = view.lines.filter((line) => line.name.toLowerCase().includes(wanted));
  $("filter-box").hidden = view.lines.length < 10;
  whenChanged("problems", [lines, view.problem, wanted], () => {
    fillTable("problems", lines.slice(0, ROWS).map((line) => {
      const link = el("a", { href: `#problem=${encodeURIComponent(line.name)}`, text: line.name });
      link.onclick = (event) => {
        event.preventDefault();
        choose(() => { view.problem = line.name; });
        scrollTo({ top: 0 });
      };
      const alarms = el("td", { class: "n" }, num(line.alarms), ...(finite(line.last_alarm) ? [", ", ago(line.last_alarm)] : []));
      return el("tr", {}, el("th", { scope: "row" }, link, line.name === view.problem ? " " : null,
        line.name === view.problem ? el("span", { class: "badge now", text: "shown" }) : null),
      cell(line.policy), cell(num(line.decisions), "n"), cell(num(line.reward_mean), "n"), cell(num(line.generation), "n"), alarms);
    }));
    $("problems-more").hidden = lines.length <= ROWS;
    $("problems-more").textContent = `${lines.length - ROWS} more: narrow the filter.`;
  });
}

function draw() {
  const problem = shownProblem();
  drawTop();
  drawPicker();
  drawRanges();
  drawProblems();
  if (!problem) return;
  drawTiles(problem);
  drawCharts(problem);
  drawDrift(problem);
  drawAlarms(problem);
  drawGroups(problem);
  drawActions(problem);
  drawTraining(problem);
  drawDelays(problem);
  drawStore(problem);
  tickTimes();
}

/* ---- theme and keys ---- */

const dark = matchMedia("(prefers-color-scheme: dark)");
let theme = localStorage.getItem("rue-theme") || "auto";

function applyTheme() {
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  $("theme").textContent = theme;
  $("theme").setAttribute("aria-label", `Colours: ${theme}`);
  draw();
}

function nextTheme() {
  theme = { auto: "light", light: "dark", dark: "auto" }[theme] || "auto";
  localStorage.setItem("rue-theme", theme);
  applyTheme();
}

function step(by) {
  const at = view.lines.findIndex((line) => line.name === view.problem);
  if (at < 0 || view.lines.length < 2) return;
  choose(() => { view.problem = view.lines[(at + by + view.lines.length) % view.lines.length].name; });
}

const keys = {
  "[": () => step(-1),
  "]": () => step(1),
  1: () => choose(() => { view.range = 0; }),
  2: () => choose(() => { view.range = 1; }),
  3: () => choose(() => { view.range = 2; }),
  t: nextTheme,
  "?": () => $("keys").showModal(),
};

addEventListener("keydown", (event) => {
  const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName) && event.target.type !== "radio";
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $("keys").open || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

/* ---- the start ---- */

readHash();
$("problem").onchange = () => choose(() => { view.problem = $("problem").value; });
$("theme").onclick = nextTheme;
$("help").onclick = keys["?"];
$("keys-close").onclick = () => $("keys").close();
$("filter").oninput = drawProblems;
dark.addEventListener("change", applyTheme);
addEventListener("hashchange", () => { readHash(); choose(() => {}); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
for (const host of document.querySelectorAll(".chart")) sizes.observe(host);
setInterval(() => {
  tickTimes();
  if (!view.stale && view.answered > 0 && Date.now() - view.answered > STALE_MS && !document.hidden) {
    view.stale = true;
    drawTop();
  }
}, 1000);
applyTheme();
poll();
