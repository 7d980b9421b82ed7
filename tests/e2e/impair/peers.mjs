// The two streamers behind the impairing proxy: ours, and libdatachannel's with the same media.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { freePort } from '../ports.mjs';
import { root, Streamer, target } from '../streamer.mjs';

// A program that ends when its input does; the lines it prints.
function program(file, args) {
  const child = spawn(file, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let ended;
  return {
    child,
    line: async () => (await lines.next()).value,
    end() {
      ended ??= (async () => {
        const rest = [];
        child.stdin.end();
        for (let next = await lines.next(); !next.done; next = await lines.next()) rest.push(next.value);
        return rest;
      })();
      return ended;
    },
  };
}

// The address that everything here has: another than loopback, at which a streamer has one way only. A streamer that listens
// on loopback tells viewers of all of this machine's addresses, and those lead past the proxy.
const HERE = Object.values(networkInterfaces()).flat().find((own) => own.family === 'IPv4' && !own.internal)?.address ?? '127.0.0.1';
const TOKEN = 'measured-here-only';

async function startProxy(link, to) {
  const file = path.join(target, 'release', 'barertc-impair');
  const proxy = program(file, ['--listen', `${HERE}:0`, '--to', `${HERE}:${to}`, ...link]);
  proxy.port = Number((await proxy.line()).match(/:(\d+)$/)[1]);
  return proxy;
}

// Our desktop's streamer, as a user starts it; it serves the page.
async function barertc(link, args = []) {
  const port = await freePort();
  const proxy = await startProxy(link, port);
  const way = ['--listen', `${HERE}:0`, '--token', TOKEN, '--udp-port', String(port), '--advertise', `${HERE}:${proxy.port}`];
  const streamer = await Streamer.start([...way, '--stats', ...args]);
  return {
    proxy,
    async open(page) {
      await page.goto(streamer.url, { waitUntil: 'commit' });
    },
    stop: () => streamer.stop(),
    log: () => streamer.log,
  };
}

let unpacked;

// The sample as files, for a streamer that reads no packed ones.
function sample() {
  if (!unpacked) {
    const dir = mkdtempSync(path.join(tmpdir(), 'barertc-impair-'));
    process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
    unpacked = path.join(dir, 'sample');
    const args = ['unpack', 'examples/media/sample.brtc', '--dir', unpacked];
    execFileSync(path.join(target, 'debug', 'xtask'), args, { cwd: root, stdio: 'ignore' });
  }
  return unpacked;
}

// libdatachannel's; the page has no streamer to load from, so its socket is answered here.
async function libdatachannel(link) {
  const port = await freePort();
  const proxy = await startProxy(link, port);
  const streamer = program('node', [path.join(root, 'tests/e2e/libdatachannel/streamer.mjs'), sample(), HERE, String(port)]);
  let offer;
  while (!offer) ({ offer } = JSON.parse(await streamer.line()));
  // All of its addresses give way to the proxy's.
  offer = offer.replace(/a=candidate:.*\r?\n/g, '').replace(/a=end-of-candidates\r?\n/g, '')
    .replace(/(a=ice-ufrag:)/g, `a=candidate:1 1 UDP 2122317823 ${HERE} ${proxy.port} typ host\r\n$1`);
  return {
    proxy,
    async open(page) {
      await page.exposeFunction('answerTo', (answer) => {
        const sdp = answer.replace(/a=candidate:.*\r?\n/g, '');
        streamer.child.stdin.write(`${JSON.stringify({ answer: sdp })}\n`);
      });
      await page.addInitScript(pretend, offer);
      await page.route('http://viewer.test/', (route) => route.fulfill({ path: path.join(root, 'examples/viewer/index.html'), contentType: 'text/html' }));
      await page.goto('http://viewer.test/', { waitUntil: 'commit' });
    },
    stop: () => streamer.end(),
    log: () => '',
  };
}

// Runs in the page: a signaling socket that has one offer. A page that connects anew gets none.
function pretend(offer) {
  let left = 1;
  window.WebSocket = class {
    constructor() {
      this.readyState = 0;
      setTimeout(() => { this.readyState = 1; this.onopen(); });
    }

    close() {}

    send(text) {
      const message = JSON.parse(text);
      if (message.type === 'request' && left-- > 0) this.onmessage({ data: JSON.stringify({ id: 'server', type: 'offer', sdp: offer }) });
      if (message.type === 'answer') window.answerTo(message.sdp);
    }
  };
}

export const PEERS = { barertc, libdatachannel };
