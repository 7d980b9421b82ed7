// The main job: one command, and a real Chromium with its default settings plays it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, stats, until } from './browser.mjs';
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
});

async function open(query = '') {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(streamer.url + query);
  const start = Date.now();
  const first = await until(page, (s) => s.video?.framesDecoded > 0, 10_000, 'first picture');
  return { page, errors, start, first, firstPictureMs: Date.now() - start };
}

test(`plays for ${SECONDS} s without a freeze, with sound and ping-pong`, async () => {
  const { page, errors, firstPictureMs } = await open();
  const from = await until(page, (s) => s.video?.framesDecoded > FPS && s.audio, 10_000, 'a second of video');
  await page.waitForTimeout(SECONDS * 1000);
  const to = await stats(page);
  const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
  const fps = (to.video.framesDecoded - from.video.framesDecoded) / seconds;
  const energy = to.audio.totalAudioEnergy - from.audio.totalAudioEnergy;
  const channel = to.channels.find((c) => c.label === 'ping-pong');
  console.log(
    `first picture after ${firstPictureMs} ms; ${fps.toFixed(2)} frames/s at ${to.video.frameWidth}x${to.video.frameHeight}; ` +
    `${to.video.freezeCount} freezes; ${to.video.packetsLost} lost; audio energy ${energy.toFixed(4)}; ` +
    `${channel.messagesReceived} pings; DTLS ${to.transport.tlsVersion} ${to.transport.dtlsCipher} ${to.transport.srtpCipher}`,
  );
  assert.ok(Math.abs(fps - FPS) < 0.5, `${fps} frames a second`);
  assert.equal(to.video.freezeCount, 0);
  assert.equal(to.video.packetsLost, 0);
  assert.deepEqual([to.video.frameWidth, to.video.frameHeight], [1280, 720]);
  assert.ok(energy > 0, 'sound has energy');
  assert.ok(channel.messagesReceived >= SECONDS / 2, 'pings are answered');
  assert.deepEqual(errors, []);
  await page.close();
});

test('the picture is the one FFmpeg decodes', async () => {
  const { page } = await open();
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

test('three viewers at once, and one who joins late', async () => {
  const pages = await Promise.all([open(), open()]);
  await pages[0].page.waitForTimeout(2_500);
  const late = await open();
  console.log(`the late viewer's first picture came after ${late.firstPictureMs} ms`);
  assert.ok(late.firstPictureMs < 2_500);
  for (const { page } of [...pages, late]) {
    const a = await stats(page);
    await page.waitForTimeout(1_000);
    const b = await stats(page);
    assert.ok(b.video.framesDecoded - a.video.framesDecoded > 20, 'goes on playing');
    await page.close();
  }
});

test('a viewer who vanishes is gone after consent expires, and all bytes are back', async () => {
  await streamer.waitFor(/viewers 0 /, 60_000).catch(() => {});
  const gone = await launch();
  const page = await gone.newPage();
  await page.goto(streamer.url);
  await until(page, (s) => s.video?.framesDecoded > 0, 10_000, 'first picture');
  // Killed, so that nobody says goodbye.
  const pid = execFileSync('ps', ['-o', 'pid=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  assert.ok(pid);
  await gone.close();
});
