// The program for the ESP32-P4 in the model of its chip, as it is flashed, and a real Chromium.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { Streamer, target } from './streamer.mjs';

const SECONDS = Number(process.env.P4_SECONDS ?? 32);
const RECONNECTS = Number(process.env.P4_RECONNECTS ?? 5);

let device;
let browser;

before(async () => {
  browser = await launch();
  device = await board();
});

async function board(...args) {
  const program = path.join(target, 'debug', 'xtask');
  const given = process.env.P4_PROGRAM ? ['--program', process.env.P4_PROGRAM] : [];
  const device = await Streamer.start(['p4', ...given, ...args], { program, listen: false, patience: 120_000 });
  await device.waitFor(/ready at/, 60_000);
  return device;
}

after(async () => {
  await browser?.close();
  await device?.stop();
});

test(`plays for ${SECONDS} s over Ethernet, with sound, and talks over the data channel`, async () => {
  const { page, errors, firstPictureMs } = await open(browser, device.url);
  await page.click('#sound');
  const from = await until(page, (s) => s.video?.framesDecoded > 30 && s.audio, 30_000, 'a second of video');
  await page.waitForTimeout(SECONDS * 1000);
  const to = await stats(page);
  const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
  const frames = to.video.framesDecoded - from.video.framesDecoded;
  const { internal, psram, stack, owners } = await page.evaluate(() => window.barertc.device);
  const channel = to.channels.find((c) => c.label === 'ping-pong');
  console.log(
    `first picture after ${firstPictureMs} ms; ${frames} frames in ${seconds.toFixed(1)} s; ${to.video.freezeCount} freezes; ` +
      `${to.video.packetsLost} lost; ${channel.messagesReceived} pings; ${to.transport.dtlsCipher}, ${to.transport.srtpCipher}`,
  );
  console.log(`internal ${internal.live} B; PSRAM ${psram.live} B, peak ${psram.peak} B; stack ${stack.peak} B; ${JSON.stringify(owners)}`);
  // 890 of the sample's 900 in half a minute.
  assert.ok(frames / seconds >= (890 / 900) * 30, `${frames} frames in ${seconds} s`);
  assert.ok(to.audio.totalAudioEnergy > from.audio.totalAudioEnergy, 'sound has energy');
  assert.ok(channel.messagesReceived >= SECONDS / 2, 'pings are answered');
  assert.equal(internal.peak, 0, 'no connection uses internal memory');
  assert.deepEqual(errors, []);
  await page.close();
});

test(`${RECONNECTS} reconnections leave not a byte behind`, async () => {
  const live = [];
  for (let n = 0; n < RECONNECTS; n += 1) {
    const { page } = await open(browser, device.url);
    await page.close();
    if (n === 0 || n === RECONNECTS - 1) live.push(await idle());
  }
  console.log(`PSRAM without viewers: ${live[0]} B at first, ${live[1]} B after ${RECONNECTS} reconnections`);
  assert.equal(live[1], live[0]);
});

// Bytes of PSRAM in use once nobody is connected any more.
async function idle() {
  const end = Date.now() + 90_000;
  const from = device.log.length;
  for (;;) {
    const lines = [...device.log.slice(from).matchAll(/viewers 0 · .*? psram (\d+) B/g)];
    if (lines.length > 1) return Number(lines.at(-1)[1]);
    assert.ok(Date.now() < end, `viewers do not go: ${device.log.slice(-500)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
