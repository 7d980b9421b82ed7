// The smallest firmware on an emulated Cortex-M4 with 256 KiB of RAM, with its page in Chromium.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { Streamer, target } from './streamer.mjs';

// A little above what it takes: docs/boards.md has the figures.
const STACK = 26 * 1024;
const REPORT = /pages (\d+), region (\d+) B, peak (\d+) of (\d+) B, stack (\d+) of (\d+) B, lost (\d+)/g;

let device;
let browser;

before(async () => {
  browser = await launch();
  const program = path.join(target, 'debug', 'xtask');
  device = await Streamer.start(['cortex-m'], { program, listen: false, patience: 120_000 });
  await device.waitFor(/ready at/, 30_000);
});

after(async () => {
  await browser?.close();
  await device?.stop();
});

const state = (page) => page.textContent('#state');

async function open() {
  const page = await browser.newPage();
  const start = Date.now();
  await page.goto(device.url);
  await page.waitForFunction(() => document.querySelector('#state').textContent !== 'connecting', null, { timeout: 15_000 });
  return { page, ms: Date.now() - start };
}

async function echoes(page, text) {
  await page.fill('input', text);
  await page.click('button');
  await page.waitForFunction((said) => document.querySelector('#heard').lastChild?.textContent === said, text);
}

// The device's last report, once one says that so many pages are connected.
async function report(pages) {
  for (const end = Date.now() + 10_000; ; ) {
    const last = [...device.log.matchAll(REPORT)].at(-1)?.slice(1).map(Number);
    if (last?.[0] === pages) {
      const [, live, peak, capacity, stack, stackRoom, lost] = last;
      return { live, peak, capacity, stack, stackRoom, lost };
    }
    assert.ok(Date.now() < end, `the device reports no ${pages} pages: ${device.log.slice(-500)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

test('what a page says comes back, and the memory keeps to its bounds', { timeout: 60_000 }, async () => {
  const { page, ms } = await open();
  assert.equal(await state(page), 'connected');
  for (const text of ['hello', 'grüß Gott', 'x'.repeat(1024)]) await echoes(page, text);
  // A burst comes back whole and in order: what has no room waits.
  const burst = await page.evaluate(async () => {
    const { connect } = await import('/connect.js');
    window.second = undefined;
    const channel = await connect((pc) => { window.second = pc; return pc.createDataChannel('burst'); });
    const heard = [];
    const whole = new Promise((done) => { channel.onmessage = ({ data }) => heard.push(data.length) === 200 && done(); });
    const start = performance.now();
    for (let n = 0; n < 200; n += 1) channel.send('x'.repeat(800 + n));
    await whole;
    const ms = performance.now() - start;
    // The longest message that the device takes is in its answer.
    const longest = window.second.sctp.maxMessageSize;
    return { heard, ms, longest };
  });
  assert.deepEqual(burst.heard, Array.from({ length: 200 }, (_, n) => 800 + n));
  assert.equal(burst.longest, 1024);

  // Both places are taken.
  const third = await open();
  assert.equal(await state(third.page), 'the device does not answer: 503');
  await third.page.close();

  const used = await report(2);
  console.log(`a channel is open ${ms} ms after the page was asked for; 200 messages there and back in ${burst.ms.toFixed(0)} ms`);
  console.log(`region ${used.live} B with two pages, peak ${used.peak} of ${used.capacity}; stack ${used.stack} of ${used.stackRoom}`);
  assert.equal(used.stackRoom, 32 * 1024);
  assert.ok(used.stack > 4096 && used.stack <= STACK, `${used.stack} B of stack`);
  assert.ok(used.live > 0 && used.live <= used.peak && used.peak <= used.capacity);
  assert.equal(used.lost, 0);

  await page.close();
  const idle = await report(0);
  assert.equal(idle.live, 0, 'everything is given back');
});

test('pages come and go, and leave nothing behind', { timeout: 60_000 }, async () => {
  const before = (await report(0)).peak;
  for (let n = 0; n < 3; n += 1) {
    const { page } = await open();
    assert.equal(await state(page), 'connected');
    await echoes(page, `page ${n}`);
    await page.close();
    await report(0);
  }
  const after = await report(0);
  assert.equal(after.live, 0);
  assert.equal(after.peak, before, 'one page at a time takes no more than two');
});

test('a message above the bound costs its channel, and nothing else', { timeout: 30_000 }, async () => {
  const { page } = await open();
  // The browser is told of a larger bound than the device's, and so sends what the device does not take.
  await page.evaluate(async () => {
    const set = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function larger({ type, sdp }) {
      return set.call(this, { type, sdp: sdp.replace(/max-message-size:\d+/, 'max-message-size:100000') });
    };
    const { connect } = await import('/connect.js');
    let pc;
    const channel = await connect((made) => { pc = made; return made.createDataChannel('large'); });
    const closed = new Promise((done) => { channel.onclose = done; });
    channel.send('x'.repeat(2000));
    await closed;
    pc.close();
  });
  await device.waitFor(/a message is longer than 1024 B: its channel is closed/, 1_000);
  await echoes(page, 'the other page goes on');
  await page.close();
  assert.equal((await report(0)).live, 0);
});

test('without the token nobody gets in', { timeout: 30_000 }, async () => {
  const { origin } = new URL(device.url);
  const offer = { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: 'v=0\r\n' };
  assert.equal((await fetch(`${origin}/whep`, offer)).status, 401);
  assert.equal((await fetch(`${origin}/whep?token=00`, offer)).status, 401);
  const { href } = new URL(`/whep${new URL(device.url).search}`, origin);
  assert.equal((await fetch(href, offer)).status, 406, 'an offer of nothing is refused');
});
