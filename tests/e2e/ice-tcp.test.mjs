// Where all UDP is dropped, Chromium plays by a TCP connection to the streamer (RFC 6544). Needs root.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Spaces } from './networks/spaces.mjs';
import { Streamer, target } from './streamer.mjs';

const SECONDS = 10;
const program = path.join(target, 'release', 'barertc-desktop');

let spaces;
let page; // browser.mjs, which takes the browser's path from the environment

before(async () => {
  spaces = new Spaces().prepare();
  spaces.drop('all');
  process.env.CHROMIUM = spaces.wrapper(process.env.CHROMIUM ?? '/usr/bin/chromium');
  page = await import('./browser.mjs');
});

after(() => spaces.close());

const start = (args) => {
  const listen = ['--listen', `${spaces.at(4)}:0`, '--token', 'x'];
  const [command, all] = spaces.within(spaces.streamer, program, [...listen, '--stats', ...args]);
  return Streamer.start(all, { program: command, listen: false });
};

test('pictures, sound and the channel over one TCP connection, and all memory back', async () => {
  const streamer = await start(['--ice-tcp', '0']);
  const browser = await page.launch();
  try {
    const opened = await page.open(browser, streamer.url);
    const first = await page.stats(opened.page);
    await opened.page.waitForTimeout(SECONDS * 1_000);
    const last = await page.stats(opened.page);
    const pictures = last.video.framesDecoded - first.video.framesDecoded;
    const pair = await opened.page.evaluate(async () => {
      const found = await window.barertc.pc.getStats();
      const { selectedCandidatePairId } = [...found.values()].find((s) => s.type === 'transport');
      const { localCandidateId, remoteCandidateId } = found.get(selectedCandidatePairId);
      return [localCandidateId, remoteCandidateId].map((id) => found.get(id)).map(({ protocol, tcpType, candidateType }) => ({ protocol, tcpType, candidateType }));
    });
    console.log(`first picture after ${opened.firstPictureMs} ms, ${pictures} pictures in ${SECONDS} s, ${JSON.stringify(pair)}`);
    assert.deepEqual(pair.map(({ protocol }) => protocol), ['tcp', 'tcp']);
    assert.ok(pictures > SECONDS * 25, `${pictures} pictures: ${streamer.log.slice(-2_000)}`);
    assert.ok(last.audio.totalSamplesReceived > first.audio.totalSamplesReceived);
    assert.ok(last.channels.some((c) => c.messagesReceived > 1 && c.messagesSent > 1), JSON.stringify(last.channels));
    assert.deepEqual(opened.errors, []);
    await opened.page.close();
  } finally {
    await browser.close();
  }
  assert.equal(await streamer.stop(), 0, streamer.log);
  const [, before, end] = streamer.log.match(/large memory: (\d+) B in use before, (\d+) B after/) ?? assert.fail(streamer.log);
  assert.equal(end, before, 'all memory comes back');
});
