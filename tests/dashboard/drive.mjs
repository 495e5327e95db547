// Drives the dashboard; see dashboard.sh. Exits with 1 at the first thing that
// is not as it must be, and says what.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const { B, DIR, OUT } = process.env;
const { chromium } = createRequire(resolve(OUT, "package.json"))("playwright-core");
const CHARTS = ["reward", "shares", "rates", "latency", "floor", "explore"];
const SIZES = [[1280, 900], [390, 844]];

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
function need(condition, what) {
  if (!condition) throw new Error(what);
}
async function until(what, seconds, look) {
  const end = Date.now() + 1000 * seconds;
  for (;;) {
    const found = await look();
    if (found) return found;
    need(Date.now() < end, `${what}: not within ${seconds} s`);
    await sleep(200);
  }
}

// ---- the service ----

let rued = null, port = 0;

async function start(settings = "problems.yaml") {
  const config = `${DIR}/rued.yaml`, log = `${DIR}/rued.log`;
  const problems = readFileSync(`${DIR}/${settings}`, "utf8");
  writeFileSync(config, `http: {listen: "127.0.0.1:${port}", sample: 600ms}\n${problems}`);
  rued = spawn(`${B}/rued`, ["--config", config], { stdio: ["ignore", "ignore", openSync(log, "w")] });
  await until("rued", 60, () => existsSync(log) && readFileSync(log, "utf8").includes("id=service.ready"));
  port = Number(/id=http.listening port=(\d+)/.exec(readFileSync(log, "utf8"))[1]);
}

function rue(...args) {
  return new Promise((done) => {
    const child = spawn(`${B}/rue`, args, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stdout.on("data", (data) => { text += data; });
    child.stderr.on("data", (data) => { text += data; });
    child.on("close", (code) => done({ code, text }));
  });
}
const connected = (socket = "socket") => ["--connect", `ipc://${DIR}/${socket}`];

async function stop() {
  const ended = new Promise((done) => rued.on("exit", done));
  rued.kill("SIGTERM");
  await ended;
  rued = null;
}

// ---- the browser ----

let gone = false; // the service is: then its absence may be told

// A page whose errors and requests are watched.
async function open(browser, options, faults, hash = "#problem=payments&range=1") {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (gone && /ERR_CONNECTION|ERR_EMPTY|ERR_SOCKET/.test(message.text())) return;
    faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`http://127.0.0.1:${port}/`)) faults.push(`asks ${request.url()}`);
  });
  await page.goto(`http://127.0.0.1:${port}/${hash}`);
  return { context, page };
}

// Colours of the chart's canvas that are not its ground: a chart of lines has
// many more points of its series' colour than axes alone have.
const painted = (page, chart) => page.evaluate((id) => {
  const canvas = document.querySelector(`#chart-${id} canvas`);
  if (!canvas) return 0;
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, copy.width, copy.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, a] = data.slice(i, i + 4);
    if (a > 40 && Math.max(r, g, b) - Math.min(r, g, b) > 60) count++;
  }
  return count;
}, chart);

const text = (page, selector) => page.locator(selector).first().innerText();

async function chartsDraw(page) {
  for (const chart of CHARTS)
    await until(`chart ${chart}`, 30, async () => await painted(page, chart) > 150);
  need(await page.locator(".chart .empty:visible").count() === 0, "a chart says that it is empty");
}

