// The second engine. Debian's Firefox has no H.264, which it would download: so it gets sound and data, and the page says
// why there is no picture.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from './firefox.mjs';
import { Streamer } from './streamer.mjs';

let browser;
let streamer;

before(async () => {
  browser = await launch();
  // No option but for the log: Firefox, which takes no way to 127.0.0.1, is to play as Chromium does.
  streamer = await Streamer.start(['--stats']);
});

after(async () => {
  await browser?.close();
  assert.equal(await streamer?.stop(), 0, streamer?.log);
});

async function listens(query) {
  const page = await browser.newPage();
  await page.goto(`${streamer.url}${query}`);
  const seen = await page.waitForFunction(() => {
    const { state, audio, pingPong, noVideo, device } = window.barertc;
    const text = document.getElementById('veil').hidden ? '' : document.getElementById('veil-text').innerText;
    return state === 'connected' && audio.packetsReceived > 100 && audio.energy > 0 && pingPong.pongs > 1 && device
      && { noVideo, text, energy: audio.energy, pings: pingPong.pings, error: window.barertc.error };
  }, { timeout: 20_000, polling: 100 });
  const found = await seen.jsonValue();
  console.log(JSON.stringify(found));
  assert.equal(found.noVideo, true);
  assert.match(found.text, /cannot play H\.264/);
  assert.equal(found.error, null);
  await page.close();
}

test('Firefox hears sound, talks over the data channel, and says why there is no picture', () => listens(''));

test('the same when it makes the offer, by WHEP', () => listens('?whep'));
