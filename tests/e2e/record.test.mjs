// The other direction: a real Chromium sends its camera and microphone, over a path that loses packets.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open } from './browser.mjs';
import { Lossy } from './lossy.mjs';
import { freePort } from './ports.mjs';
import { figures, sound, still } from './recording.mjs';
import { Streamer } from './streamer.mjs';

const SECONDS = Number(process.env.RECORD_SECONDS ?? 10);

let streamer;
let browser;
let lossy;
let dir;

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-record-'));
  browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=fps=30']);
  const port = await freePort();
  lossy = await Lossy.before(port);
  streamer = await Streamer.start(['--record', dir, '--udp-port', String(port), '--advertise', lossy.address, '--stats']);
});

after(async () => {
  await browser?.close();
  const code = await streamer?.stop();
  lossy?.close();
  rmSync(dir, { recursive: true, force: true });
  assert.equal(code, 0, `Ctrl-C ends the streamer cleanly: ${streamer?.log}`);
});

// What Chromium says that it has sent.
async function outbound(page) {
  return page.evaluate(async () => {
    const found = {};
    (await window.barertc.camera.getStats()).forEach((s) => {
      if (s.type === 'outbound-rtp') found[s.kind] = s;
    });
    return found;
  });
}

// Who shows a camera tells its addresses too, and we would find the way past the lossy port: they are kept from us.
async function keepAddresses(page) {
  await page.route('**/whip**', async (route) => {
    const body = route.request().postData();
    if (route.request().method() === 'PATCH') return route.fulfill({ status: 204 });
    return route.continue(body ? { postData: body.replace(/a=candidate:.*\r\n/g, '') } : {});
  });
}

async function sendCamera(page) {
  await keepAddresses(page);
  await page.locator('#camera').waitFor({ state: 'visible' });
  await page.click('#camera');
  await page.waitForFunction(() => window.barertc.camera?.connectionState === 'connected' || window.barertc.cameraError);
  assert.equal(await page.evaluate(() => window.barertc.cameraError), null);
}

// Ends it, and waits until the files are whole.
async function stopCamera(page) {
  const before = await outbound(page);
  await page.click('#camera');
  await page.waitForTimeout(700);
  return before;
}

test(`Chromium sends H.264 and Opus for ${SECONDS} s over a path that loses 2 %, and all of it arrives`, async () => {
  const { page, errors } = await open(browser, streamer.url);
  lossy.oneIn = 50;
  await sendCamera(page);
  await page.waitForTimeout(SECONDS * 1000);
  lossy.oneIn = 0;
  await page.waitForTimeout(500);
  const { video, audio } = await stopCamera(page);
  const seen = figures(path.join(dir, '0.h264'));
  const heard = sound(path.join(dir, '0.ogg'));
  console.log(
    `sent ${video.framesSent} frames of ${video.frameWidth}x${video.frameHeight} (${video.encoderImplementation}), ` +
      `lost ${lossy.lost} packets, asked ${video.nackCount} times, sent ${video.retransmittedPacketsSent} again; ` +
      `FFmpeg decodes ${seen.frames} of ${seen.width}x${seen.height}; ${heard.seconds} s of sound, loudest ${heard.loudest} dB`,
  );
  assert.ok(lossy.lost > 5, 'the path lost packets');
  assert.ok(video.nackCount > 0 && video.retransmittedPacketsSent > 0, 'what was lost was asked for');
  // Frames that were on their way when it ended, and those that came after it was counted.
  const more = seen.frames - video.framesSent;
  assert.ok(more >= -4 && more < 30, `${seen.frames} of ${video.framesSent} frames`);
  assert.ok(video.framesSent > SECONDS * 10, 'the camera runs');
  assert.equal(seen.errors, '', 'every frame decodes');
  const seconds = audio.packetsSent / 50;
  assert.ok(Math.abs(heard.seconds - seconds) < 1, `${heard.seconds} of ${seconds} s of sound`);
  assert.ok(heard.loudest > -40, `the sound is heard: ${heard.loudest} dB`);
  const spread = still(path.join(dir, '0.h264'));
  assert.ok(spread > 10, `the picture is no plain colour: ${spread}`);
  assert.deepEqual(errors, []);
  await page.close();
});

test('a path that is silent for a while costs pictures, and what comes after it decodes', async () => {
  const { page } = await open(browser, streamer.url);
  await sendCamera(page);
  await page.waitForTimeout(1_500);
  const from = await outbound(page);
  lossy.oneIn = 1;
  // More than we can keep in order while we wait: after three seconds everything is asked for, and comes.
  await page.waitForTimeout(8_000);
  lossy.oneIn = 0;
  await page.waitForTimeout(2_000);
  const to = await stopCamera(page);
  const seen = figures(path.join(dir, '1.h264'));
  console.log(`lost ${lossy.lost}, PLI ${from.video.pliCount} before, ${to.video.pliCount} after; ${seen.frames} of ${to.video.framesSent} frames kept`);
  // Chromium begins anew by itself after such a time, or when it is asked to.
  assert.ok(seen.frames > 60 && seen.frames < to.video.framesSent, 'the rest is kept');
  assert.equal(seen.errors, '', 'what is kept decodes');
  await page.close();
});

test('without --record nobody can send', async () => {
  const other = await Streamer.start();
  const answer = await fetch(`${other.url}whip`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: 'v=0\r\n' });
  assert.equal(answer.status, 404);
  assert.equal(await other.stop(), 0);
  assert.ok(!existsSync(path.join(dir, '2.h264')));
  assert.ok(execFileSync('ls', [dir]).toString().includes('1.ogg'));
});
