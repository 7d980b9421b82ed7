// How data channels do on bad networks: bulk and pings, beside libdatachannel on the same link, and bulk beside a TCP of
// the kernel in one bottleneck.
//
//     node data.mjs [--parts bulk,ping,fairness] [--seconds N] [--write]
//
// --write puts the tables that were made into docs/sctp.md. What shares a bottleneck runs in two network namespaces with
// TUN devices, whose packets socat carries through the impairing proxy: that takes root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from './ports.mjs';
import { Program, description, stopAll } from './program.mjs';
import { root, target } from './streamer.mjs';

const { values: options } = parseArgs({
  options: {
    parts: { type: 'string', default: 'bulk,ping,fairness' },
    seconds: { type: 'string', default: '20' },
    write: { type: 'boolean', default: false },
    // Of `cargo xtask impair`, which chooses this program by it.
    data: { type: 'boolean', default: false },
  },
});
const seconds = Number(options.seconds);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const bin = (name) => path.join(target, 'release', name);

const without = (sdp) => sdp.replace(/a=candidate:.*\r\n/g, '').replace(/a=end-of-candidates\r\n/g, '');

// Offer and answer between two programs; with a proxy's port all that either learns of the other is that.
async function introduce(offerer, answerer, proxy) {
  let offer = await description(offerer);
  if (proxy) {
    const candidate = `a=candidate:1 1 UDP 2122317823 127.0.0.1 ${proxy} typ host\r\n`;
    offer = without(offer).replace(/a=ice-ufrag:/, `${candidate}a=ice-ufrag:`);
  }
  answerer.say(`${offer}\r\n`);
  const answer = await description(answerer);
  offerer.say(`${proxy ? without(answer) : answer}\r\n`);
}

async function startProxy(to, link) {
  const proxy = new Program([bin('barertc-impair'), '--listen', '127.0.0.1:0', '--to', `127.0.0.1:${to}`, ...link]);
  proxy.port = await proxy.until((lines) => lines[0]?.match(/:(\d+)$/)?.[1], 5_000);
  return proxy;
}

// ---- Bulk and pings through the proxy

const PEERS = {
  'barertc, `Paced`': (side, at, what) => [bin('barertc-data'), side, at, ...what],
  'barertc, `Rfc9260`': (side, at, what) => [bin('barertc-data'), side, at, ...what, '--rfc9260'],
  'libdatachannel 0.24.5': (side, at, what) => ['node', 'tests/e2e/libdatachannel/data.mjs', side, at, ...what],
};
const RATE = 100;
const RTT = 50;

// Two ends of a kind with a link between; what `measure` makes of them.
async function through(link, peer, offers, answers, measure) {
  try {
    const port = await freePort();
    const proxy = await startProxy(port, ['--delay', String(RTT / 2), ...link]);
    const offerer = new Program(peer('offer', `127.0.0.1:${port}`, offers));
    const answerer = new Program(peer('answer', '127.0.0.1:0', answers));
    await introduce(offerer, answerer, proxy.port);
    return await measure(offerer, answerer);
  } finally {
    await stopAll();
  }
}

async function bulk() {
  const losses = [0, 0.1, 1, 5];
  const rows = [];
  for (const [name, peer] of Object.entries(PEERS)) {
    const row = [name];
    for (const loss of losses) {
      const link = ['--rate', String(RATE * 1000), '--queue', String(RTT), '--loss', String(loss)];
      const rate = await through(link, peer, ['send'], ['receive'], async (_, receiver) => {
        await receiver.until((lines) => lines.some((l) => /^bytes [1-9]/.test(l)) || undefined, 30_000);
        return receiver.rate(seconds);
      });
      console.log(`${name}, ${loss} %: ${rate.toFixed(1)} Mbit/s`);
      row.push(rate.toFixed(1));
    }
    rows.push(row);
  }
  return [
    `Mbit/s that arrive in ${seconds} s from the first byte on, ${RTT} ms round trip, ${RATE} Mbit/s with a queue of ${RTT} ms, both ends and the link as programs of one machine (\`cargo xtask impair --data\`):`,
    table(['loss', ...losses.map((l) => (l ? `${l} %` : '0'))], rows),
  ];
}

async function ping() {
  const count = Math.max(200, seconds * 60);
  const rows = [];
  for (const [name, peer] of Object.entries(PEERS)) {
    const times = await through(['--loss', '5'], peer, ['ping', String(count)], ['echo'], async (pinger) => {
      await pinger.until((lines) => lines.includes('done') || undefined, count * 1000 + 60_000);
      return pinger.lines.filter(({ line }) => line.startsWith('ping ')).map(({ line }) => Number(line.slice(5)) / 1000);
    });
    times.sort((a, b) => a - b);
    const at = (p) => times[Math.min(times.length - 1, Math.floor(times.length * p))].toFixed(0);
    rows.push([name, at(0.5), at(0.9), at(0.99), at(1)]);
    console.log(rows.at(-1).join(' '));
  }
  return [
    `A reliable, ordered message of 64 bytes there and back, one after the other, at ${RTT} ms and 5 % each way, milliseconds, ${count} of them:`,
    table(['', 'p50', 'p90', 'p99', 'worst'], rows),
  ];
}

// ---- Beside a TCP of the kernel

