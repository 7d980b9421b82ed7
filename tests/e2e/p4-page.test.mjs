// One session of a real Chromium with the program for the ESP32-P4 in the model of its chip. What comes has to be whole; how long it
// takes is not looked at, but for limits far above what it takes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { board, inside } from './p4.mjs';

const PATIENCE = 120_000;
// Pictures that are waited for: five seconds of them.
const PICTURES = 150;
const PINGS = 3;

const pings = (s) => s.channels?.find((c) => c.label === 'ping-pong')?.messagesReceived ?? 0;

let browser;
let device;

before(async () => {
  [browser, device] = await Promise.all([launch(), board()]);
});

after(async () => {
  await browser?.close();
  await device?.stop();
});

test('a page of the board plays, with sound, and talks over the data channel', async () => {
  const { page, errors, firstPictureMs } = await open(browser, device.url, PATIENCE);
  await page.click('#sound');
  const from = await until(page, (s) => s.video?.framesDecoded > 0 && s.audio, PATIENCE, 'picture and sound');
  await until(page, (s) => s.video.framesDecoded >= PICTURES && s.audio.totalAudioEnergy > 0, PATIENCE, `${PICTURES} pictures and sound`);
  const to = await until(page, (s) => pings(s) >= PINGS, PATIENCE, `${PINGS} pings`);
  const { internal, psram, stack } = await page.evaluate(() => window.barertc.device);
  console.log(
    `first picture after ${firstPictureMs} ms; ${to.video.framesDecoded} frames, ${to.video.packetsLost} lost; ${pings(to)} pings; ` +
      `internal ${internal.peak} B at most; PSRAM ${psram.live} B, peak ${psram.peak} B; stack ${stack.peak} B`,
  );
  assert.ok(to.video.framesDecoded >= PICTURES && pings(to) >= PINGS);
  assert.ok(to.video.packetsLost <= 0, 'packets of pictures that were lost');
  assert.ok(to.audio.packetsLost <= 0, 'packets of sound that were lost');
  assert.ok(to.audio.totalAudioEnergy > (from.audio.totalAudioEnergy ?? 0), 'sound has energy');
  inside(internal, 'Ethernet');
  assert.ok(psram.live > 0 && stack.peak > 0);
  assert.deepEqual(errors, []);
});
