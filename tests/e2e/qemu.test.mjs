// The same job on the target: an emulated RISC-V machine without an operating system.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { Streamer, target } from './streamer.mjs';

const SECONDS = Number(process.env.QEMU_SECONDS ?? 60);
const RECONNECTS = Number(process.env.QEMU_RECONNECTS ?? 20);

// What a viewer may take besides media frames.
const VIEWER = 64 * 1024;
// And the stack: its goal is 16 KiB, and more than 18 are in use. docs/size.md has the deepest chain. This keeps it from growing.
const STACK = 20 * 1024;

let device;
let browser;

before(async () => {
  browser = await launch();
  device = await emulate();
});

async function emulate(...args) {
  const program = path.join(target, 'debug', 'xtask');
  const device = await Streamer.start(['qemu', ...args], { program, listen: false, patience: 120_000 });
  await device.waitFor(/ready at/, 30_000);
  return device;
}

after(async () => {
  await browser?.close();
  await device?.stop();
});

// What the device says of its memory, from the page of a viewer.
async function memory(page) {
  return page.evaluate(() => window.barertc.device);
}

test(`plays for ${SECONDS} s with sound and talks over the data channel`, async () => {
  const { page, errors, firstPictureMs } = await open(browser, device.url);
  await page.click('#sound');
  const from = await until(page, (s) => s.video?.framesDecoded > 30 && s.audio, 20_000, 'a second of video');
  await page.waitForTimeout(SECONDS * 1000);
  const to = await stats(page);
  const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
  const fps = (to.video.framesDecoded - from.video.framesDecoded) / seconds;
  const energy = to.audio.totalAudioEnergy - from.audio.totalAudioEnergy;
  const channel = to.channels.find((c) => c.label === 'ping-pong');
  const { internal, psram, stack, owners, peaks } = await memory(page);
  console.log(
    `first picture after ${firstPictureMs} ms; ${fps.toFixed(2)} frames/s; ${to.video.freezeCount} freezes; ` +
      `${to.video.packetsLost} lost; ${channel.messagesReceived} pings; ${to.transport.dtlsCipher}, ${to.transport.srtpCipher}`,
  );
  console.log(`internal ${internal.live} B; PSRAM ${psram.live} B, peak ${psram.peak} B; stack ${stack.peak} B at the deepest`);
  console.log('PSRAM of one viewer by owner, now and at most:');
  for (const name of Object.keys(owners)) console.log(`  ${name.padEnd(12)} ${String(owners[name]).padStart(8)} ${String(peaks[name]).padStart(8)}`);
  // Frames are everybody's, and the list has room for all.
  const own = (of) => Object.entries(of).reduce((sum, [name, n]) => sum + (['frames', 'viewers'].includes(name) ? 0 : n), 0);
  console.log(`besides frames and the list: ${own(owners)} B now, ${own(peaks)} B if all peaks had come together`);
  assert.ok(fps > 25, `${fps} frames a second`);
  assert.ok(energy > 0, 'sound has energy');
  assert.ok(channel.messagesReceived >= SECONDS / 2, 'pings are answered');
  assert.equal(internal.peak, 0, 'no connection uses internal memory');
  assert.ok(own(owners) <= VIEWER, `a viewer takes ${own(owners)} B`);
  assert.ok(stack.peak > 0 && stack.peak <= STACK, `${stack.peak} B of stack`);
  assert.deepEqual(errors, []);
  await page.close();
});

test('two viewers at once', async () => {
  const pages = [await open(browser, device.url), await open(browser, device.url)];
  for (const { page } of pages) {
    const a = await stats(page);
    await page.waitForTimeout(2_000);
    const b = await stats(page);
    assert.ok(b.video.framesDecoded - a.video.framesDecoded > 20, 'goes on playing');
  }
  for (const { page } of pages) await page.close();
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

test('connects out to a forwarding server, where pages find it by its name', async () => {
  const forwarder = await Streamer.start([], {
    program: path.join(target, 'release', 'barertc-forwarder'), listen: false, url: /ws:\/\/\S+/,
  });
  const other = await emulate('--signaling', forwarder.url, '--id', 'camera', '--token', 'swordfish');
  try {
    await other.waitFor(/forwarder: connected/, 10_000);
    const { origin } = new URL(other.url);
    assert.equal((await fetch(`${origin}/whep`, { method: 'POST' })).status, 401, 'without the token nobody gets in');
    const { page } = await open(browser, `${origin}/?id=camera&token=swordfish&signaling=${encodeURIComponent(forwarder.url)}`);
    await page.close();
  } finally {
    await other.stop();
    await forwarder.stop();
  }
});

test('a broken file system is said on the page', async () => {
  const image = path.join(target, 'qemu-broken.img');
  const bytes = readFileSync(path.join(target, 'qemu-flash.img'));
  // Both superblocks.
  bytes.fill(0x55, 0, 2 * 4096);
  writeFileSync(image, bytes);
  const other = await emulate('--flash', image);
  try {
    const page = await browser.newPage();
    await page.goto(other.url);
    await page.waitForFunction(() => window.barertc?.device?.trouble, null, { timeout: 15_000 });
    const { trouble } = await memory(page);
    console.log(`the page says: ${trouble}`);
    assert.match(trouble, /sample\.brtc.*no LittleFS/);
    assert.ok((await page.textContent('#trouble')).includes(trouble));
    await page.close();
  } finally {
    await other.stop();
    rmSync(image);
  }
});