async function keyboard(page) {
  await page.reload();
  await chartsDraw(page);
  await page.keyboard.press("Tab");
  need(await page.evaluate(() => document.activeElement.className) === "skip", "the first Tab is not the skip link");
  await page.keyboard.press("1");
  need(await page.locator("#range input").nth(0).isChecked(), "1 does not choose the first range");
  await page.keyboard.press("3");
  need(await page.locator("#range input").nth(2).isChecked(), "3 does not choose the last range");
  await page.keyboard.press("2");
  await page.keyboard.press("]");
  await until("the next problem", 10, async () => await page.title() === "claims – rue");
  need(await page.locator("#problem").inputValue() === "claims", "] does not move the choice");
  await until("its groups", 20, async () => await page.locator("#groups tbody tr").count() === 11);
  const bounds = await page.locator("#groups tbody td:nth-child(7)").allInnerTexts();
  need(bounds.some((bound) => /\d/.test(bound)), `no certificate: ${bounds}`);
  await page.screenshot({ path: `${OUT}/claims.png`, fullPage: true });
  await page.keyboard.press("[");
  await until("the problem before", 10, async () => (await page.title()).includes("payments"));
  const theme = await page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press("t");
  await page.keyboard.press("t");
  need(await page.evaluate(() => document.documentElement.dataset.theme) !== theme, "t t does not change colours");
  await page.keyboard.press("t");
  await page.keyboard.press("?");
  need(await page.locator("#keys").isVisible(), "? does not show the keys");
  await page.keyboard.press("Escape");
  need(!await page.locator("#keys").isVisible(), "Escape does not close them");
  await page.locator("#chart-reward").focus();
  const says = () => page.locator("#say").textContent();
  await page.keyboard.press("End");
  const end = await says();
  need(/^\d\d:\d\d:\d\d: mean /.test(end), `a chart reads: ${end}`);
  await page.keyboard.press("Home");
  need(await says() !== end, "Home reads the same");
  for (let i = 0; i < 300 && !/mean [\d.]/.test(await says()); i++) await page.keyboard.press("ArrowRight");
  need(/mean [\d.]/.test(await says()), "no sample reads a mean");
  await page.locator("#drift details summary").first().focus();
  await page.keyboard.press("Enter");
  await sleep(3000); // a poll draws the panel anew
  need(await page.locator("#drift details[open]").count() === 1, "what was opened does not stay so");
  need(await page.evaluate(() => document.activeElement.tagName) === "SUMMARY", "the focus was lost");
}

// Runs what the page says to type.
async function explained(page) {
  const command = await text(page, "#alarms code");
  const args = command.split(" ");
  need(args[0] === "rue" && args[1] === "explain", `the alarm's command is ${command}`);
  const { code, text: output } = await rue(...args.slice(1));
  need(code === 0, `${command}: ${output}`);
}

/* At each size, light and dark: what `look` waits for is there, and nothing
 * makes the page wider than the window. */
