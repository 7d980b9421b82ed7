// Sessions with other stacks, each with a device that sends back what it gets (`tests/peer`, barertc-mirror): the offer by them and
// by us, H.264 and VP8, Opus, and a data channel whose bytes are compared by digest.
//
//     node interop.mjs [--peers NAME,…] [--bytes N] [--write]
//
// --write puts the table into docs/interop.md. Each peer is a program: NAME offer|answer h264|vp8 BYTES.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ownAddress } from './firefox.mjs';
import { Program, description, stopAll } from './program.mjs';
import { root } from './streamer.mjs';

const { values: options } = parseArgs({
  options: {
    peers: { type: 'string' },
    bytes: { type: 'string', default: String(10 << 20) },
    write: { type: 'boolean', default: false },
  },
});
const folder = path.join(import.meta.dirname, 'interop');
const mirror = process.env.BARERTC_MIRROR ?? assert.fail('BARERTC_MIRROR: the program; `cargo xtask interop` builds it');
const node = (file, ...more) => ['node', path.join(folder, file), ...more];

// What is there; `no` has the reason for a session that cannot be.
const PEERS = {
  Chromium: { command: node('browser.mjs', 'chromium') },
  Firefox: { command: node('browser.mjs', 'firefox'), no: { h264: 'Debian\'s Firefox comes without OpenH264, which it fetches from the network' } },
  aiortc: { command: [process.env.AIORTC_PYTHON ?? 'python3', path.join(folder, 'aiortc_peer.py')] },
  werift: { command: node('werift.mjs') },
  'libwebrtc of 2024 (`@roamhq/wrtc`)': { command: node('wrtc.mjs'), no: { h264: 'It was built without H.264' } },
};
const PICTURES = 20;
const SOUNDS = 50;

// One session, and what is wrong with it.
async function session(name, { command }, side, codec) {
  const device = new Program([mirror, side === 'offer' ? 'answer' : 'offer', `${ownAddress()}:0`, codec]);
  const peer = new Program([...command, side, codec, options.bytes]);
  const [first, second] = side === 'offer' ? [peer, device] : [device, peer];
  second.say(`${await description(first, 30_000)}\r\n`);
  first.say(`${await description(second, 30_000)}\r\n`);
  // Where we have made the offer, we close.
  if (side === 'answer') {
    await peer.until((lines) => lines.includes('enough') || undefined, 60_000);
    device.end();
  }
  const result = JSON.parse(await peer.until((lines) => lines.find((line) => line.startsWith('{')), 75_000));
  const sum = () => device.lines.find(({ line }) => line.startsWith('mirrored '))?.line;
  if (side === 'offer') {
    // They have closed. A peer that says nothing is noticed after 30 seconds (RFC 7675): that is not waited for.
    result.told = await device.until(sum, 3_000).then(() => true, () => false);
    if (!result.told) device.end();
  }
  await device.until(sum, 15_000);
  const states = device.lines.map(({ line }) => line).filter((line) => line.startsWith('state '));
  assert.ok(states.includes('state Connected'), 'it connects');
  assert.ok(result.same, `${result.bytes} bytes came back, and are not those that were sent`);
  const [video, audio] = sum().match(/\d+/g).map(Number);
  assert.ok(video >= PICTURES && audio >= SOUNDS, `it has got less than it says: ${sum()}`);
  assert.ok(result.video >= PICTURES, `${result.video} pictures came back (${sum()})`);
  assert.ok(result.audio >= SOUNDS, `${result.audio} frames of sound came back (${sum()})`);
  assert.equal(states.at(-1), 'state Closed');
  console.log(`${name}, ${side}, ${codec}: ${JSON.stringify(result)}; ${sum()}`);
  return result;
}

const notes = new Map();
const rows = [];
let failed = 0;
for (const [name, peer] of Object.entries(PEERS)) {
  if (options.peers && !options.peers.split(',').some((wanted) => name.includes(wanted))) continue;
  const cells = [];
  let [version, silent, deaf] = ['', false, false];
  for (const side of ['offer', 'answer']) {
    for (const codec of ['h264', 'vp8']) {
      const no = peer.no?.[codec];
      if (no) {
        if (!notes.has(no)) notes.set(no, notes.size + 1);
        cells.push(`– (${notes.get(no)})`);
        continue;
      }
      try {
        const result = await session(name, peer, side, codec);
        version = result.version;
        silent ||= result.told === false;
        deaf ||= side === 'answer' && !result.heard;
        cells.push('yes');
      } catch (error) {
        failed += 1;
        console.error(`${name}, ${side}, ${codec}: ${error.message}`);
        cells.push('**no**');
      } finally {
        await stopAll();
      }
    }
  }
  const closing = [silent && 'it says no goodbye', deaf && 'it does not hear ours'].filter(Boolean).join(', ');
  rows.push([name, version, ...cells, closing || 'both hear it']);
}

const head = ['peer', 'version', 'they offer: H.264', 'VP8', 'we offer: H.264', 'VP8', 'close'];
const table = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
const text = [`${Number(options.bytes).toLocaleString('en')} bytes each way on the channel.`, table, ...[...notes].map(([note, n]) => `(${n}) ${note}.`)].join('\n\n');
console.log(`\n${text}`);
if (options.write) {
  const file = path.join(root, 'docs/interop.md');
  const [begin, end] = ['<!-- sessions -->\n', '<!-- end of sessions -->'];
  const [before, rest] = readFileSync(file, 'utf8').split(begin);
  assert.ok(rest?.includes(end), 'docs/interop.md has a place for the table');
  writeFileSync(file, `${before}${begin}${text}\n${end}${rest.split(end)[1]}`);
}
process.exitCode = failed ? 1 : 0;
