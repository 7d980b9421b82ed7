// Sessions with other stacks, each with a device that sends back what it gets (`tests/peer`, barertc-mirror): the offer by them and
// by us, H.264 and VP8, Opus, a data channel whose bytes are compared, and then what the peer can do later: the reset of a stream, a
// further m-line, an ICE restart, each with media and data behind it.
//
//     node interop.mjs [--peers NAME,…] [--bytes N] [--write]
//
// --write puts the table into docs/interop.md. Each peer is a program: NAME offer|answer h264|vp8 BYTES.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ownAddress } from './firefox.mjs';
import { Program, stopAll } from './program.mjs';
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

const LATER = { reset: 'This peer\'s program does not try it', more: 'This peer\'s program does not try it', restart: 'This peer\'s program does not try it' };

// What is there; `no` has the reason for a session that cannot be.
const PEERS = {
  Chromium: { command: node('browser.mjs', 'chromium') },
  Firefox: { command: node('browser.mjs', 'firefox'), no: { h264: 'Debian\'s Firefox comes without OpenH264, which it fetches from the network' } },
  aiortc: { command: [process.env.AIORTC_PYTHON ?? 'python3', path.join(folder, 'aiortc_peer.py')], no: LATER },
  'libdatachannel (`node-datachannel`)': { command: node('libdatachannel.mjs'), no: { restart: 'It has no ICE restart' } },
  'GStreamer webrtcbin': {
    command: ['/usr/bin/python3', path.join(folder, 'gstreamer_peer.py')], no: {
      restart: 'webrtcbin 1.22 has no ICE restart',
      answer: 'It answers our Opus `recvonly` though a source for it is linked; why is not known yet',
    },
  },
  // It takes each announced SSRC that is none of RTX for a track, two of which in an m-line it refuses: so FlexFEC is not offered.
  pion: { command: [process.env.PION_PEER ?? 'pion'], device: ['plain'] },
  werift: { command: node('werift.mjs'), no: LATER },
  'libwebrtc of 2024 (`@roamhq/wrtc`)': { command: node('wrtc.mjs'), no: { h264: 'It was built without H.264' } },
};
const PICTURES = 20;
const SOUNDS = 50;
const STEPS = { reset: 'reset of a stream', more: 'another m-line', restart: 'ICE restart' };

// The nth description that a program prints.
const description = (program, n, ms) => program.until((lines) => {
  const found = `${lines.join('\n')}\n`.match(/^v=0\n(?:.+\n)+(?=\n)/gm)?.[n];
  return found && `${found.trimEnd().split('\n').join('\r\n')}\r\n\r\n`;
}, ms);
const attribute = (sdp, name) => sdp.match(new RegExp(`^a=${name}:(.*)$`, 'm'))?.[1];
const ports = (sdp) => [...sdp.matchAll(/^m=\S+ (\d+)/gm)].map(([, port]) => Number(port));

// What a later offer and answer must have.
function check(step, before, [offer, answer]) {
  if (step === 'restart') {
    for (const [n, now] of [offer, answer].entries()) assert.notEqual(attribute(now, 'ice-ufrag'), attribute(before[n], 'ice-ufrag'), 'new credentials');
  }
  assert.equal(ports(offer).length, ports(answer).length);
  assert.ok(step !== 'more' || (ports(answer).length > ports(before[1]).length && !ports(answer).includes(0)), 'one m-line more, none rejected');
}

