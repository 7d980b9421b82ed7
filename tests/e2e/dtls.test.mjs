// The handshake with both browsers, in both versions and both roles: `crates/peer/examples/echo.rs` is the other side,
// and what it echoes over a data channel has come through everything.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after, test } from 'node:test';
import { launch as launchChromium } from './browser.mjs';
import { launch as launchFirefox, ownAddress } from './firefox.mjs';
import { target } from './streamer.mjs';

const CHROMIUM = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--allow-loopback-in-peer-connection'];

// Chromium speaks 1.2 with a peer that knows nothing else; Firefox can be told to know nothing else itself.
const browsers = {
  'Chromium': { launch: () => launchChromium(CHROMIUM), dtls: '1.3', ours: [] },
  'Chromium, 1.2 with us': { launch: () => launchChromium(CHROMIUM), dtls: '1.2', ours: ['--dtls', '1.2'] },
  'Firefox': { launch: () => launchFirefox(), dtls: '1.3', ours: [] },
  'Firefox, 1.2 with us': { launch: () => launchFirefox(), dtls: '1.2', ours: ['--dtls', '1.2'] },
  'Firefox of 1.2': {
    launch: () => launchFirefox({ 'media.peerconnection.dtls.version.max': 771 }), dtls: '1.2', ours: [],
  },
};

// One browser at a time, kept for the tests that want the same.
let running;

async function browserOf(launch) {
  if (running?.key !== launch.toString()) {
    await running?.browser.close();
    running = { key: launch.toString(), browser: await launch() };
  }
  return running.browser;
}

after(() => running?.browser.close());

// The program, with its two streams as text.
function echo(args) {
  const child = spawn(path.join(target, 'release/examples/echo'), ['--address', ownAddress(), ...args]);
  const peer = { child, out: '', log: '' };
  child.stdout.on('data', (text) => (peer.out += text));
  child.stderr.on('data', (text) => (peer.log += text));
  return peer;
}

async function eventually(what, look) {
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((done) => setTimeout(done, 5))) {
    const seen = look();
    if (seen) return seen;
  }
  throw new Error(`no ${what}`);
}

const description = (peer) => eventually('description', () => peer.out.match(/^([^]*)^\.$/m)?.[1]);

// Runs in the page: makes the connection and its channel, and the offer or the answer with every candidate in it.
async function begin(offer) {
  const pc = (window.pc = new RTCPeerConnection());
  window.channel = pc.createDataChannel('echo');
  window.channel.binaryType = 'arraybuffer';
  if (offer) await pc.setRemoteDescription({ type: 'offer', sdp: offer });
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete') {
    await new Promise((done) => (pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done()));
  }
  return pc.localDescription.sdp;
}

// Runs in the page: takes the answer, and gives back what the connection became.
async function talk(answer) {
  const start = performance.now();
  if (answer) await window.pc.setRemoteDescription({ type: 'answer', sdp: answer });
  if (window.channel.readyState !== 'open') await new Promise((done) => (window.channel.onopen = done));
  const openMs = performance.now() - start;
  const next = () => new Promise((done) => (window.channel.onmessage = (e) => done(e.data)));
  window.channel.send('hello');
  const text = await next();
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  window.channel.send(bytes);
  const back = new Uint8Array(await next());
  let transport;
  (await window.pc.getStats()).forEach((s) => { if (s.type === 'transport') transport = s; });
  window.pc.close();
  return { openMs, text, same: back.length === bytes.length && back.every((b, i) => b === bytes[i]), transport };
}

for (const [name, { launch, dtls, ours }] of Object.entries(browsers)) {
  for (const role of ['Client', 'Server']) {
    test(`${name}: DTLS ${dtls}, we are the ${role.toLowerCase()}`, { timeout: 30_000 }, async (t) => {
      const page = await (await browserOf(launch)).newPage();
      // An answerer is the client: so are we towards an offer, and so are browsers.
      const peer = echo(role === 'Client' ? ours : ['--offer', ...ours]);
      try {
        let seen;
        if (role === 'Client') {
          peer.child.stdin.write(`${await page.evaluate(begin)}.\n`);
          seen = await page.evaluate(talk, await description(peer));
        } else {
          peer.child.stdin.write(`${await page.evaluate(begin, await description(peer))}.\n`);
          seen = await page.evaluate(talk);
        }
        assert.equal(seen.text, 'hello');
        assert.ok(seen.same, 'sixty thousand bytes come back unchanged');
        assert.match(peer.log, new RegExp(`connected: Dtls${dtls.replace('.', '')} as ${role}`));
        // Firefox doesn't tell.
        if (seen.transport.tlsVersion) assert.equal(seen.transport.tlsVersion, dtls === '1.3' ? 'FEFC' : 'FEFD');
        assert.equal(seen.transport.dtlsRole, role === 'Client' ? 'server' : 'client');
        t.diagnostic(`channel open after ${Math.round(seen.openMs)} ms, ${seen.transport.dtlsCipher ?? ''}`);
        // The browser has said goodbye.
        await eventually('end', () => /Closed/.test(peer.log));
      } finally {
        if (peer.child.exitCode === null) {
          const exit = once(peer.child, 'exit');
          peer.child.kill();
          await exit;
        }
        await page.close();
      }
    });
  }
}
