// How the picture holds on bad networks: a streamer behind the impairing proxy, Chromium's page in front of it, and a row
// of figures for each network.
//
//     node impair.mjs [--quick] [--rows NAME,…] [--seconds N] [--peer barertc|libdatachannel|both] [--write] [--from FILE]
//
// --quick is five rows of ours for the tests; what must hold there is asserted. --write puts the tables into
// docs/bad-networks.md; --from takes figures that were measured before. Figures are kept in FILE of --out as they come.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { launch, stats, until } from './browser.mjs';
import { root, Streamer, target } from './streamer.mjs';

const FPS = 30;
// The control behind every table: what this machine does to a perfect network.
const CONTROL = { name: 'control', about: 'nothing', link: [] };
const rtt = (ms) => ['--delay', String(ms / 2)];
const ROWS = [
  CONTROL,
  { name: 'loss-0', about: '50 ms', link: rtt(50) },
  { name: 'loss-1', about: '50 ms, 1 % lost', link: [...rtt(50), '--loss', '1'] },
  { name: 'loss-5', about: '50 ms, 5 % lost', link: [...rtt(50), '--loss', '5'], decoded: 0.99, freeze: 0.2 },
  { name: 'loss-10', about: '50 ms, 10 % lost', link: [...rtt(50), '--loss', '10'], decoded: 0.97, freeze: 0.5 },
  { name: 'loss-20', about: '50 ms, 20 % lost', link: [...rtt(50), '--loss', '20'] },
  { name: 'bursts', about: '50 ms, bursts of 5, 5 % lost', link: [...rtt(50), '--burst', '1.05,20'] },
  { name: 'rtt-200', about: '200 ms, 1 % lost', link: [...rtt(200), '--loss', '1'] },
  { name: 'jitter', about: '50 ms, up to 30 ms of jitter each way', link: [...rtt(50), '--jitter', '30'] },
  { name: 'rate-2', about: '50 ms, 2 Mbit/s', link: [...rtt(50), '--rate', '2000'], freeze: 0 },
  { name: 'rate-1', about: '50 ms, 1 Mbit/s', link: [...rtt(50), '--rate', '1000'] },
  { name: 'outage', about: '50 ms, nothing for 3 s', link: [...rtt(50), '--outage', '20,3'] },
  { name: 'rebind', about: '50 ms, the viewer’s address changes', link: [...rtt(50), '--rebind', '20'] },
];
const QUICK = ['control', 'loss-5', 'loss-10', 'rate-2', 'rebind'];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    seconds: { type: 'string' },
    peer: { type: 'string' },
    write: { type: 'boolean', default: false },
    out: { type: 'string' },
    from: { type: 'string' },
  },
});
const seconds = Number(options.seconds ?? (options.quick ? 20 : 60));
const wanted = options.rows?.split(',') ?? (options.quick ? QUICK : ROWS.map((row) => row.name));
const rows = wanted.map((name) => ROWS.find((row) => row.name === name) ?? assert.fail(`no row ${name}`));