// Sees to what the peer does later, until it has the result.
async function later(peer, device, side, before) {
  const [first, second] = side === 'offer' ? [peer, device] : [device, peer];
  for (let [seen, n] = [0, 1]; ; seen += 1) {
    const next = await peer.until((lines) => lines.filter((line) => /^(step |enough|\{)/.test(line))[seen], 75_000);
    const step = next.match(/^step (.*)/)?.[1];
    if (!step) return;
    if (step === 'reset') continue;
    if (side === 'answer') device.say(`${step}\n`);
    const offer = await description(first, n, 10_000);
    second.say(offer);
    const answer = await description(second, n, 10_000);
    first.say(answer);
    check(step, before, [offer, answer]);
    [before, n] = [[offer, answer], n + 1];
  }
}

// One session, and what is wrong with it.
async function session(name, { command, device: more = [] }, side, codec) {
  const device = new Program([mirror, side === 'offer' ? 'answer' : 'offer', `${ownAddress()}:0`, codec, ...more]);
  const peer = new Program([...command, side, codec, options.bytes]);
  const [first, second] = side === 'offer' ? [peer, device] : [device, peer];
  const offer = await description(first, 0, 30_000);
  second.say(offer);
  const answer = await description(second, 0, 30_000);
  first.say(answer);
  await later(peer, device, side, [offer, answer]);
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
  console.log(`${name}, ${side}, ${codec}: ${JSON.stringify(result)}; ${sum()}`);
  assert.ok(states.includes('state Connected'), 'it connects');
  assert.ok(result.same, `${result.bytes} bytes came back, and are not those that were sent`);
  const [video, audio] = sum().match(/\d+/g).map(Number);
  assert.ok(video >= PICTURES && audio >= SOUNDS, `it has got less than it says: ${sum()}`);
  assert.ok(result.video >= PICTURES, `${result.video} pictures came back (${sum()})`);
  assert.ok(result.audio >= SOUNDS, `${result.audio} frames of sound came back (${sum()})`);
  assert.equal(states.at(-1), 'state Closed');
  assert.ok(result.steps?.reset !== 'yes' || device.lines.some(({ line }) => line === 'channel closed'), 'the channel is closed here, too');
  return result;
}

const notes = new Map();
function note(no) {
  if (!notes.has(no)) notes.set(no, notes.size + 1);
  return `– (${notes.get(no)})`;
}
const rows = [];
let failed = 0;
for (const [name, peer] of Object.entries(PEERS)) {
  if (options.peers && !options.peers.split(',').some((wanted) => name.includes(wanted))) continue;
  const cells = [];
  const steps = Object.keys(STEPS).map(() => []);
  let [version, silent, deaf] = ['', false, false];
  for (const side of ['offer', 'answer']) {
    for (const codec of ['h264', 'vp8']) {
      const no = peer.no?.[codec] ?? peer.no?.[side];
      if (no) {
        cells.push(note(no));
        continue;
      }
      try {
        const result = await session(name, peer, side, codec);
        version = result.version;
        silent ||= result.told === false;
        deaf ||= side === 'answer' && !result.heard;
        cells.push('yes');
        Object.keys(STEPS).forEach((step, n) => steps[n].push(result.steps?.[step]));
        for (const [step, why] of Object.entries(result.steps ?? {})) {
          if (why === 'yes') continue;
          failed += 1;
          console.error(`${name}, ${side}, ${codec}: ${step}: ${why}`);
        }
      } catch (error) {
        failed += 1;
        console.error(`${name}, ${side}, ${codec}: ${error.message}`);
        if (process.env.INTEROP_LOG) Program.running().forEach((p) => console.error(p.name, p.lines.map(({ line }) => line)));
        cells.push('**no**');
      } finally {
        await stopAll();
      }
    }
  }
  const closing = [silent && 'it says no goodbye', deaf && 'it does not hear ours'].filter(Boolean).join(', ');
  // A step that the peer does not have is in none of its sessions.
  const done = Object.keys(STEPS).map((step, n) => {
    if (steps[n].some((why) => why && why !== 'yes')) return '**no**';
    return steps[n].length > 0 && steps[n].every((why) => why === 'yes') ? 'yes' : note(peer.no?.[step] ?? 'Not tried');
  });
  rows.push([name, version, ...cells, ...done, closing || 'both hear it']);
}

const head = ['peer', 'version', 'they offer: H.264', 'VP8', 'we offer: H.264', 'VP8', ...Object.values(STEPS), 'close'];
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
