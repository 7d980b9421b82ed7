// The streamer sends what it plays to WHIP servers: to its own kind, and to one on aiortc, whose decoders are not ours.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { figures, sound } from './recording.mjs';
import { Streamer, target } from './streamer.mjs';

const VERSIONS = ['aiortc==1.14.0', 'aiohttp'];
const SECONDS = 6;

let dir;

before(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-whip-'));
});

after(() => rmSync(dir, { recursive: true, force: true }));

// A Python with aiortc, installed once below the target folder.
function python() {
  const folder = path.join(target, 'tmp', 'aiortc');
  const program = path.join(folder, 'bin', 'python');
  const hasIt = () => {
    try {
      execFileSync(program, ['-c', 'import aiortc, aiohttp'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  if (!existsSync(program) || !hasIt()) {
    execFileSync('python3', ['-m', 'venv', folder]);
    execFileSync(program, ['-m', 'pip', 'install', '--quiet', ...VERSIONS]);
  }
  return program;
}

test('to a streamer that records', async () => {
  const recorder = await Streamer.start(['--record', dir]);
  const streamer = await Streamer.start(['--whip', `${recorder.url}whip`]);
  await streamer.waitFor(/WHIP: sending to http/, 5_000);
  await new Promise((done) => setTimeout(done, SECONDS * 1000));
  assert.equal(await streamer.stop(), 0, streamer.log);
  assert.equal(await recorder.stop(), 0, recorder.log);
  const seen = figures(path.join(dir, '0.h264'));
  const heard = sound(path.join(dir, '0.ogg'));
  console.log(`${seen.frames} frames of ${seen.width}x${seen.height}, ${heard.seconds} s of sound, loudest ${heard.loudest} dB`);
  assert.ok(Math.abs(seen.frames - SECONDS * 30) < 30, `${seen.frames} frames`);
  assert.deepEqual([seen.width, seen.height, seen.errors], [1280, 720, '']);
  assert.ok(Math.abs(heard.seconds - SECONDS) < 1 && heard.loudest > -40, JSON.stringify(heard));
});

test('to a server on aiortc, after a redirection and with its token', async () => {
  const script = fileURLToPath(new URL('whip_server.py', import.meta.url));
  const server = await Streamer.start([script], { program: python(), listen: false, patience: 20_000 });
  const last = () => JSON.parse(server.log.trim().split('\n').filter((line) => line.startsWith('{')).at(-1) ?? '{}');
  const url = server.url.trim();
  const wrong = await Streamer.start(['--whip', `${url}whip`, '--whip-token', 'wrong']);
  await wrong.waitFor(/WHIP: .*401/, 5_000);
  assert.equal(await wrong.stop(), 0);
  const streamer = await Streamer.start(['--whip', `${url}moved`, '--whip-token', 'open sesame']);
  const end = Date.now() + 20_000;
  while (!(last().video > 90 && last().samples > 96_000)) {
    assert.ok(Date.now() < end, `${server.log} ${streamer.log}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.equal(await streamer.stop(), 0, streamer.log);
  await new Promise((done) => setTimeout(done, 700));
  const seen = last();
  console.log(`aiortc decoded ${JSON.stringify(seen)}`);
  assert.deepEqual(seen.size, [1280, 720]);
  assert.ok(seen.bright[1] - seen.bright[0] > 50 && seen.loudest > 300, 'a picture, and sound');
  assert.deepEqual([seen.sessions, seen.ended, seen.refused], [1, 1, 1], 'one session, which was ended');
  await server.stop();
});
