// The streamer's machine gets another address while Chromium watches: pictures go on, over the same connection. Needs root.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Spaces } from './networks/spaces.mjs';
import { Streamer, target } from './streamer.mjs';

const program = path.join(target, 'release', 'barertc-desktop');
// Long enough for requests of the browser to arrive where they did not at first.
const PATIENCE = 4_000;

let spaces;
let page; // browser.mjs, which takes the browser's path from the environment

before(async () => {
  spaces = new Spaces().prepare();
  process.env.CHROMIUM = spaces.wrapper(process.env.CHROMIUM ?? '/usr/bin/chromium');
  page = await import('./browser.mjs');
});

after(() => spaces.close());

// Runs in the page: the longest time without a picture from now on.
function watch() {
  window.longest = 0;
  let last = performance.now();
  const shown = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    document.querySelector('video').requestVideoFrameCallback(shown);
  };
  document.querySelector('video').requestVideoFrameCallback(shown);
}

test('two changes of the address, and pictures, sound and the channel go on', async () => {
  const args = ['--listen', `0.0.0.0:0`, '--token', 'x', '--stats'];
  const [command, all] = spaces.within(spaces.streamer, program, args);
  const streamer = await Streamer.start(all, { program: command, listen: false });
  const browser = await page.launch();
  try {
    const opened = await page.open(browser, streamer.url);
    await opened.page.waitForTimeout(2_000);
    await opened.page.evaluate(watch);
    for (const host of [3, 4]) {
      const before = await page.stats(opened.page);
      spaces.move(host);
      await streamer.waitFor(new RegExp(`media: 10\\.78\\.1\\.${host}:\\d+ is new`), 3_000);
      await opened.page.waitForTimeout(PATIENCE);
      const now = await page.stats(opened.page);
      const pictures = now.video.framesDecoded - before.video.framesDecoded;
      const longest = await opened.page.evaluate(() => { const ms = window.longest; window.longest = 0; return ms; });
      console.log(`10.78.1.${host}: ${longest.toFixed(0)} ms without a picture, ${pictures} pictures in ${PATIENCE} ms`);
      assert.ok(pictures > 30 && longest < 2_000, `${pictures} pictures, ${longest} ms without: ${streamer.log.slice(-2_000)}`);
      assert.ok(now.audio.totalSamplesReceived > before.audio.totalSamplesReceived);
      const said = (s) => s.channels.reduce((sum, channel) => sum + channel.messagesReceived, 0);
      assert.ok(said(now) > said(before), 'the channels go on');
    }
    assert.equal(await opened.page.evaluate(() => window.barertc.attempts), 1, 'one connection');
    assert.deepEqual(opened.errors, []);
  } finally {
    await browser.close();
    assert.equal(await streamer.stop(), 0, streamer.log);
  }
  const [, before, end] = streamer.log.match(/large memory: (\d+) B in use before, (\d+) B after/) ?? assert.fail(streamer.log);
  assert.equal(end, before, 'all memory comes back');
});
