// The main job: one command, and a real Chromium with its default settings plays it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, launchMortal, open, stats, until } from './browser.mjs';
import { bestPsnr, unpackSample } from './picture.mjs';
import { Streamer } from './streamer.mjs';

const SECONDS = Number(process.env.PLAY_SECONDS ?? 30);
const FPS = 30;

let streamer;
let browser;
let dir;

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-e2e-'));
  browser = await launch();
  streamer = await Streamer.start(['--stats']);
});

after(async () => {
  await browser?.close();
  const code = await streamer?.stop();
  rmSync(dir, { recursive: true, force: true });
  assert.equal(code, 0, `Ctrl-C ends the streamer cleanly: ${streamer?.log}`);
  const [, before, live] = streamer.log.match(/large memory: (\d+) B in use before, (\d+) B after/) ?? [];
  assert.equal(live, before, 'all memory is back at the end');
});

// The figures that the streamer printed last.
function figures() {
  const lines = [...streamer.log.matchAll(/viewers (\d+) · internal (\d+) B.*? large memory (\d+) B, peak (\d+) B/g)];
  const [, viewers, internal, psram, peak] = lines.at(-1).map(Number);
  return { lines: lines.length, viewers, internal, psram, peak };
}

// The first figures printed after this call for which `done` holds.
async function figuresWhere(done, ms, what) {
  const from = figures().lines;
  const end = Date.now() + ms;
  for (;;) {
    const now = figures();
    if (now.lines > from && done(now)) return now;
    assert.ok(Date.now() < end, `${what}: not within ${ms} ms: ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test(`plays for ${SECONDS} s without a freeze, with sound and ping-pong`, async () => {
  const { page, errors, firstPictureMs } = await open(browser, streamer.url);
  await page.click('#sound');
  const from = await until(page, (s) => s.video?.framesDecoded > FPS && s.audio, 10_000, 'a second of video');
  await page.waitForTimeout(SECONDS * 1000);
  const to = await stats(page);
  const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
  const fps = (to.video.framesDecoded - from.video.framesDecoded) / seconds;
  const energy = to.audio.totalAudioEnergy - from.audio.totalAudioEnergy;
  const channel = to.channels.find((c) => c.label === 'ping-pong');
  const { viewer_peak: peak, viewer_bound: bound } = await page.evaluate(() => window.barertc.device);
  console.log(`one viewer took at most ${peak} B, of ${bound} B that the configuration promises`);
  assert.ok(peak > 0 && peak <= bound, `${peak} of ${bound} B`);
  console.log(
    `first picture after ${firstPictureMs} ms; ${fps.toFixed(2)} frames/s at ${to.video.frameWidth}x${to.video.frameHeight}; ` +
      `${to.video.freezeCount} freezes; ${to.video.packetsLost} lost; audio energy ${energy.toFixed(4)}; ` +
      `${channel.messagesReceived} pings; ${to.transport.dtlsCipher}, ${to.transport.srtpCipher}`,
  );
  assert.ok(Math.abs(fps - FPS) < 1, `${fps} frames a second`);
  assert.equal(to.video.freezeCount, 0);
  assert.equal(to.video.packetsLost, 0);
  assert.deepEqual([to.video.frameWidth, to.video.frameHeight], [1280, 720]);
  assert.ok(energy > 0, 'sound has energy');
  assert.ok(channel.messagesReceived >= SECONDS / 2, 'pings are answered');
  assert.deepEqual(errors, []);
  await page.close();
});

test('the picture is the one FFmpeg decodes', async () => {
  const { page } = await open(browser, streamer.url);
  await until(page, (s) => s.video?.framesDecoded > FPS, 10_000, 'a second of video');
  const png = await page.evaluate(() => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d').drawImage(video, 0, 0);
    return canvas.toDataURL('image/png').split(',')[1];
  });
  const shot = path.join(dir, 'shot.png');
  writeFileSync(shot, Buffer.from(png, 'base64'));
  const { psnr, frame } = bestPsnr(shot, unpackSample(dir));
  console.log(`frame ${frame}: PSNR ${psnr.toFixed(1)} dB`);
  assert.ok(psnr > 40, `PSNR ${psnr}`);
  await page.close();
});

test('three viewers at once, of whom one joins late', async () => {
  const pages = [await open(browser, streamer.url), await open(browser, streamer.url)];
  await pages[0].page.waitForTimeout(2_500);
  const late = await open(browser, streamer.url);
  console.log(`the late viewer's first picture came after ${late.firstPictureMs} ms`);
  for (const { page } of [...pages, late]) {
    const a = await stats(page);
    await page.waitForTimeout(1_000);
    const b = await stats(page);
    assert.ok(b.video.framesDecoded - a.video.framesDecoded > 15, 'goes on playing');
  }
  for (const { page } of [...pages, late]) await page.close();
});

test('WHEP: the page makes the offer', async () => {
  const { page, errors } = await open(browser, `${streamer.url}?whep`);
  await until(page, (s) => s.video?.framesDecoded > FPS, 10_000, 'a second of video');
  assert.deepEqual(errors, []);
  await page.close();
});

test('a viewer who vanishes is gone when its consent expires, and its bytes are back', async () => {
  const idle = await figuresWhere((f) => f.viewers === 0, 90_000, 'everybody gone');
  const mortal = await launchMortal();
  await open(mortal.browser, streamer.url);
  const busy = await figuresWhere((f) => f.viewers === 1, 10_000, 'one viewer');
  await mortal.kill();
  const after = await figuresWhere((f) => f.viewers === 0, 90_000, 'the vanished one gone');
  console.log(`PSRAM ${idle.psram} B, with a viewer ${busy.psram} B, without it again ${after.psram} B`);
  assert.ok(busy.psram > idle.psram);
  assert.equal(after.psram, idle.psram);
  assert.equal(after.internal, 0);
});
