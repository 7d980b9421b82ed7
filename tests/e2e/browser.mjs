// A headless Chromium with the switches of an ordinary user, but for those that keep it off the network.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { chromium } from 'playwright-core';

const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium';

function options(extra) {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: install Debian's package chromium, or set CHROMIUM`);
  return {
    executablePath: PROGRAM,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', ...extra,
    ],
  };
}

export async function launch(extra = []) {
  return chromium.launch(options(extra));
}

// A browser that can be killed, so that it says goodbye to nobody.
export async function launchMortal(extra = []) {
  const server = await chromium.launchServer(options(extra));
  const browser = await chromium.connect(server.wsEndpoint());
  return { browser, kill: () => server.kill(), pid: server.process().pid };
}

// Gives every thread of the browser the priority that this program was started with: the browser takes an ordinary one for
// what shows pages, so that where other work goes on it would be the last to be served.
export function keepPriority(pid) {
  const own = os.getPriority();
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = read(`/proc/${name}/stat`);
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2]));
  }
  const isOurs = (child) => child === pid || (parents.has(child) && isOurs(parents.get(child)));
  for (const child of [...parents.keys()].filter(isOurs)) {
    for (const thread of list(`/proc/${child}/task`)) {
      try {
        if (os.getPriority(Number(thread)) > own) os.setPriority(Number(thread), own);
      } catch {
        // It has ended meanwhile, or we may not.
      }
    }
  }
}

const orNothing = (what, nothing) => {
  try {
    return what();
  } catch {
    return nothing;
  }
};
const read = (file) => orNothing(() => readFileSync(file, 'utf8'), '');
const list = (folder) => orNothing(() => readdirSync(folder), []);

// Opens the page. A network that is just coming up is waited for: an interface that was made a moment ago, a radio that joins.
async function reach(page, url) {
  for (const end = Date.now() + 15_000; ; ) {
    try {
      return await page.goto(url, { timeout: 15_000 });
    } catch (error) {
      if (!/ERR_(NETWORK_CHANGED|ADDRESS_UNREACHABLE)/.test(error.message) || Date.now() > end) throw error;
      await page.waitForTimeout(500);
    }
  }
}

// Opens the page and waits for the first picture.
export async function open(browser, url, patience = 15_000) {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  const start = Date.now();
  await reach(page, url);
  await until(page, (s) => s.video?.framesDecoded > 0, patience, 'first picture');
  return { page, errors, firstPictureMs: Date.now() - start };
}

// The inbound statistics of the page's connection, by kind, and the candidate pair in use.
export async function stats(page) {
  return page.evaluate(async () => {
    const pc = window.barertc?.pc;
    if (!pc) return null;
    const found = { connection: pc.connectionState };
    const byId = new Map();
    (await pc.getStats()).forEach((s) => byId.set(s.id, s));
    for (const s of byId.values()) {
      if (s.type === 'inbound-rtp') found[s.kind] = s;
      if (s.type === 'transport') {
        found.transport = s;
        found.pair = byId.get(s.selectedCandidatePairId);
      }
      if (s.type === 'data-channel') (found.channels ??= []).push(s);
    }
    return found;
  });
}

// Waits until `done(stats)` is true; the statistics it was true for.
export async function until(page, done, ms, what) {
  const end = Date.now() + ms;
  let last;
  while (Date.now() < end) {
    last = await stats(page);
    if (last && done(last)) return last;
    await page.waitForTimeout(100);
  }
  throw new Error(`${what}: not within ${ms} ms; last seen ${JSON.stringify(last)}`);
}
