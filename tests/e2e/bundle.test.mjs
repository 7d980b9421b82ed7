// One transport for all m-lines: it stands in the first m-line of the offer, for which a device without sound and picture
// has no use. The device keeps that m-line, with nothing on it. `crates/peer/examples/echo.rs` is the device.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { launch } from './browser.mjs';
import { ownAddress } from './firefox.mjs';
import { target } from './streamer.mjs';

const DESCRIPTION = /^([^]*?)^\.$/m;

function run(program, args) {
  const child = spawn(program, args);
  const peer = { child, out: '', log: '' };
  child.stdout.on('data', (text) => (peer.out += text));
  child.stderr.on('data', (text) => (peer.log += text));
  return peer;
}

const echo = () => run(path.join(target, 'release/examples/echo'), ['--address', ownAddress()]);

async function eventually(what, peer, pattern) {
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((done) => setTimeout(done, 5))) {
    const seen = peer.out.match(pattern);
    if (seen) return seen[1];
  }
  throw new Error(`no ${what}: ${peer.log}`);
}

async function stop({ child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

// The m-lines of a description, each with what is said in it.
const mLines = (sdp) => sdp.split(/^(?=m=)/m).slice(1);

// What both tests expect of offer and answer: the transport stands in the first m-line, which stays.
function check(offer, answer) {
  const candidates = mLines(offer).map((line) => line.match(/^a=candidate:/gm)?.length ?? 0);
  assert.ok(candidates[0] > 0 && candidates.slice(1).every((n) => n === 0), `candidates in the first only: ${candidates}`);
  assert.deepEqual(mLines(answer).map((line) => line.split(' ')[1] !== '0'), [true, false, true]);
  assert.match(mLines(answer)[0], /^a=inactive\r$/m);
  const [first, , last] = offer.match(/^a=group:BUNDLE (.*?)\r?$/m)[1].split(' ');
  assert.equal(answer.match(/^a=group:BUNDLE (.*?)\r?$/m)[1], `${first} ${last}`);
}

test("Chromium's max-bundle: the data channel opens without picture and sound", { timeout: 40_000 }, async () => {
  const browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--allow-loopback-in-peer-connection']);
  const device = echo();
  try {
    const page = await browser.newPage();
    const offer = await page.evaluate(async () => {
      const pc = (window.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' }));
      pc.addTransceiver('video');
      pc.addTransceiver('audio');
      window.channel = pc.createDataChannel('echo');
      await pc.setLocalDescription();
      if (pc.iceGatheringState !== 'complete') {
        await new Promise((done) => (pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done()));
      }
      return pc.localDescription.sdp;
    });
    device.child.stdin.write(`${offer}.\n`);
    const answer = await eventually('answer', device, DESCRIPTION);
    const echoed = await page.evaluate(async (sdp) => {
      await window.pc.setRemoteDescription({ type: 'answer', sdp });
      if (window.channel.readyState !== 'open') await new Promise((done) => (window.channel.onopen = done));
      window.channel.send('hello');
      return new Promise((done) => (window.channel.onmessage = (e) => done(e.data)));
    }, answer);
    assert.equal(echoed, 'hello');
    check(offer, answer);
  } finally {
    await stop(device);
    await browser.close();
  }
});

test("GStreamer's max-bundle: the data channel opens without picture and sound", { timeout: 40_000 }, async () => {
  const device = echo();
  const gstreamer = run('/usr/bin/python3', [path.join(import.meta.dirname, 'gstreamer.py'), 'max-bundle']);
  try {
    const offer = await eventually('offer', gstreamer, DESCRIPTION);
    device.child.stdin.write(`${offer}.\n`);
    const answer = await eventually('answer', device, DESCRIPTION);
    gstreamer.child.stdin.write(`${answer}.\n`);
    assert.equal(await eventually('echo', gstreamer, /^echo: (.*)$/m), 'hello');
    check(offer, answer);
  } finally {
    await stop(device);
    await stop(gstreamer);
  }
});
