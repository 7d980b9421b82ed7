// A call between the intercom and a real Chromium over a path that loses datagrams in both directions: what each side hears.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { launch, stats } from './browser.mjs';
import { Lossy } from './lossy.mjs';
import { freePort } from './ports.mjs';
import { Streamer } from './streamer.mjs';
import { delay, ear, likeness, listen, mouth, noteOnsets, plainVoice, times, writeVoice } from './talk.mjs';

const SHARES = (process.env.CALL_LOSS ?? '1,5').split(',').map((percent) => Number(percent) / 100);
const SECONDS = Number(process.env.CALL_SECONDS ?? 8);

// Only the lossy port joins both: the page keeps its addresses from the device.
async function keepAddresses(page) {
  await page.addInitScript(() => {
    const without = (text) => text.replace(/a=candidate:.*?(\r\n|\\r\\n)/g, '');
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      if (typeof data === 'string' && JSON.parse(data).type === 'candidate') return;
      send.call(this, typeof data === 'string' ? without(data) : data);
    };
    const { fetch } = window;
    window.fetch = (url, options = {}) => {
      if (options.method === 'PATCH') return Promise.resolve(new Response(null, { status: 204 }));
      return fetch(url, typeof options.body === 'string' ? { ...options, body: without(options.body) } : options);
    };
  });
}

const shown = ({ like, least, level }, { ms, of }) => `like ${least.toFixed(3)} to ${like.toFixed(3)}, ${level.toFixed(1)} dB, ${ms?.toFixed(0)} ms (of ${of})`;

for (const share of SHARES) {
  test(`a call of ${SECONDS} s over a path that loses ${share * 100} % each way`, async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'barertc-call-'));
    const file = (name) => path.join(dir, name);
    writeVoice(file('voice.wav'));
    const speaker = ear(file('ear.mjs'), file('heard.raw'), file('heard'));
    const microphone = mouth(file('mouth.mjs'), file('said'));
    const browser = await launch([
      '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${file('voice.wav')}`,
    ]);
    const port = await freePort();
    const lossy = await Lossy.before(port);
    const streamer = await Streamer.start([
      '--audio', microphone, '--speaker', speaker, '--udp-port', String(port), '--advertise', lossy.address, '--stats',
    ]);
    try {
      const page = await browser.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(error.message));
      await keepAddresses(page);
      await plainVoice(page);
      lossy.share = share;
      await page.goto(streamer.url);
      await page.locator('#talk').waitFor({ state: 'visible' });
      await page.waitForFunction(() => document.querySelector('video').srcObject?.getAudioTracks().length > 0);
      await page.click('#sound');
      await page.click('#talk');
      await page.waitForFunction(() => window.barertc.talk?.pc.connectionState === 'connected' || window.barertc.talkError);
      assert.equal(await page.evaluate(() => window.barertc.talkError), null, streamer.log);
      await noteOnsets(page);
      await listen(page);
      await page.waitForTimeout(SECONDS * 1000);
      const seen = await page.evaluate(() => ({ said: window.said, heard: window.heard, caught: window.caught.slice(-24_000) }));
      const sent = await page.evaluate(async () => {
        const found = {};
        (await window.barertc.talk.pc.getStats()).forEach((s) => {
          if (s.type === 'outbound-rtp') found.packets = s.packetsSent;
          if (s.type === 'media-source') found.energy = s.totalAudioEnergy;
        });
        return found;
      });
      const { audio } = await stats(page);
      const there = [likeness(readFileSync(file('heard.raw'))), delay(seen.said, times(file('heard')))];
      const here = [likeness(Buffer.from(Int16Array.from(seen.caught).buffer)), delay(times(file('said')), seen.heard)];
      const concealed = (audio.concealedSamples / audio.totalSamplesReceived) * 100;
      const story = `the page sent ${sent.packets} packets of energy ${sent.energy?.toFixed(3)}; ` +
        `lost ${lossy.gone.in} there and ${lossy.gone.out} back`;
      console.log(`there: ${shown(...there)}; here: ${shown(...here)}, ${concealed.toFixed(2)} % concealed; ${story}`);
      if (share > 0) assert.ok(lossy.gone.in > 0 && lossy.gone.out > 0, story);
      for (const [name, [{ like, least, of: words, level }, { ms, of }], within] of [['there', there, 400], ['here', here, 850]]) {
        assert.ok(like > 0.8, `${name}: like ${like}; ${story}: ${streamer.log}`);
        // A word of which half is silent is like it by 0.7; of one that is not heard, nothing is.
        assert.ok(words >= 2 && least > 0.5, `${name}: one of ${words} is like ${least}; ${story}: ${streamer.log}`);
        assert.ok(level > -25, `${name}: ${level} dB; ${story}`);
        assert.ok(of >= SECONDS / 4 && ms < within, `${name}: ${ms} ms of ${of}; ${story}`);
      }
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
      assert.equal(await streamer.stop(), 0, streamer.log);
      lossy.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