const SHARED = 20;
const run = (...command) => execFileSync(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });

// Two namespaces, each with a TUN device, and a rate, a queue and a delay between them.
async function bottleneck(queue) {
  const tag = `brtc${process.pid % 10_000}`;
  const sides = [1, 2].map((n) => ({ namespace: `${tag}-${n}`, device: `${tag}t${n}`, address: `10.77.0.${n}` }));
  const close = async () => {
    await stopAll();
    for (const { namespace } of sides) if (existsSync(`/run/netns/${namespace}`)) run('ip', 'netns', 'del', namespace);
  };
  try {
    const port = await freePort();
    const tun = ({ device }) => `TUN,tun-name=${device},tun-type=tun,iff-no-pi`;
    const socat = (side, far) => new Program(['socat', '-b', '4096', tun(side), far], { input: 'ignore' });
    socat(sides[1], `UDP4-LISTEN:${port},bind=127.0.0.1`);
    const proxy = await startProxy(port, ['--delay', String(RTT / 2), '--rate', String(SHARED * 1000), '--queue', String(queue * RTT)]);
    socat(sides[0], `UDP4-CONNECT:127.0.0.1:${proxy.port}`);
    for (const { namespace, device, address } of sides) {
      for (let n = 0; n < 100 && !existsSync(`/sys/class/net/${device}`); n += 1) await wait(50);
      run('ip', 'netns', 'add', namespace);
      run('ip', 'link', 'set', device, 'netns', namespace);
      const within = (...command) => run('ip', 'netns', 'exec', namespace, ...command);
      within('ip', 'link', 'set', 'lo', 'up');
      within('ip', 'address', 'add', `${address}/24`, 'dev', device);
      within('ip', 'link', 'set', device, 'up');
    }
    // The first packet tells the far socat where to answer.
    run('ip', 'netns', 'exec', sides[0].namespace, 'sh', '-c', `ping -c 2 -i 0.2 ${sides[1].address} || true`);
    return { sides, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// A flow from the first side to the second; the end that receives.
const FLOWS = {
  async TCP({ sides: [from, to] }, n) {
    const port = String(5_000 + n);
    const [sink, source] = [['receive', to], ['send', from]].map(([what, side]) => () => new Program(
      ['ip', 'netns', 'exec', side.namespace, 'python3', 'tests/e2e/tcp.py', what, to.address, port]));
    const receiver = sink();
    await receiver.until((lines) => lines.includes('listening') || undefined, 5_000);
    source();
    return receiver;
  },
  Paced: (net) => channel(net, []),
  Rfc9260: (net) => channel(net, ['--rfc9260']),
};

async function channel({ sides: [from, to] }, more) {
  const end = (side, what, ...args) => new Program(['ip', 'netns', 'exec', side.namespace, bin('barertc-data'), what, `${side.address}:0`, ...args, ...more]);
  const [offerer, answerer] = [end(from, 'offer', 'send'), end(to, 'answer', 'receive')];
  await introduce(offerer, answerer);
  return answerer;
}

async function fairness() {
  const pairs = [['TCP'], ['Paced'], ['Rfc9260'], ['TCP', 'TCP'], ['Paced', 'TCP'], ['TCP', 'Paced'], ['Rfc9260', 'TCP'], ['Paced', 'Paced']];
  const rows = [];
  for (const queue of [1, 0.1]) {
    const row = [String(queue)];
    for (const pair of pairs) {
      const net = await bottleneck(queue);
      try {
        const ends = [];
        for (const [n, name] of pair.entries()) {
          ends.push(await FLOWS[name](net, n));
          await ends[n].until((lines) => lines.some((l) => /^bytes [1-9]/.test(l)) || undefined, 30_000);
        }
        await wait(5_000);
        const rates = await Promise.all(ends.map((end) => end.rate(seconds)));
        row.push(rates.map((r) => r.toFixed(1)).join(', '));
        console.log(`queue ${queue}, ${pair.join(' beside ')}: ${row.at(-1)} Mbit/s`);
      } finally {
        await net.close();
      }
    }
    rows.push(row);
  }
  return [
    `The same beside the kernel's TCP (CUBIC) in a real bottleneck of ${SHARED} Mbit/s at ${RTT} ms: Mbit/s over ${seconds} s, five seconds after the second flow's first byte (\`cargo xtask impair --data\`):`,
    table(['queue', ...pairs.map((pair) => pair.map((name) => (name === 'TCP' ? name : `\`${name}\``)).join(', '))], rows),
  ];
}

// ---- What comes of it

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function write(part, text) {
  const file = path.join(root, 'docs/sctp.md');
  const [begin, end] = [`<!-- ${part} -->\n`, `<!-- end of ${part} -->`];
  const [before, rest] = readFileSync(file, 'utf8').split(begin);
  assert.ok(rest?.includes(end), `docs/sctp.md has a place for ${part}`);
  writeFileSync(file, `${before}${begin}${text}\n${end}${rest.split(end)[1]}`);
}

const PARTS = { bulk, ping, fairness };
try {
  for (const part of options.parts.split(',')) {
    const text = (await (PARTS[part] ?? assert.fail(`no part ${part}`))()).join('\n\n');
    console.log(`\n${text}\n`);
    if (options.write) write(part, text);
  }
} finally {
  await stopAll();
}
