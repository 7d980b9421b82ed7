// The program for the ESP32-P4 in the model of its chip, as it is flashed, and a real Chromium.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { board, inside } from './p4.mjs';

const SECONDS = Number(process.env.P4_SECONDS ?? 32);
const RECONNECTS = Number(process.env.P4_RECONNECTS ?? 5);
// Viewers at once, and how long they watch.
const VIEWERS = 3;
const TOGETHER = 15;
// Per cent of 400 MHz that one viewer may take, an instruction taken for a cycle.
const BUSY = 40;

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

for (const [network, args] of [['Ethernet', []], ['WiFi', ['--wifi']], ['WiFi with firmware 3', ['--wifi', '--coprocessor', '3']]]) {
  suite(network, () => {
    let device;

    before(async () => {
      device = await board(...args);
    });

    after(() => device?.stop());

    test(`plays for ${SECONDS} s, with sound, and talks over the data channel`, async (t) => {
      const { page, errors, firstPictureMs } = await open(browser, device.url);
      // Also when it fails: the next test counts viewers.
      t.after(() => page.close());
      await page.click('#sound');
      const from = await until(page, (s) => s.video?.framesDecoded > 30 && s.audio, 30_000, 'a second of video');
      const log = device.log.length;
      await page.waitForTimeout(SECONDS * 1000);
      const to = await stats(page);
      const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
      const frames = to.video.framesDecoded - from.video.framesDecoded;
      const { internal, psram, stack, owners } = await page.evaluate(() => window.barertc.device);
      const channel = to.channels.find((c) => c.label === 'ping-pong');
      console.log(
        `${network}: first picture after ${firstPictureMs} ms; ${frames} frames in ${seconds.toFixed(1)} s; ${to.video.freezeCount} freezes; ` +
          `${to.video.packetsLost} lost; ${channel.messagesReceived} pings; ${to.transport.dtlsCipher}, ${to.transport.srtpCipher}`,
      );
      console.log(`internal ${internal.live} B; PSRAM ${psram.live} B, peak ${psram.peak} B; stack ${stack.peak} B; ${JSON.stringify(owners)}`);
      // 890 of the sample's 900 in half a minute.
      assert.ok(frames / seconds >= (890 / 900) * 30, `${frames} frames in ${seconds} s`);
      assert.ok(to.audio.totalAudioEnergy > from.audio.totalAudioEnergy, 'sound has energy');
      assert.ok(channel.messagesReceived >= SECONDS / 2, 'pings are answered');
      inside(internal, network);
      const busy = loads(device.log.slice(log));
      console.log(`one viewer: ${busy.map((share) => `${share} %`).join(', ')} of 400 MHz`);
      assert.ok(busy.length > 0 && Math.max(...busy) <= BUSY, `one viewer takes ${busy} % of 400 MHz`);
      assert.deepEqual(errors, []);
    });

    test(`${RECONNECTS} reconnections leave not a byte behind`, async () => {
      const live = [];
      for (let n = 0; n < RECONNECTS; n += 1) {
        const { page } = await open(browser, device.url);
        await page.close();
        if (n === 0 || n === RECONNECTS - 1) live.push(await device.idle());
      }
      console.log(`PSRAM without viewers: ${live[0]} B at first, ${live[1]} B after ${RECONNECTS} reconnections`);
      assert.equal(live[1], live[0]);
    });

    // How many are in time on a slow machine says nothing: that all play, and what memory that takes.
    test(`${VIEWERS} viewers at once play`, async (t) => {
      const viewers = [];
      t.after(() => Promise.all(viewers.map(({ page }) => page.close())));
      for (let n = 0; n < VIEWERS; n += 1) viewers.push(await open(browser, device.url));
      const from = await Promise.all(viewers.map(({ page }) => stats(page)));
      await viewers[0].page.waitForTimeout(TOGETHER * 1000);
      const to = await Promise.all(viewers.map(({ page }) => stats(page)));
      const frames = to.map((s, n) => s.video.framesDecoded - from[n].video.framesDecoded);
      const { internal, psram, stack } = await viewers[0].page.evaluate(() => window.barertc.device);
      console.log(
        `${VIEWERS} viewers over ${network}: ${frames.join(', ')} frames in ${TOGETHER} s; internal ${internal.peak} B at most; ` +
          `PSRAM ${psram.live} B, peak ${psram.peak} B; stack ${stack.peak} B; ${loads(device.log).at(-1)} % of 400 MHz`,
      );
      assert.ok(Math.min(...frames) > TOGETHER, `one of the viewers hardly plays: ${frames}`);
      inside(internal, network);
      for (const { errors } of viewers) assert.deepEqual(errors, []);
    });
  });
}

test('three warm restarts in mid-stream', async () => {
  // As a panic does it: the Ethernet controller is left running.
  const device = await board('--restart-each', '15');
  for (let restart = 1; restart <= 3; restart += 1) {
    const { page } = await open(browser, device.url);
    await until(page, (s) => s.video?.framesDecoded > 30, 15_000, 'a second of video');
    const end = Date.now() + 60_000;
    while (ready(device) <= restart) {
      assert.ok(Date.now() < end, `no start after restart ${restart}: ${device.log.slice(-500)}`);
      await page.waitForTimeout(100);
    }
    await page.close();
  }
  const { page } = await open(browser, device.url);
  await page.close();
  await device.stop();
  assert.ok(!device.log.includes('panic'), device.log);
});

// How often the program has started.
function ready(device) {
  return device.log.split('ready at').length - 1;
}

// Per cent of 400 MHz that the processor was busy, each five seconds.
function loads(log) {
  return [...log.matchAll(/instructions a second, ([\d.]+) % of 400 MHz/g)].map((match) => Number(match[1]));
}
