// The matrix of codec and browser: what ffmpeg encodes is decoded by Chromium and Firefox as by ffmpeg itself, picture for picture.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as chromium from './browser.mjs';
import * as firefox from './firefox.mjs';
import { Streamer, root, target } from './streamer.mjs';

const [WIDTH, HEIGHT, FRAMES] = [240, 180, 60];
// Each picture has its number in it: six bits in the fields of its first lines, black or white. The rest moves, in grey: a browser has its
// own choice of the matrix for colours.
const BITS = 6;
const FIELD = WIDTH / BITS;
const LINES = 30;
// Of what is below, means are compared in fields of this size.
const CELL = 30;
// What the rounding of levels from 16..235 to 0..255 may differ, of 255.
const TOLERANCE = 3;
// Pictures of the sixty that have to be seen, within so many seconds: a browser on a busy machine does not show each one that it decodes.
const SEEN = 25;
const PATIENCE = 30;

const CODECS = {
  VP8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
  VP9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
  AV1: ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
};

let dir;
let browsers;

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-codecs-'));
  browsers = { Chromium: await chromium.launch(), Firefox: await firefox.launch() };
});

after(async () => {
  for (const browser of Object.values(browsers ?? {})) await browser.close();
  rmSync(dir, { recursive: true, force: true });
});

const ffmpeg = (args, options = {}) =>
  execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args], { maxBuffer: 1 << 28, ...options });

function encode(codec) {
  const file = path.join(dir, `${codec}.ivf`);
  const number = `geq=lum='if(lt(Y,${LINES}),if(mod(floor(N/pow(2,floor(X/${FIELD}))),2),235,16),lum(X,Y))':cb=128:cr=128`;
  ffmpeg([
    '-f', 'lavfi', '-i', `testsrc2=size=${WIDTH}x${HEIGHT}:rate=30,format=gray,format=yuv420p,${number}`, '-frames:v', `${FRAMES}`,
    ...CODECS[codec], '-b:v', '600k', '-g', '15', '-pix_fmt', 'yuv420p', '-f', 'ivf', file,
  ]);
  return file;
}

// The means of the fields of a picture in RGBA or RGB, which are the same in each colour.
function means(pixels, bytes) {
  const found = [];
  for (let top = LINES; top < HEIGHT; top += CELL) {
    for (let left = 0; left < WIDTH; left += CELL) {
      let sum = 0;
      for (let y = top; y < top + CELL; y++) for (let x = left; x < left + CELL; x++) sum += pixels[(y * WIDTH + x) * bytes];
      found.push(sum / CELL / CELL);
    }
  }
  return found;
}

