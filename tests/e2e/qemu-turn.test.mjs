// Where all UDP is dropped, the emulated device plays to Chromium through coturn, over TCP and over TLS. The server is named: the
// device asks its DNS for the address. Needs root.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { certificate, setting } from './certificates.mjs';
import { Coturn } from './networks/coturn.mjs';
import { Spaces } from './networks/spaces.mjs';
import { Streamer, target } from './streamer.mjs';

const SECONDS = Number(process.env.QEMU_SECONDS ?? 60);
// Pictures a second there have to be; a machine that is busy with other things emulates fewer.
const FPS = Number(process.env.QEMU_FPS ?? 25);
const NAME = 'turn.example';

let spaces;
let coturn;
let names;
let front;
let keys;
let other;
let etc;
let page; // browser.mjs, which takes the browser's path from the environment

before(async () => {
  spaces = new Spaces().prepare();
  spaces.drop('all');
  // The device tells of its own address, to which the router has no way; coturn would end the session of who tries it.
  execFileSync('ip', ['-n', spaces.router, 'route', 'add', 'default', 'dev', 'side0']);
  // What `ip netns exec` puts in the place of /etc/resolv.conf; the emulator passes the device's questions on to who is named there.
  etc = `/etc/netns/${spaces.streamer}`;
  mkdirSync(etc, { recursive: true });
  writeFileSync(path.join(etc, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  const script = fileURLToPath(new URL('networks/names.mjs', import.meta.url));
  const [command, args] = spaces.within(spaces.streamer, process.execPath, [script, `${NAME}=${spaces.routerAt(4, 0)}`]);
  names = spawn(command, args);
  await speaks(names);
  keys = certificate(spaces.dir, 'turn', `DNS:${NAME}`);
  other = certificate(spaces.dir, 'other', `DNS:${NAME}`);
  // coturn 4.6 speaks TLS 1.2 at the most, so that something stands before it that speaks 1.3, as in front of many servers.
  const before = fileURLToPath(new URL('networks/front.mjs', import.meta.url));
  const at = spaces.routerAt(4, 0);
  front = spawn(...spaces.within(spaces.router, process.execPath, [before, at, '443', '3478', keys.key, keys.cert]));
  await speaks(front);
  coturn = await Coturn.start(spaces, spaces.router, spaces.routerAt(4, 0), [spaces.routerAt(4, 1)], keys);
  process.env.CHROMIUM = spaces.wrapper(process.env.CHROMIUM ?? '/usr/bin/chromium');
  page = await import('./browser.mjs');
});

after(async () => {
  await coturn?.stop();
  names?.kill();
  front?.kill();
  if (etc) rmSync(etc, { recursive: true, force: true });
  spaces?.close();
});

// Waits until a program says that it is there.
async function speaks(child) {
  let trouble = '';
  child.stderr.on('data', (text) => (trouble += text));
  const ended = once(child, 'exit').then(([code]) => { throw new Error(`${child.spawnargs.join(' ')} has ended with ${code}: ${trouble}`); });
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
}

async function device(...settings) {
  const image = process.env.QEMU_PROGRAM ? ['--program', process.env.QEMU_PROGRAM] : [];
  const words = ['qemu', '--listen', spaces.at(4), ...image, ...settings.flatMap((line) => ['--set', line])];
  const [command, args] = spaces.within(spaces.streamer, path.join(target, 'debug', 'xtask'), words);
  const device = await Streamer.start(args, { program: command, listen: false, patience: 240_000 });
  await device.waitFor(/ready at/, 60_000);
  return device;
}

// Chromium as one who is behind the same firewall: it has a relay of the same server, by TCP.
async function open(browser, url) {
  const context = await browser.newContext();
  await context.addInitScript((server) => {
    const Usual = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Usual {
      constructor(config) {
        super({ ...config, iceServers: [{ urls: server, username: 'user', credential: 'secret' }] });
      }
    };
  }, `turn:${spaces.routerAt(4, 0)}:3478?transport=tcp`);
  const tab = await context.newPage();
  const errors = [];
  tab.on('pageerror', (error) => errors.push(error.message));
  const start = Date.now();
  await tab.goto(url, { timeout: 30_000 });
  await page.until(tab, (s) => s.video?.framesDecoded > 0, 60_000, 'first picture');
  return { tab, errors, firstPictureMs: Date.now() - start };
}

async function plays(...settings) {
  const streamer = await device(...settings, 'turn-account=user:secret');
  const browser = await page.launch();
  try {
    await streamer.waitFor(/TURN: turn\.example is at/, 30_000);
    const empty = await streamer.idle();
    const { tab, errors, firstPictureMs } = await open(browser, streamer.url);
    await tab.click('#sound');
    const from = await page.until(tab, (s) => s.video?.framesDecoded > FPS && s.audio, 60_000, 'a second of video');
    await tab.waitForTimeout(SECONDS * 1000);
    const to = await page.stats(tab);
    const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
    const fps = (to.video.framesDecoded - from.video.framesDecoded) / seconds;
    const channel = to.channels.find((c) => c.label === 'ping-pong');
    const remote = await tab.evaluate(async () => {
      const found = await window.barertc.pc.getStats();
      const { selectedCandidatePairId } = [...found.values()].find((s) => s.type === 'transport');
      const pair = found.get(selectedCandidatePairId);
      return [pair.localCandidateId, pair.remoteCandidateId].map((id) => found.get(id)).map(({ candidateType, relayProtocol }) => ({ candidateType, relayProtocol }));
    });
    const { owners, peaks } = await tab.evaluate(() => window.barertc.device);
    console.log(`first picture after ${firstPictureMs} ms; ${fps.toFixed(2)} frames/s; ${to.video.freezeCount} freezes; ${channel.messagesReceived} pings; ${JSON.stringify(remote)}`);
    console.log(`signaling and the stream: ${owners.signaling} B now, ${peaks.signaling} B at most`);
    assert.deepEqual(remote.map(({ candidateType }) => candidateType), ['relay', 'relay']);
    assert.ok(fps > FPS, `${fps} frames a second`);
    assert.ok(to.audio.totalAudioEnergy > 0, 'sound has energy');
    assert.ok(channel.messagesReceived >= SECONDS / 2, 'pings are answered');
    assert.deepEqual(errors, []);
    const before = coturn.log.length;
    await tab.close();
    await coturn.until(/REFRESH processed, success/, 'the relay is given back', { from: before, ms: 60_000 });
    const left = await streamer.idle();
    console.log(`PSRAM: ${empty} B before, ${left} B after`);
    return { empty, left };
  } finally {
    if (process.env.NETWORKS_LOG) console.log(streamer.log, coturn.log);
    await browser.close();
    await streamer.stop();
  }
}

test('over TCP, where the first of two servers is not there', async () => {
  const { empty, left } = await plays(`turn=turn:${spaces.routerAt(4, 0)}:9?transport=tcp`, `turn=turn:${NAME}?transport=tcp`);
  assert.equal(left, empty, 'all memory comes back');
});

test('over TLS', async () => {
  const now = Math.floor(Date.now() / 1000);
  const { empty, left } = await plays(`turn=turns:${NAME}:443`, `ca=${setting(keys)}`, `time=${now}`);
  assert.equal(left, empty, 'all memory comes back');
});

test('coturn itself speaks TLS 1.2 at the most, and is refused by that name', async () => {
  const now = Math.floor(Date.now() / 1000);
  const streamer = await device(`turn=turns:${NAME}`, `ca=${setting(keys)}`, `time=${now}`, 'turn-account=user:secret');
  const browser = await page.launch();
  try {
    await streamer.waitFor(/TURN: turn\.example is at/, 30_000);
    const tab = await browser.newPage();
    await tab.goto(streamer.url);
    await streamer.waitFor(/TURN: \S+:5349: .*older/, 30_000);
  } finally {
    await browser.close();
    await streamer.stop();
  }
});

test('a TURN server that nobody vouches for is said so, and is told nothing', async () => {
  const now = Math.floor(Date.now() / 1000);
  const streamer = await device(`turn=turns:${NAME}:443`, `ca=${setting(other)}`, `time=${now}`, 'turn-account=user:secret');
  const browser = await page.launch();
  try {
    await streamer.waitFor(/TURN: turn\.example is at/, 30_000);
    const before = coturn.log.length;
    const tab = await browser.newPage();
    await tab.goto(streamer.url);
    await streamer.waitFor(/server .*: nobody that is trusted vouches for its certificate/, 30_000);
    assert.doesNotMatch(coturn.log.slice(before), /ALLOCATE/, 'nothing was said to it');
  } finally {
    await browser.close();
    await streamer.stop();
  }
});
