// The small programs of examples/channels, each with its page in Chromium.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { Program, stopAll } from './program.mjs';
import { target } from './streamer.mjs';

const folder = process.env.CHANNELS ?? path.join(target, 'release');
let browser;
before(async () => { browser = await launch(); });
after(async () => browser?.close());

// The page of a program, connected.
async function open(name) {
  const program = new Program([path.join(folder, name), '127.0.0.1:0'], { input: 'ignore' });
  const url = await program.until((lines) => lines[0], 5_000);
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => /^(connected|\d+ readings)/.test(document.querySelector('#state').textContent));
  return { program, page };
}

test('echo: what the page says comes back', { timeout: 30_000 }, async () => {
  const { page } = await open('echo');
  try {
    for (const text of ['hello', 'grüß Gott', 'x'.repeat(60_000)]) {
      await page.fill('input', text);
      await page.click('button');
      await page.waitForFunction((said) => document.querySelector('#heard').lastChild?.textContent === said, text);
    }
  } finally {
    await page.close();
    await stopAll();
  }
});

test('file: it arrives, with its digest', { timeout: 60_000 }, async () => {
  const { program, page } = await open('file');
  try {
    for (const bytes of [3_000_001, 1, 0]) {
      const buffer = randomBytes(bytes);
      const digest = createHash('sha256').update(buffer).digest('hex');
      await page.setInputFiles('input', { name: 'file', mimeType: 'application/octet-stream', buffer });
      await page.waitForFunction((hex) => document.querySelector('#state').textContent === `arrived: SHA-256 ${hex}`, digest);
      assert.ok(program.lines.some(({ line }) => line === `a file of ${bytes} bytes, SHA-256 ${digest}`));
    }
    assert.ok(await page.evaluate('document.querySelector("progress").value') > 0);
  } finally {
    await page.close();
    await stopAll();
  }
});

test('dashboard: a hundred readings a second', { timeout: 30_000 }, async () => {
  const { page } = await open('dashboard');
  try {
    const readings = () => page.evaluate(() => Number(document.querySelector('#state').textContent.split(' ')[0]));
    const [before, start] = [await readings(), Date.now()];
    await page.waitForTimeout(2_000);
    const rate = ((await readings() - before) * 1_000) / (Date.now() - start);
    assert.ok(rate > 70 && rate < 130, `${rate} readings a second`);
    const drawn = await page.evaluate(() => {
      const canvas = document.querySelector('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((byte) => byte > 0);
    });
    assert.ok(drawn, 'the page draws');
  } finally {
    await page.close();
    await stopAll();
  }
});

test('a page of somebody else gets no connection', { timeout: 30_000 }, async () => {
  const { program, page } = await open('echo');
  try {
    const reply = await fetch(`${program.lines[0].line}whep`, {
      method: 'POST', body: 'v=0\r\n', headers: { 'content-type': 'application/sdp', origin: 'http://example.org' },
    });
    assert.equal(reply.status, 401);
  } finally {
    await page.close();
    await stopAll();
  }
});