// A UDP port that nobody has now.
async function freePort() {
  const socket = dgram.createSocket('udp4');
  await new Promise((done) => socket.bind(0, '127.0.0.1', done));
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

// A program that ends when its input does; the lines it prints.
function program(file, args) {
  const child = spawn(file, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    line: async () => (await lines.next()).value,
    async end() {
      const rest = [];
      child.stdin.end();
      for (let next = await lines.next(); !next.done; next = await lines.next()) rest.push(next.value);
      return rest;
    },
  };
}

async function startProxy(link, to) {
  const file = path.join(target, 'release', 'barertc-impair');
  const proxy = program(file, ['--listen', '127.0.0.1:0', '--to', `127.0.0.1:${to}`, ...link]);
  proxy.port = Number((await proxy.line()).match(/:(\d+)$/)[1]);
  return proxy;
}

// Our desktop's streamer, as a user starts it; it serves the page.
async function ours(link) {
  const port = await freePort();
  const proxy = await startProxy(link, port);
  const streamer = await Streamer.start(['--udp-port', String(port), '--advertise', `127.0.0.1:${proxy.port}`, '--stats']);
  return {
    proxy,
    async open(page) {
      await page.goto(streamer.url);
    },
    stop: () => streamer.stop(),
    log: () => streamer.log,
  };
}

let unpacked;

// libdatachannel's, with the same media; the page has no streamer to load from, so its socket is answered here.
async function theirs(link) {
  const port = await freePort();
  const proxy = await startProxy(link, port);
  const streamer = program('node', [path.join(root, 'tests/e2e/libdatachannel/streamer.mjs'), unpacked, String(port)]);
  let offer;
  while (!offer) ({ offer } = JSON.parse(await streamer.line()));
  // All of its addresses give way to the proxy's.
  offer = offer.replace(/a=candidate:.*\r?\n/g, '').replace(/a=end-of-candidates\r?\n/g, '')
    .replace(/(a=ice-ufrag:)/g, `a=candidate:1 1 UDP 2122317823 127.0.0.1 ${proxy.port} typ host\r\n$1`);
  return {
    proxy,
    async open(page) {
      await page.exposeFunction('answerTo', (answer) => {
        const sdp = answer.replace(/a=candidate:.*\r?\n/g, '');
        streamer.child.stdin.write(`${JSON.stringify({ answer: sdp })}\n`);
      });
      await page.addInitScript(pretend, offer);
      await page.route('http://viewer.test/', (route) => route.fulfill({ path: path.join(root, 'examples/viewer/index.html'), contentType: 'text/html' }));
      await page.goto('http://viewer.test/');
    },
    stop: () => streamer.end(),
    log: () => '',
  };
}

// Runs in the page: a signaling socket that has one offer.
function pretend(offer) {
  window.WebSocket = class {
    constructor() {
      this.readyState = 0;
      setTimeout(() => { this.readyState = 1; this.onopen(); });
    }

    close() {}

    send(text) {
      const message = JSON.parse(text);
      if (message.type === 'request') this.onmessage({ data: JSON.stringify({ id: 'server', type: 'offer', sdp: offer }) });
      if (message.type === 'answer') window.answerTo(message.sdp);
    }
  };
}

// Runs in the page: notes the length of every freeze (as getStats() defines them) by looking often; and how late it looked
// at most, which is how long the machine left the browser without a turn.
function watchFreezes() {
  window.freezes = [];
  window.stall = 0;
  let before;
  let last = performance.now();
  setInterval(async () => {
    const now = performance.now();
    window.stall = Math.max(window.stall, now - last - 50);
    last = now;
    for (const s of (await window.barertc.pc.getStats()).values()) {
      if (s.type !== 'inbound-rtp' || s.kind !== 'video') continue;
      before ??= s;
      const n = s.freezeCount - before.freezeCount;
      const length = s.totalFreezesDuration - before.totalFreezesDuration;
      for (let i = 0; i < n; i += 1) window.freezes.push(length / n);
      if (n) console.log(`froze for ${length.toFixed(2)} s; since the last look decoded ${s.framesDecoded - before.framesDecoded}, dropped ${s.framesDropped - before.framesDropped}`);
      before = s;
    }
  }, 50);
}

async function measure(browser, peer, row) {
  const session = await peer(row.link);
  const page = await browser.newPage();
  try {
    if (process.env.IMPAIR_LOG) page.on('console', (line) => console.log(line.text()));
    await session.open(page);
    await until(page, (s) => s.video?.framesDecoded > 0, 20_000, 'first picture');
    // What comes before the jitter buffer and the estimate have settled is the beginning's and not the network's.
    await page.waitForTimeout(5_000);
    await page.evaluate(watchFreezes);
    const from = await stats(page);
    await page.waitForTimeout(seconds * 1000);
    const to = await stats(page);
    const freezes = await page.evaluate(() => window.freezes);
    const [attempts, stall] = await page.evaluate(() => [window.barertc.attempts, window.stall]);
    const done = figures(from, to, freezes);
    Object.assign(done, { attempts, stall });
    await page.close();
    const link = (await session.proxy.end()).join(' ');
    done.linkLost = [...link.matchAll(/down Counts \{[^}]*lost: (\d+), overflowed: (\d+)/g)]
      .reduce((sum, [, lost, over]) => sum + Number(lost) + Number(over), 0);
    if (process.env.IMPAIR_LOG) console.log(session.log(), link);
    return done;
  } finally {
    await page.close();
    await session.proxy.end();
    await session.stop();
  }
}

function figures(from, to, freezes) {
  const [v0, v1, a0, a1] = [from.video, to.video, from.audio, to.audio];
  const time = (v1.timestamp - v0.timestamp) / 1000;
  return {
    decoded: (v1.framesDecoded - v0.framesDecoded) / (time * FPS),
    freezes: freezes.length,
    frozen: freezes.reduce((sum, f) => sum + f, 0),
    longest: Math.max(0, ...freezes),
    lost: v1.packetsLost - v0.packetsLost,
    nacks: v1.nackCount - v0.nackCount,
    // Only retransmissions on a stream of their own can be counted.
    again: v1.retransmittedPacketsReceived === undefined ? null : v1.retransmittedPacketsReceived - (v0.retransmittedPacketsReceived ?? 0),
    plis: v1.pliCount - v0.pliCount,
    delay: (v1.jitterBufferDelay - v0.jitterBufferDelay) / (v1.jitterBufferEmittedCount - v0.jitterBufferEmittedCount),
    concealed: (a1.concealedSamples - a0.concealedSamples) / (a1.totalSamplesReceived - a0.totalSamplesReceived),
    kbit: ((v1.bytesReceived - v0.bytesReceived) * 8) / time / 1000,
    width: v1.frameWidth,
    dropped: v1.framesDropped - v0.framesDropped,
  };
}

const COLUMNS = [
  ['frames decoded', (f) => `${(100 * f.decoded).toFixed(1)} %`],
  ['freezes', (f) => String(f.freezes)],
  ['longest', (f) => (f.freezes ? `${(1000 * f.longest).toFixed(0)} ms` : '–')],
  ['in all', (f) => (f.freezes ? `${f.frozen.toFixed(1)} s` : '–')],
  ['lost on the link', (f) => String(f.linkLost)],
  // A browser's counter may begin anew.
  ['NACKs', (f) => (f.nacks < 0 ? '?' : String(f.nacks))],
  ['never came', (f) => String(Math.max(0, f.lost - (f.again ?? 0)))],
  ['PLIs', (f) => (f.plis < 0 ? '?' : String(f.plis))],
  ['added delay', (f) => `${(1000 * f.delay).toFixed(0)} ms`],
  ['sound concealed', (f) => `${(100 * f.concealed).toFixed(2)} %`],
  ['video', (f) => `${f.kbit.toFixed(0)} kbit/s, ${f.width} wide${f.attempts > 1 ? `, ${f.attempts} connections` : ''}`],
  ['longest stall of the machine', (f) => `${f.stall.toFixed(0)} ms`],
];

function table(results) {
  const head = ['network', ...COLUMNS.map(([name]) => name)];
  const lines = [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`];
  for (const { row, found } of results) lines.push(`| ${row.about} | ${COLUMNS.map(([, show]) => show(found)).join(' | ')} |`);
  return lines.join('\n');
}

const PEERS = { barertc: ours, libdatachannel: theirs };
const peer = options.peer ?? (options.quick ? 'barertc' : 'both');
const peers = peer === 'both' ? Object.keys(PEERS) : [peer];
// What of a row must hold did not, in words.
function broken(row, found) {
  const wrong = [];
  if (row.decoded && found.decoded < row.decoded) wrong.push(`${row.about}: ${found.decoded} of the frames decoded, not ${row.decoded}`);
  if (row.freeze !== undefined && found.longest > row.freeze) wrong.push(`${row.about}: a freeze of ${found.longest} s, longer than ${row.freeze}`);
  if (found.attempts > 1) wrong.push(`${row.about}: the page had to connect ${found.attempts} times`);
  return wrong;
}

// A browser that the machine left without a turn for longer than this shows the machine and not the network.
const STALL_MS = 100;
const TRIES = 3;

async function measureAll() {
  const results = Object.fromEntries(peers.map((name) => [name, []]));
  const failures = [];
  const dir = mkdtempSync(path.join(tmpdir(), 'barertc-impair-'));
  unpacked = path.join(dir, 'sample');
  execFileSync(path.join(target, 'release', 'xtask'), ['unpack', 'examples/media/sample.brtc', '--dir', unpacked], { cwd: root, stdio: 'ignore' });
  const browser = await launch();
  try {
    for (const row of rows) {
      for (const name of peers) {
        let found = await measure(browser, PEERS[name], row);
        const say = () => console.log(`${name}, ${row.about}: ${COLUMNS.map(([column, show]) => `${column} ${show(found)}`).join('; ')}`);
        say();
        for (let n = 1; options.quick && n < TRIES && broken(row, found).length > 0 && found.stall > STALL_MS; n += 1) {
          console.log(`the machine stalled for ${found.stall.toFixed(0)} ms: once more`);
          found = await measure(browser, PEERS[name], row);
          say();
        }
        results[name].push({ row, found });
        if (options.out) writeFileSync(options.out, JSON.stringify(results));
        if (options.quick) failures.push(...broken(row, found));
      }
    }
  } finally {
    await browser.close();
    rmSync(dir, { recursive: true, force: true });
  }
  assert.deepEqual(failures, []);
  return results;
}

const results = options.from ? JSON.parse(readFileSync(options.from, 'utf8')) : await measureAll();
const names = { barertc: 'barertc', libdatachannel: 'libdatachannel 0.24.5 (its NACK responder with 512 packets, no pacing)' };
const sections = Object.entries(results).map(([name, found]) => `### ${names[name]}\n\n${table(found)}\n`).join('\n');
console.log(`\n${sections}`);
if (options.write) {
  const file = path.join(root, 'docs/bad-networks.md');
  const text = readFileSync(file, 'utf8');
  const [begin, end] = ['<!-- tables -->\n', '<!-- end of tables -->'];
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  writeFileSync(file, `${before}${begin}\n${sections}\n${end}${after}`);
}
