// The C interface and a real browser: `crates/capi/examples/answer.c`, as gcc has compiled it (`cargo xtask capi host`).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { after, test } from 'node:test';
import { launch } from './browser.mjs';
import { target } from './streamer.mjs';

const PATIENCE = 20_000;

let browser;
after(() => browser?.close());

// The program: its answer, and the lines that it says afterwards.
function answerer(program) {
  const child = spawn(path.join(target, 'capi', program), ['127.0.0.1'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = [];
  let sdp = '';
  let told;
  const description = new Promise((done) => { told = done; });
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    if (told && line.trim() === '') {
      told(sdp);
      told = undefined;
    } else if (told) sdp += `${line.trimEnd()}\r\n`;
    else lines.push(line);
  });
  return { child, description, lines };
}

async function eventually(what, look) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) {
    const seen = await look();
    if (seen) return seen;
  }
  throw new Error(`no ${what}`);
}

for (const program of ['answer', 'answer-asan']) {
  test(`${program}: Chromium's messages come back, and every byte of memory does`, async () => {
    browser ??= await launch(['--allow-loopback-in-peer-connection']);
    const page = await browser.newPage();
    await page.goto('about:blank');
    const peer = answerer(program);
    try {
      const offer = await page.evaluate(async () => {
        const pc = (window.pc = new RTCPeerConnection());
        const channel = pc.createDataChannel('from C');
        channel.binaryType = 'arraybuffer';
        window.heard = [];
        channel.onmessage = ({ data }) => window.heard.push(typeof data === 'string' ? data : new Uint8Array(data).join());
        channel.onopen = () => {
          channel.send('hello');
          channel.send(Uint8Array.of(1, 2, 3));
          channel.send('x'.repeat(16_000));
        };
        await pc.setLocalDescription(await pc.createOffer());
        if (pc.iceGatheringState !== 'complete') {
          await new Promise((done) => { pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
        }
        return pc.localDescription.sdp;
      });
      peer.child.stdin.write(`${offer}\r\n`);
      const answer = await peer.description;
      await page.evaluate((sdp) => window.pc.setRemoteDescription({ type: 'answer', sdp }), answer);
      const heard = await eventually('echo', async () => {
        const all = await page.evaluate(() => window.heard);
        return all.length === 3 && all;
      });
      assert.deepEqual(heard.slice(0, 2), ['hello', '1,2,3']);
      assert.ok(heard[2] === 'x'.repeat(16_000), `${heard[2].length} bytes came back: ${peer.lines.join('; ')}`);
      assert.ok(peer.lines.includes('open from C'), peer.lines.join('\n'));
      const gone = once(peer.child, 'exit');
      await page.evaluate(() => window.pc.close());
      const [code] = await gone;
      await eventually('last line', () => peer.lines.some((line) => line.startsWith('live')));
      assert.equal(peer.lines.at(-1), 'live 0');
      assert.equal(code, 0);
    } finally {
      peer.child.kill();
      await page.close();
    }
  });
}