function decode(file) {
  const raw = ffmpeg(['-i', file, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']);
  const size = WIDTH * HEIGHT * 3;
  assert.equal(raw.length, size * FRAMES);
  return Array.from({ length: FRAMES }, (_, n) => means(raw.subarray(n * size, (n + 1) * size), 3));
}

// What a page shows: each number that it saw, with the means of the picture.
function look({ SEEN, PATIENCE, code, WIDTH, HEIGHT, FIELD, BITS, LINES, CELL }) {
  const means = new Function('LINES', 'HEIGHT', 'WIDTH', 'CELL', `${code}; return means;`)(LINES, HEIGHT, WIDTH, CELL);
  const video = document.querySelector('#video');
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d', { willReadFrequently: true });
  const seen = {};
  let shown = 0;
  return new Promise((done) => {
    const end = performance.now() + PATIENCE * 1000;
    const next = () => {
      canvas.drawImage(video, 0, 0, WIDTH, HEIGHT);
      const pixels = canvas.getImageData(0, 0, WIDTH, HEIGHT).data;
      let number = 0;
      for (let bit = 0; bit < BITS; bit++) {
        if (pixels[((LINES / 2) * WIDTH + FIELD * bit + FIELD / 2) * 4] > 127) number |= 1 << bit;
      }
      seen[number] = means(pixels, 4);
      shown++;
      if (performance.now() < end && Object.keys(seen).length < SEEN) video.requestVideoFrameCallback(next);
      else done({ seen, shown, size: [video.videoWidth, video.videoHeight] });
    };
    video.requestVideoFrameCallback(next);
  });
}

async function watch(name, url, codec) {
  const page = await browsers[name].newPage();
  try {
    await page.goto(url);
    const decodes = () => window.barertc.state === 'connected' && document.querySelector('#video').videoWidth > 0;
    await page.waitForFunction(decodes, name === 'Firefox' ? { timeout: 30_000, polling: 100 } : null, { timeout: 30_000, polling: 100 });
    const shape = { SEEN, PATIENCE, code: `${means}`, WIDTH, HEIGHT, FIELD, BITS, LINES, CELL };
    const found = await page.evaluate(look, shape);
    const said = await page.evaluate(async () => {
      const all = [...(await window.barertc.pc.getStats()).values()];
      const video = all.find((s) => s.type === 'inbound-rtp' && s.kind === 'video');
      const sections = (sdp) => sdp.split(/^m=/m).filter((part) => part.startsWith('video'));
      const { localDescription: local, remoteDescription: remote } = window.barertc.pc;
      const offered = sections((remote.type === 'offer' ? remote : local).sdp).join('');
      const codecs = [...offered.matchAll(/a=rtpmap:\d+ ([^/]+)/g)].map((m) => m[1]);
      const { framesDecoded } = video;
      return { codec: all.find((s) => s.id === video.codecId)?.mimeType, framesDecoded, codecs };
    });
    return { ...found, ...said };
  } finally {
    await page.close();
  }
}

function compare(name, codec, found, expected) {
  const numbers = Object.keys(found.seen);
  const off = numbers.flatMap((n) => found.seen[n].map((mean, at) => Math.abs(mean - expected[n]?.[at])));
  const worst = Math.max(...off);
  console.log(`${codec} in ${name}: ${numbers.length} of ${FRAMES} pictures seen, ${found.shown} shown, ${found.framesDecoded} decoded; means off by ${worst.toFixed(2)} at most`);
  assert.equal(found.codec, `video/${codec}`);
  assert.deepEqual(found.codecs.filter((c) => !['rtx', 'flexfec-03'].includes(c)), [codec], 'what the source has is offered, and nothing else');
  assert.deepEqual(found.size, [WIDTH, HEIGHT]);
  assert.ok(numbers.length >= SEEN, `${numbers.length} pictures`);
  assert.ok(worst <= TOLERANCE, `off by ${worst}`);
}

for (const codec of Object.keys(CODECS)) {
  test(`Chromium and Firefox decode ${codec} of a command as ffmpeg does`, async () => {
    const file = encode(codec);
    const expected = decode(file);
    const streamer = await Streamer.start(['--stats', '--video', `ffmpeg -loglevel error -re -stream_loop -1 -i ${file} -c copy -f ivf -`]);
    try {
      const watching = Object.keys(browsers).map((name) => watch(name, streamer.url, codec));
      const found = await Promise.all(watching).catch((error) => assert.fail(`${error.stack}: ${streamer.log}`));
      Object.keys(browsers).forEach((name, at) => compare(name, codec, found[at], expected));
    } finally {
      assert.equal(await streamer.stop(), 0, streamer.log);
    }
  });
}

test('Chromium decodes VP9 of a packed file as ffmpeg does', async () => {
  const file = encode('VP9');
  const packed = path.join(dir, 'vp9.brtc');
  const told = execFileSync(path.join(target, 'debug', 'xtask'), ['pack', '--ivf', file, '--fps', '30', '-o', packed], { cwd: root, encoding: 'utf8' });
  assert.match(told, new RegExp(`Vp9: ${FRAMES} frames`));
  const streamer = await Streamer.start(['--media', packed]);
  try {
    compare('Chromium', 'VP9', await watch('Chromium', streamer.url, 'VP9'), decode(file));
  } finally {
    assert.equal(await streamer.stop(), 0, streamer.log);
  }
});

test('a codec that cannot be sent is told', async () => {
  const file = path.join(dir, 'other.ivf');
  const bytes = Buffer.alloc(64);
  bytes.write('DKIF');
  bytes.writeUInt16LE(32, 6);
  bytes.write('HEVC', 8);
  execFileSync('sh', ['-c', `cat > ${file}`], { input: bytes });
  const streamer = await Streamer.start(['--video', `cat ${file}`]);
  try {
    await streamer.waitFor(/video: what the command writes: codec "HEVC" in IVF cannot be sent/, 5_000);
  } finally {
    assert.equal(await streamer.stop(), 0, streamer.log);
  }
});
