// What a browser may do at any time: offer while the device does, and send another of the codecs agreed on. `barertc-mirror` of
// `tests/peer` is the device: it takes H.264 and VP8, and sends pictures back that are like its own.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { ownAddress } from './firefox.mjs';
import { Program, stopAll } from './program.mjs';
import { target } from './streamer.mjs';

const mirror = process.env.BARERTC_MIRROR ?? path.join(target, 'release/barertc-mirror');
let browser;
before(async () => { browser = await launch(['--allow-loopback-in-peer-connection']); });
after(async () => {
  await stopAll();
  await browser?.close();
});

// The nth description that the device prints.
const description = (device, n) => device.until((lines) => {
  const found = `${lines.join('\n')}\n`.match(/^v=0\n(?:.+\n)+(?=\n)/gm)?.[n];
  return found && `${found.trimEnd().split('\n').join('\r\n')}\r\n`;
}, 10_000);
const until = (device, line, ms = 20_000) => device.until((lines) => lines.includes(line) || undefined, ms);

// A page that sends a moving picture and has a data channel, connected to a device.
async function connect() {
  const device = new Program([mirror, 'answer', `${ownAddress()}:0`, 'both']);
  const page = await browser.newPage();
  const offer = await page.evaluate(async () => {
    const canvas = document.body.appendChild(Object.assign(document.createElement('canvas'), { width: 320, height: 240 }));
    const context = canvas.getContext('2d');
    let n = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${(n += 7) % 360} 80% 50%)`;
      context.fillRect((n * 3) % 320, 40, 60, 120);
    }, 33);
    const pc = (window.pc = new RTCPeerConnection());
    window.echoes = 0;
    window.channel = pc.createDataChannel('mirror');
    window.channel.onmessage = () => { window.echoes += 1; };
    window.sender = pc.addTrack(canvas.captureStream(30).getVideoTracks()[0]);
    window.pictures = async () => {
      const all = [...(await pc.getStats()).values()];
      return all.find((s) => s.type === 'inbound-rtp' && s.kind === 'video')?.framesDecoded ?? 0;
    };
    window.local = async () => {
      while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 10));
      return pc.localDescription.sdp;
    };
    await pc.setLocalDescription();
    return window.local();
  });
  device.say(`${offer.trimEnd()}\r\n\r\n`);
  const answer = await description(device, 0);
  await page.evaluate(async (sdp) => {
    await window.pc.setRemoteDescription({ type: 'answer', sdp });
    while (window.channel.readyState !== 'open') await new Promise((done) => setTimeout(done, 10));
  }, answer);
  return { device, page, answer };
}

// A message goes there and back, which proves that the connection lives.
const echo = (page) => page.evaluate(async () => {
  const before = window.echoes;
  window.channel.send('hello');
  for (const end = Date.now() + 10_000; window.echoes === before; await new Promise((done) => setTimeout(done, 10))) {
    if (Date.now() > end) throw new Error('no echo');
  }
  return window.pc.signalingState;
});
const mLines = (sdp) => sdp.match(/^m=/gm).length;

test('a sender changes between the codecs agreed on, without a description', { timeout: 60_000 }, async () => {
  const { device, page, answer } = await connect();
  assert.match(answer, /a=rtpmap:\d+ VP8\/90000[^]*a=rtpmap|a=rtpmap:\d+ H264\/90000[^]*a=rtpmap/, 'both are in the answer');
  const use = (name) => page.evaluate(async (wanted) => {
    const parameters = window.sender.getParameters();
    parameters.encodings[0].codec = parameters.codecs.find((codec) => codec.mimeType === `video/${wanted}`);
    await window.sender.setParameters(parameters);
  }, name);
  const seen = (count) => device.until((lines) => {
    const all = lines.filter((line) => line.startsWith('receives '));
    return all.length >= count ? all.slice(0, count) : undefined;
  }, 20_000);
  const first = (await seen(1))[0].split(' ')[1];
  const other = first === 'VP8' ? 'H264' : 'VP8';
  await use(other);
  assert.deepEqual(await seen(2), [`receives ${first}`, `receives ${other}`]);
  await use(first);
  assert.deepEqual(await seen(3), [`receives ${first}`, `receives ${other}`, `receives ${first}`]);
  // Pictures that are like the device's own come back: H.264.
  await use('H264');
  await page.evaluate(async () => {
    const before = await window.pictures();
    for (const end = Date.now() + 20_000; await window.pictures() < before + 20; await new Promise((done) => setTimeout(done, 50))) {
      if (Date.now() > end) throw new Error('no pictures come back');
    }
  });
  await device.stop();
  await page.close();
});

test('offers cross: the device is polite', { timeout: 60_000 }, async () => {
  const { device, page } = await connect();
  // The device wants a second track of sound, and the page one, too.
  device.say('more\n');
  await description(device, 1);
  const theirs = await page.evaluate(async () => {
    window.pc.addTransceiver('audio', { direction: 'recvonly' });
    await window.pc.setLocalDescription();
    return window.local();
  });
  device.say(`crossed\n${theirs.trimEnd()}\r\n\r\n`);
  const answer = await description(device, 2);
  assert.equal(mLines(answer), mLines(theirs));
  await page.evaluate((sdp) => window.pc.setRemoteDescription({ type: 'answer', sdp }), answer);
  assert.equal(await echo(page), 'stable');
  // What it has taken back it offers now.
  device.say('offer\n');
  const again = await description(device, 3);
  const back = await page.evaluate(async (sdp) => {
    await window.pc.setRemoteDescription({ type: 'offer', sdp });
    await window.pc.setLocalDescription();
    return window.local();
  }, again);
  assert.equal(mLines(back), mLines(again));
  device.say(`${back.trimEnd()}\r\n\r\n`);
  assert.equal(await echo(page), 'stable');
  await device.stop();
  await page.close();
});

test('offers cross: the browser is polite, and ICE restarts with it', { timeout: 60_000 }, async () => {
  const { device, page } = await connect();
  device.say('restart\n');
  const ours = await description(device, 1);
  // setRemoteDescription takes the page's own offer back.
  const answer = await page.evaluate(async (sdp) => {
    window.pc.addTransceiver('audio', { direction: 'recvonly' });
    await window.pc.setLocalDescription();
    await window.pc.setRemoteDescription({ type: 'offer', sdp });
    await window.pc.setLocalDescription();
    return window.local();
  }, ours);
  device.say(`${answer.trimEnd()}\r\n\r\n`);
  assert.equal(await echo(page), 'stable');
  // And a restart that the device takes back leaves everything as it was.
  device.say('restart\n');
  await description(device, 2);
  device.say('rollback\n');
  assert.equal(await echo(page), 'stable');
  const theirs = await page.evaluate(async () => {
    await window.pc.setLocalDescription(await window.pc.createOffer());
    return window.local();
  });
  device.say(`${theirs.trimEnd()}\r\n\r\n`);
  const late = await description(device, 3);
  await page.evaluate((sdp) => window.pc.setRemoteDescription({ type: 'answer', sdp }), late);
  assert.equal(await echo(page), 'stable');
  await device.stop();
  await page.close();
});
