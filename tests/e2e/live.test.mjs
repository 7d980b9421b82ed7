// Encoders instead of files: ffmpeg at the other end of a pipe, watched by a real Chromium; and commands that do not work.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { Streamer } from './streamer.mjs';
import { delay, ear, likeness, noteOnsets, plainVoice, times, writeVoice } from './talk.mjs';

const SECONDS = Number(process.env.LIVE_SECONDS ?? 10);

// Processes whose command line has `word` in it.
function running(word) {
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n');
  return all.filter((line) => line.includes(word) && !line.includes('node ')).map((line) => Number(line.trim().split(' ')[0]));
}

test(`Chromium watches a live source of ffmpeg for ${SECONDS} s`, async () => {
  const browser = await launch();
  const streamer = await Streamer.start(['--test-pattern', '--bitrate', '1500000', '--stats']);
  try {
    const { page, errors } = await open(browser, streamer.url);
    await page.click('#sound');
    const from = await until(page, (s) => s.video?.framesDecoded > 60 && s.audio, 15_000, 'two seconds of video');
    await page.waitForTimeout(SECONDS * 1000);
    const to = await stats(page);
    const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
    const fps = (to.video.framesDecoded - from.video.framesDecoded) / seconds;
    const energy = to.audio.totalAudioEnergy - from.audio.totalAudioEnergy;
    const gaps = [...streamer.log.matchAll(/(\d+) ms between pictures/g)].map((m) => Number(m[1]));
    console.log(`${fps.toFixed(1)} pictures a second, ${to.video.freezeCount - from.video.freezeCount} freezes, energy ${energy.toFixed(4)}, gaps between encoders ${gaps}`);
    assert.ok(fps >= 25, `${fps} pictures a second: ${streamer.log}`);
    assert.ok(energy > 0.01, `sound of energy ${energy}`);
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    const code = await streamer.stop();
    assert.equal(code, 0, `Ctrl-C ends the streamer cleanly: ${streamer.log}`);
  }
  assert.deepEqual(running('testsrc=size=640x360'), [], 'the command ends with the streamer');
});

test('a command that does not work is told with its last words', async () => {
  const cases = [
    ['echo no camera here >&2; exit 4', /video: the command ended \(exit status: 4\); it says: no camera here/],
    ['yes rubbish', /video: what the command writes: no start code of H\.264 in \d+ bytes/],
    ['exec sleep 77', /video: the command gave no frame for 5 s/],
  ];
  for (const [command, said] of cases) {
    const streamer = await Streamer.start(['--video', command]);
    try {
      await streamer.waitFor(said, 12_000);
    } finally {
      assert.equal(await streamer.stop(), 0, streamer.log);
    }
  }
  assert.deepEqual(running('sleep 77'), [], 'the command ends with the streamer');
});

test('options that cannot be are named before anything starts', async () => {
  const cases = [
    [['--camera', '/dev/no-such-camera'], /--camera \/dev\/no-such-camera: no such device/],
    [['--video', 'cat', '--test-pattern'], /--video and --test-pattern/],
    [['--audio', 'cat', '--media', '.'], /--media and --audio/],
  ];
  for (const [args, said] of cases) await assert.rejects(Streamer.start(args), said);
});

test('a viewer talks, and the loudspeaker says it', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'barertc-talk-'));
  const file = (name) => path.join(dir, name);
  writeVoice(file('voice.wav'));
  const speaker = ear(file('ear.mjs'), file('heard.raw'), file('times'));
  const browser = await launch([
    '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${file('voice.wav')}`,
  ]);
  const streamer = await Streamer.start(['--speaker', speaker]);
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await plainVoice(page);
    await page.goto(streamer.url);
    await page.locator('#talk').waitFor({ state: 'visible' });
    await page.click('#talk');
    await page.waitForFunction(() => window.barertc.talk?.pc.connectionState === 'connected' || window.barertc.talkError);
    assert.equal(await page.evaluate(() => window.barertc.talkError), null, streamer.log);
    await noteOnsets(page);
    await page.waitForTimeout(4_500);
    const { like, level } = likeness(readFileSync(file('heard.raw')));
    const heard = times(file('times'));
    const said = await page.evaluate(() => window.said);
    const { ms, of } = delay(said, heard);
    // Each second has a word of 0.4 s: a meter shows it within two, whatever it shows between words.
    const meters = () => [document.querySelector('#mic').value, window.barertc.device.heard];
    const shows = (least) => page.waitForFunction((least) => {
      window.loudest = Math.max(window.loudest ?? -999, document.querySelector('#mic').value);
      return window.loudest > least[0] && window.barertc.device.heard > least[1];
    }, least, { timeout: 4_000, polling: 50 }).catch(() => assert.fail(`the meters show silence: ${streamer.log}`));
    await shows([30, -45]);
    const shown = await page.evaluate(meters);
    console.log(`like ${like.toFixed(3)}, ${level.toFixed(1)} dB, mouth to ear ${ms?.toFixed(0)} ms of ${of}; meters ${shown}`);
    assert.ok(like > 0.9, `like ${like}`);
    assert.ok(level > -25, `${level} dB`);
    assert.ok(of >= 2 && ms < 400, `${ms} ms: said ${said}, heard ${heard}`);
    assert.ok(shown[1] !== undefined, 'the streamer tells what it hears');
    await page.click('#mute');
    await page.waitForTimeout(3_500);
    const muted = likeness(readFileSync(file('heard.raw')));
    assert.ok(muted.level < -60, `${muted.level} dB while muted`);
    await page.click('#talk');
    await page.waitForFunction(() => window.barertc.device.heard === undefined);
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    assert.equal(await streamer.stop(), 0, streamer.log);
    rmSync(dir, { recursive: true, force: true });
  }
});
