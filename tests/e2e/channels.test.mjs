// The small programs of examples/channels, each with its page in Chromium.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { accessible } from './axe.mjs';
import { launch } from './browser.mjs';
import { Program, stopAll } from './program.mjs';
import { target } from './streamer.mjs';

const folder = process.env.CHANNELS ?? path.join(target, 'release');
let browser;
before(async () => { browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=fps=30']); });
after(async () => browser?.close());

// A program, and its address.
async function start(name, ...before) {
  const program = new Program([path.join(folder, name), ...before, '127.0.0.1:0'], { input: 'ignore' });
  return { program, url: await program.until((lines) => lines[0], 5_000) };
}

// A page that is connected.
async function visit(url) {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction(() => /^(connected|\d+ readings)/.test(document.querySelector('#state').textContent));
  return page;
}

// The page of a program, connected.
async function open(name) {
  const { program, url } = await start(name);
  return { program, url, page: await visit(url) };
}

// Says something in a page's form.
async function say(page, text) {
  await page.fill('input', text);
  await page.click('button');
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

test('chat: what one page says, the other hears, and those that come later', { timeout: 30_000 }, async () => {
  const { url, page: one } = await open('chat');
  const hears = (page, text) => page.waitForFunction((line) => [...document.querySelectorAll('#heard li')].some((li) => li.textContent === line), text);
  try {
    const two = await visit(url);
    await hears(one, 'guest 2 is here');
    await say(two, '<b>hello</b>');
    await Promise.all([one, two].map((page) => hears(page, 'guest 2: <b>hello</b>')));
    assert.equal(await one.locator('#heard b').count(), 0, 'what is said is text');
    await say(one, 'grüß Gott');
    await hears(two, 'guest 1: grüß Gott');
    const three = await visit(url);
    await hears(three, 'guest 2: <b>hello</b>');
    await two.close();
    await hears(one, 'guest 2 has left');
    await three.close();
  } finally {
    await one.close();
    await stopAll();
  }
});

test('console: commands are answered, long answers too', { timeout: 30_000 }, async () => {
  const { page } = await open('console');
  const lines = () => page.evaluate(() => document.querySelector('#heard').textContent.trimEnd().split('\n'));
  const answer = async (command) => {
    const before = (await lines()).length;
    await say(page, command);
    await page.waitForFunction((count) => {
      const said = document.querySelector('#heard').textContent.trimEnd().split('\n');
      return said.length > count + 1 && /^(ok|unknown)/.test(said.at(-1));
    }, before, { polling: 100 });
    const all = await lines();
    return all.slice(all.lastIndexOf(`> ${command}`) + 1);
  };
  try {
    assert.deepEqual(await answer('led on'), ['the light is on', 'ok']);
    assert.match((await answer('link'))[0], /^round trip [\d.]+ ms, \d+ bytes sent, \d+ received$/);
    assert.match((await answer('rm -rf /'))[0], /^unknown/);
    // More than the device has room for at once.
    const counted = await answer('count 20000');
    assert.equal(counted.length, 20_001);
    assert.deepEqual(counted.slice(-2), ['20000 of 20000', 'ok']);
    assert.equal((await answer('help')).length, 6);
  } finally {
    await page.close();
    await stopAll();
  }
});

test('record: a camera of the browser becomes files', { timeout: 30_000 }, async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'barertc-record-'));
  const { program, url } = await start('record', dir);
  const page = await browser.newPage();
  try {
    await page.goto(url);
    await page.click('button');
    await page.waitForFunction(() => document.querySelector('#state').textContent === 'recording');
    await page.waitForTimeout(2_000);
    await page.click('button');
    await program.until((lines) => lines.find((line) => line === 'recording 0 is whole'), 10_000);
    assert.deepEqual(readdirSync(dir).sort(), ['0.h264', '0.ogg']);
    for (const name of ['0.h264', '0.ogg']) {
      const probed = execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', path.join(dir, name)]);
      assert.ok(Number(probed) > 10, `${name}: ${probed} frames`);
    }
  } finally {
    await page.close();
    await stopAll();
    rmSync(dir, { recursive: true, force: true });
  }
});

test('axe finds nothing on the pages', { timeout: 60_000 }, async () => {
  try {
    for (const name of ['echo', 'file', 'dashboard', 'chat', 'console']) {
      const { page } = await open(name);
      await accessible(page, name);
      await page.close();
    }
  } finally {
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
