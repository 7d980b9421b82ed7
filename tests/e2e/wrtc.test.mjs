// libwebrtc of 2024 (npm `@roamhq/wrtc` 0.10.0, which apps embed): a channel is closed behind messages that are still on their way.
// Its dcsctp asks again under a new number after "in progress", and answers a repetition from its cache. Each datagram is 0 to 3 ms
// late, so that requests overtake data. `crates/peer/examples/echo.rs` is the device.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import wrtc from '@roamhq/wrtc';
import { target } from './streamer.mjs';

const DESCRIPTION = /^([^]*?)^\.$/m;
const MESSAGES = 12;
const ROUNDS = 6;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, check, ms = 15_000) {
  for (const end = Date.now() + ms; Date.now() < end; await wait(5)) if (check()) return;
  throw new Error(`no ${what}`);
}

// Both ways between libwebrtc and the device, each datagram 0 to 3 ms late.
async function jitter(device) {
  const [outside, inside] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')];
  for (const socket of [outside, inside]) {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
  let peer;
  const late = (send) => setTimeout(() => { try { send(); } catch { /* it has ended */ } }, Math.random() * 3);
  outside.on('message', (datagram, from) => {
    peer = from;
    late(() => inside.send(datagram, device, '127.0.0.1'));
  });
  inside.on('message', (datagram) => peer && late(() => outside.send(datagram, peer.port, peer.address)));
  return { port: outside.address().port, close: () => [outside, inside].forEach((socket) => socket.close()) };
}

// A connection with a device of its own, over the network that delays.
async function connect() {
  const child = spawn(path.join(target, 'release/examples/echo'), ['--address', '127.0.0.1']);
  const device = { out: '', log: '' };
  child.stdout.on('data', (text) => (device.out += text));
  child.stderr.on('data', (text) => (device.log += text));
  const pc = new wrtc.RTCPeerConnection();
  const first = pc.createDataChannel('first');
  await pc.setLocalDescription(await pc.createOffer());
  await until('candidates', () => pc.iceGatheringState === 'complete');
  // The device learns where its peer is by the checks that come through the network in between.
  const offer = pc.localDescription.sdp.split(/\r\n/).filter((line) => !line.startsWith('a=candidate:')).join('\r\n');
  child.stdin.write(`${offer}.\n`);
  await until('answer', () => DESCRIPTION.test(device.out));
  const answer = device.out.match(DESCRIPTION)[1];
  const port = Number(answer.match(/^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) typ host/m)[1]);
  const network = await jitter(port);
  await pc.setRemoteDescription({ type: 'answer', sdp: answer.replaceAll(` ${port} typ`, ` ${network.port} typ`) });
  await until('connection', () => first.readyState === 'open');
  return {
    pc,
    count: (pattern) => device.log.match(pattern)?.length ?? 0,
    device,
    end: async () => {
      pc.close();
      child.kill();
      network.close();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

// The first bytes of the messages that the device has read.
const heard = (device) => [...device.log.matchAll(/^message of 1000 bytes, the first Some\((\d+)\)$/gm)].map((found) => Number(found[1]));

test('libwebrtc closes a channel behind its messages', { timeout: 60_000 }, async () => {
  const { pc, count, device, end } = await connect();
  try {
    for (let round = 1; round <= 2 * ROUNDS; round++) {
      const [waits, before] = [round % 2 === 0, heard(device).length];
      const channel = pc.createDataChannel(`channel ${round}`);
      await until('channel', () => channel.readyState === 'open');
      for (let n = 0; n < MESSAGES; n++) channel.send(new Uint8Array(1_000).fill(n));
      if (waits) await until('all messages', () => heard(device).length === before + MESSAGES);
      channel.close();
      await until(`close of channel ${round}`, () => channel.readyState === 'closed' && count(/^closed$/gm) === round);
      // It forgets what it has not sent when it closes, also when two of its kind talk, and tells a `bufferedAmount` of 0 before it
      // has sent everything. What it has sent arrives in order.
      const came = heard(device).slice(before);
      assert.deepEqual(came, [...came.keys()], device.log);
      if (waits) assert.equal(came.length, MESSAGES, device.log);
    }
  } finally {
    await end();
  }
});

test('the device closes a channel behind its messages', { timeout: 60_000 }, async () => {
  const { pc, count, end } = await connect();
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      const channel = pc.createDataChannel('burst');
      channel.binaryType = 'arraybuffer';
      let heard = 0;
      channel.onmessage = ({ data }) => (heard += data.byteLength === 1_000 ? 1 : 0);
      await until(`close of channel ${round}`, () => channel.readyState === 'closed' && count(/^closed$/gm) === round);
      assert.equal(heard, MESSAGES, `channel ${round}`);
    }
  } finally {
    await end();
  }
});