async function screens(browser, faults, name, hash, look) {
  for (const [width, height] of SIZES)
    for (const colorScheme of ["light", "dark"]) {
      const { context, page } = await open(browser, { viewport: { width, height }, colorScheme }, faults, hash);
      await look(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      need(wide <= width, `${name} is ${wide} wide in ${width}`);
      need(await page.evaluate(() => document.documentElement.dataset.theme) === colorScheme, `is not ${colorScheme}`);
      await page.screenshot({ path: `${OUT}/${name}${width}-${colorScheme}.png`, fullPage: true });
      await context.close();
    }
}

// ---- the story ----

async function story(browser) {
  const faults = [];
  const { page } = await open(browser, { viewport: { width: 1280, height: 900 }, colorScheme: "light" }, faults);
  await until("live", 10, async () => await text(page, "#state") === "live");
  need(await page.locator(".chart .empty:visible").count() > 0, "charts of nothing do not say so");

  const claims = rue("sim", "groupwise", "--problem", "claims", "--rounds", "1500", ...connected());
  const play = rue("sim", "payments", "--problem", "payments", "--seed", "1", "--variant", "outage", ...connected());
  await until("decisions", 30, async () => /[1-9],\d{3} so far/.test(await text(page, "#tile-rate-sub")));
  const trained = await rue("retrain", "payments", ...connected());
  need(trained.code === 0, `retrain: ${trained.text}`);
  await chartsDraw(page);
  await until("an alarm of the reward", 120, async () => {
    const more = page.locator("#alarms .more");
    if (await more.count() > 0) await more.click();
    return (await page.locator("#alarms .alarm b").allInnerTexts()).includes("reward");
  });
  need(await page.locator("#tile-alarm-box.bad").count() === 1, "the tile of alarms is not red");
  await page.evaluate(() => scrollTo(0, 0));
  await sleep(1000);
  await page.screenshot({ path: `${OUT}/outage.png` });
  await until("a generation", 300, async () => await page.locator("#generations tbody tr").count() > 0);
  await until("it serves", 30, async () => await text(page, "#tile-generation") === "1");
  const end = await play;
  need(end.code === 0, `sim: ${end.text}`);
  need((await claims).code === 0, "sim groupwise");
  await until("all of them", 20, async () => (await text(page, "#tile-rate-sub")).startsWith("20,000 so far"));
  await explained(page);
  need(await page.locator("#actions tbody tr").count() === 36, "actions");
  need(await page.locator("#groups tbody tr").count() === 3, "groups");
  await screens(browser, faults, "", undefined, chartsDraw);
  await keyboard(page);
  need(faults.length === 0, faults.join("\n"));

  gone = true;
  rued.kill("SIGKILL");
  await until("that the service is gone", 20, async () => await page.locator("#stale").isVisible());
  need(/does not answer since \d\d:\d\d:\d\d/.test(await text(page, "#stale")), "what is stale is not said");
  await page.screenshot({ path: `${OUT}/stale.png` });
  await start();
  await until("that it is back", 20, async () => await text(page, "#state") === "live" && !await page.locator("#stale").isVisible());
  need((await text(page, "#tile-rate-sub")).startsWith("20,000 so far"), "decisions after a restart");
  need(await page.locator("#alarms .alarm").count() > 0, "the alarms of before the restart are gone");
  need(faults.length === 0, faults.join("\n"));
}

// A service without problems says so, and shows no empty charts.
async function nothing(browser) {
  const faults = [];
  await start("nothing.yaml");
  await screens(browser, faults, "nothing-", "", async (page) => {
    await until("that there are no problems", 10, async () => await text(page, "#state") === "no problems");
    need(await page.locator("#none").isVisible(), "no sentence says what to do");
    need(await page.locator(".tile:visible, .card:visible").count() === 0, "cards of nothing are shown");
  });
  need(faults.length === 0, faults.join("\n"));
  await stop();
}

// Thirty problems with names as long as they may be, of which one has data.
async function many(browser) {
  const faults = [], names = readFileSync(`${DIR}/many.names`, "utf8").trim().split("\n");
  await start("many.yaml");
  for (let i = 0; i < 6; i++) {
    const decided = await rue("decide", names[0], "--context", String(i / 6), "--event", `e${i}`, ...connected("many"));
    need(decided.code === 0, decided.text);
    const fed = await rue("feedback", names[0], `e${i}`, "1", ...connected("many"));
    need(fed.code === 0, fed.text);
  }
  await screens(browser, faults, "many-", `#problem=${encodeURIComponent(names[0])}`, async (page) => {
    await until("the outcomes", 20, async () => /6 learned/.test(await text(page, "#tile-rate-sub")));
    need(await page.locator("#problems tbody tr").count() === 30, "not all are listed");
    need(await page.locator("#filter").isVisible(), "30 problems have no filter");
    await page.locator("#filter").fill("-number-17");
    await until("the one", 5, async () => await page.locator("#problems tbody tr").count() === 1);
    await page.locator("#filter").fill("");
    await page.evaluate(() => scrollTo(0, 0));
    need(await page.locator("#actions tbody tr").count() === 3, "actions");
  });
  // One that nothing was asked of.
  await screens(browser, faults, "fresh-", `#problem=${encodeURIComponent(names[7])}`, async (page) => {
    await until("it is shown", 20, async () => (await text(page, "#tile-rate-sub")).startsWith("0 so far"));
    await until("charts that say so", 20, async () => await page.locator("#chart-reward .empty").isVisible());
    need(!/NaN|undefined|null/.test(await page.locator("body").innerText()), "a number that is none is shown");
  });
  need(faults.length === 0, faults.join("\n"));
  await stop();
}

let status = 0, browser = null;
try {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  await nothing(browser);
  await many(browser);
  await start();
  await story(browser);
  console.log(`the dashboard is as it should be; screenshots are in ${OUT}`);
} catch (error) {
  console.error(`dashboard: ${error.message}`);
  if (existsSync(`${DIR}/rued.log`)) console.error(readFileSync(`${DIR}/rued.log`, "utf8").slice(-2000));
  status = 1;
}
if (browser) await browser.close();
if (rued) rued.kill("SIGTERM");
process.exit(status);
