// Through a TURN server: the streamer tells viewers of nothing but its relay.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { ownAddress } from './firefox.mjs';
import { freePort } from './ports.mjs';
import { Streamer } from './streamer.mjs';

let browser;
let streamer;
let coturn;
let dir;
let log = '';

before(async () => {
  // Chromium's packets to 127.0.0.1 come from there, not from the address in its candidates, which the relay lets in.
  const ip = ownAddress();
  const port = await freePort(ip);
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-turn-'));
  coturn = spawn('turnserver', [
    '-n', '--no-cli', '--no-tls', '--no-dtls', '--no-tcp', '--lt-cred-mech', '--fingerprint', `--listening-ip=${ip}`,
    `--relay-ip=${ip}`, '--allow-loopback-peers', '--log-file=stdout', '--user=user:secret', '--realm=example.org',
    '--simple-log', '--verbose', `--listening-port=${port}`, `--pidfile=${path.join(dir, 'pid')}`, '--min-port=50000', '--max-port=50999',
  ]);
  coturn.stdout.on('data', (text) => (log += text));
  // A relay lets in only whom it is told of, so the browser's address must not be hidden behind a name.
  browser = await launch(['--disable-features=WebRtcHideLocalIpsWithMdns']);
  const server = `${ip}:${port}`;
  streamer = await Streamer.start(['--stats', '--turn', `user:secret@${server}`, '--stun', server, '--relay-only']);
});

after(async () => {
  await browser?.close();
  const code = await streamer?.stop();
  const ended = once(coturn, 'exit');
  coturn.kill();
  await ended;
  rmSync(dir, { recursive: true, force: true });
  assert.equal(code, 0, `Ctrl-C ends the streamer cleanly: ${streamer?.log}`);
});

// The address of the streamer that this page's packets go to.
async function other(page) {
  return page.evaluate(async () => {
    const report = await window.barertc.pc.getStats();
    const transport = [...report.values()].find((s) => s.type === 'transport');
    const { address, port, candidateType } = report.get(report.get(transport.selectedCandidatePairId).remoteCandidateId);
    const offered = window.barertc.pc.remoteDescription.sdp.match(/a=candidate:.*/g) ?? [];
    return { address, port, candidateType, offered };
  });
}

test('two viewers at once are served by relays only, which are given back', async () => {
  const pages = [await open(browser, streamer.url), await open(browser, streamer.url)];
  for (const { page, firstPictureMs } of pages) {
    const from = await stats(page);
    await until(page, (s) => s.video.framesDecoded > from.video.framesDecoded + 60, 10_000, 'two seconds of video');
    const { port, candidateType, offered } = await other(page);
    console.log(`first picture after ${firstPictureMs} ms, from ${candidateType} candidate at port ${port}`);
    assert.equal(new Set(offered).size, 1, `${offered}`);
    assert.match(offered[0], / typ relay /);
    assert.equal(candidateType, 'relay');
    assert.ok(port >= 50_000 && port <= 50_999, `the relay's port: ${port}`);
  }
  for (const { page } of pages) await page.close();
  const end = Date.now() + 10_000;
  const released = () => (log.match(/REFRESH processed, success/g) ?? []).length;
  while (released() < 2) {
    assert.ok(Date.now() < end, `the relays are given back: ${log.slice(-2_000)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
});
