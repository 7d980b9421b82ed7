// The streamer behind the WiFi driver: the co-processor is simulated, its radio is a tap device in a network namespace,
// and Chromium runs in the same namespace. Needs root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Streamer, target } from './streamer.mjs';

const SECONDS = Number(process.env.HOSTED_SECONDS ?? 15);
const space = `barertc-hosted-${process.pid}`;
const TOKEN = 'for-this-test';
const program = path.join(target, 'release', 'barertc-hosted-sim');

let dir;
let browser;
let page; // browser.mjs, which takes the browser's path from the environment

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-hosted-'));
  ip('netns', 'add', space);
  ip('-n', space, 'link', 'set', 'lo', 'up');
  const wrapper = path.join(dir, 'chromium');
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${space} ${process.env.CHROMIUM ?? '/usr/bin/chromium'} "$@"\n`);
  chmodSync(wrapper, 0o755);
  process.env.CHROMIUM = wrapper;
  page = await import('./browser.mjs');
});

after(async () => {
  ip('netns', 'del', space);
  rmSync(dir, { recursive: true, force: true });
});

// A board in the namespace, with `args` for its co-processor.
async function board(n, args) {
  const tap = `tap${n}`;
  const address = `10.77.${n}`;
  const device = await Streamer.start(
    ['netns', 'exec', space, program, '--tap', tap, '--ip', `${address}.2`, '--token', TOKEN, ...args],
    { program: 'ip', listen: false, url: /tap \S+ is there/ },
  );
  ip('-n', space, 'addr', 'add', `${address}.1/24`, 'dev', tap);
  ip('-n', space, 'link', 'set', tap, 'up');
  const ready = await device.waitFor(/ready at http:\/\/\S+\//, 20_000);
  // A browser that is open while a network comes up gives up what it is loading.
  browser = await page.launch();
  return { device, url: `${ready.replace('ready at ', '')}?token=${TOKEN}` };
}

// What the driver counted last.
function figures(device) {
  const line = device.log.match(/hosted: .*/g).at(-1);
  const number = (name) => Number(line.match(new RegExp(`${name} (\\d+)`))[1]);
  const [, inBytes, outBytes, copied] = line.match(/bytes in (\d+) out (\d+) copied (\d+)/).map(Number);
  const [, inFrames, outFrames] = line.match(/frames in (\d+) out (\d+)/).map(Number);
  return { line, inFrames, outFrames, inBytes, outBytes, copied, restarts: number('restarts') };
}

async function plays(url, seconds) {
  const { page: tab, errors, firstPictureMs } = await page.open(browser, url);
  await tab.click('#sound');
  const from = await page.until(tab, (s) => s.video?.framesDecoded > 30 && s.audio, 15_000, 'a second of video');
  await tab.waitForTimeout(seconds * 1000);
  const to = await page.stats(tab);
  const span = (to.video.timestamp - from.video.timestamp) / 1000;
  const fps = (to.video.framesDecoded - from.video.framesDecoded) / span;
  const mbits = ((to.transport.bytesReceived - from.transport.bytesReceived) * 8) / span / 1e6;
  return { tab, errors, firstPictureMs, fps, mbits, to };
}

test(`plays for ${SECONDS} s through driver and co-processor`, async () => {
  const { device, url } = await board(1, ['--checksum']);
  try {
    const { tab, errors, firstPictureMs, fps, mbits, to } = await plays(url, SECONDS);
    await tab.close();
    const f = figures(device);
    console.log(
      `first picture after ${firstPictureMs} ms; ${fps.toFixed(2)} frames/s; ${mbits.toFixed(2)} Mbit/s; ` +
        `${to.video.freezeCount} freezes; ${to.video.packetsLost} lost; ${to.transport.srtpCipher}`,
    );
    console.log(
      `copies in the driver per frame: ${((f.copied - f.inBytes) / f.outBytes).toFixed(2)} out, ${(f.copied / f.inBytes).toFixed(2)} in; ${f.line}`,
    );
    console.log(device.log.match(/driver memory .*/g).at(-1), '·', device.log.match(/the driver takes .*/)[0]);
    assert.deepEqual(errors, []);
    assert.ok(fps > 25, `${fps} frames a second`);
    assert.ok(to.audio.totalAudioEnergy > 0, 'sound has energy');
    assert.equal(f.copied, f.inBytes, 'received frames are copied once, sent ones never');
    assert.equal(f.restarts, 0);
    assert.doesNotMatch(device.log, /VIOLATION/);
  } finally {
    await browser.close();
    await device.stop();
  }
});

test('a co-processor that crashes in mid-stream comes back, and the picture with it', async () => {
  const { device, url } = await board(2, ['--old', '--crash', '12']);
  try {
    const { page: tab } = await page.open(browser, url);
    await device.waitFor(/the co-processor crashes/, 20_000);
    await device.waitFor(/Restarting[\s\S]*joined on channel/, 15_000);
    const back = await page.stats(tab);
    await page.until(tab, (s) => s.video?.framesDecoded > (back.video?.framesDecoded ?? 0) + 60, 20_000, 'video again');
    const to = await page.stats(tab);
    console.log(`after the crash: ${to.video.freezeCount} freezes of ${to.video.totalFreezesDuration.toFixed(1)} s in all; ${figures(device).line}`);
    assert.equal(figures(device).restarts, 1);
    assert.doesNotMatch(device.log, /VIOLATION/);
    await tab.close();
  } finally {
    await browser.close();
    await device.stop();
  }
});
