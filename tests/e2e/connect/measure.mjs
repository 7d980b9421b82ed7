// One connection between Chromium and one of ours, or between two pages of Chromium, and when each step of it happened.
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { root, target } from '../streamer.mjs';
import { Link, portOf, through } from './link.mjs';

const PATIENCE = 15_000;
const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Runs in the page: one connection with one channel, and the times of what happens to it. Who `opens` an in-band channel is
// one of ours, where there is one.
export function prepare({ inBand, offers, opens }) {
  const pc = new RTCPeerConnection();
  const at = {};
  const note = (what) => { at[what] ??= performance.timeOrigin + performance.now(); };
  const use = (channel) => {
    channel.onopen = () => { note('open'); channel.send('hello from the page'); };
    channel.onmessage = () => note('heard');
    if (channel.readyState === 'open') channel.onopen();
  };
  if (!inBand) use(pc.createDataChannel('agreed', { negotiated: true, id: 4 }));
  else if (opens) use(pc.createDataChannel('in-band'));
  else if (offers) pc.createDataChannel('makes an m-line');
  pc.ondatachannel = ({ channel }) => use(channel);
  pc.onconnectionstatechange = () => note(pc.connectionState);
  window.connecting = { pc, at };
}

async function offerOf(page) {
  return page.evaluate(async () => {
    const { pc } = window.connecting;
    await pc.setLocalDescription(await pc.createOffer());
    if (pc.iceGatheringState !== 'complete') {
      await new Promise((done) => { pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
    }
    return pc.localDescription.sdp;
  });
}

async function answerOf(page, sdp) {
  return page.evaluate(async (offer) => {
    const { pc, at } = window.connecting;
    at.begun = performance.timeOrigin + performance.now();
    await pc.setRemoteDescription({ type: 'offer', sdp: offer });
    await pc.setLocalDescription(await pc.createAnswer());
    return pc.localDescription.sdp;
  }, sdp);
}

// One of ours, or libdatachannel, as a program.
function program(library, args, port) {
  const [file, ...before] = library
    ? ['node', path.join(root, 'tests/e2e', library, 'connect.mjs')]
    : [path.join(target, 'release', 'barertc-connect')];
  const child = spawn(file, [...before, args[0], `127.0.0.1:${port}`, ...args.slice(1)], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const at = {};
  let sdp = '';
  let told;
  const description = new Promise((done) => { told = done; });
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const event = line.match(/^at (\S+) (\S+)$/);
    if (event) at[event[2]] ??= Number(event[1]);
    else if (line.trim() === '') told(sdp);
    else sdp += `${line.trimEnd()}\r\n`;
  });
  return { at, description, say: (text) => child.stdin.write(`${text}\r\n`), end: () => child.stdin.end() };
}

// The same between two pages; the columns of ours are those of the page that answers.
export async function measureTwo(pages, { inBand, delay, loss = 0 }) {
  const link = await Link.start(delay, loss);
  try {
    await Promise.all(pages.map((page, n) => page.evaluate(prepare, { inBand, offers: n === 0, opens: n === 0 })));
    const offer = await offerOf(pages[0]);
    link.browser = portOf(offer);
    await sleep(delay);
    const answer = await answerOf(pages[1], through(offer, link.forPeer));
    link.peer = portOf(answer);
    await sleep(delay);
    await pages[0].evaluate((sdp) => window.connecting.pc.setRemoteDescription({ type: 'answer', sdp }), through(answer, link.forBrowser));
    const end = now() + PATIENCE;
    let times;
    do {
      await sleep(20);
      times = await Promise.all(pages.map((page) => page.evaluate(() => window.connecting.at)));
    } while (!times.every((at) => at.heard) && now() < end);
    const [theirs, ours] = times;
    const since = (time) => (time === undefined ? null : time - ours.begun);
    return { up: since(ours.connected), ourOpen: since(ours.open), open: since(theirs.open), heard: since(theirs.heard), back: since(ours.heard) };
  } finally {
    await Promise.all(pages.map((page) => page.evaluate(() => window.connecting.pc.close()).catch(() => {})));
    await link.end();
  }
}

// Runs in the page: what the browser says of its channels.
async function channels() {
  const found = [];
  (await window.connecting.pc.getStats()).forEach((s) => {
    if (s.type === 'data-channel') found.push([s.label, s.state, `sent ${s.messagesSent}`, `received ${s.messagesReceived}`]);
  });
  return found;
}

async function freePort() {
  const probe = await Link.start(0, 0, 9);
  const port = probe.forBrowser;
  await probe.end();
  return port;
}

// `role` is the part of ours: offers or answers, as the active or passive side of DTLS. Times are milliseconds since the
// offer has reached who answers.
export async function measure(page, { role, library, snap, sped, inBand, delay, loss = 0 }) {
  const offers = role.startsWith('offer');
  const flags = [snap && '--snap', sped && '--sped', inBand && '--in-band'].filter(Boolean);
  const port = await freePort();
  const link = await Link.start(delay, loss, port);
  const ours = program(library, [offers ? 'offer' : 'answer', ...flags], port);
  try {
    await page.evaluate(prepare, { inBand, offers: !offers });
    let begun;
    const [active, passive] = ['active', 'passive'].map((setup) => (sdp) => sdp.replace('a=setup:actpass', `a=setup:${setup}`));
    if (offers) {
      const shape = role === 'offers, passive' ? passive : role === 'offers, active' ? active : (sdp) => sdp;
      const offer = shape(through(await ours.description, link.forBrowser));
      await sleep(delay);
      const answer = await answerOf(page, offer);
      await sleep(delay);
      ours.say(through(answer, link.forPeer));
      begun = await page.evaluate(() => window.connecting.at.begun);
    } else {
      const shape = role === 'answers, passive' ? active : (sdp) => sdp;
      const offer = await offerOf(page);
      link.browser = portOf(offer);
      await sleep(delay);
      ours.say(shape(through(offer, link.forPeer)));
      const answer = through(await ours.description, link.forBrowser);
      begun = ours.at.begun;
      await sleep(delay);
      await page.evaluate((sdp) => window.connecting.pc.setRemoteDescription({ type: 'answer', sdp }), answer);
    }
    const end = now() + PATIENCE;
    let theirs;
    do {
      await sleep(20);
      theirs = await page.evaluate(() => window.connecting.at);
    } while (!(theirs.heard && ours.at.heard) && now() < end);
    if (!ours.at.heard) console.error(`the page was not heard, which says ${JSON.stringify(await page.evaluate(channels))}`);
    const since = (time) => (time === undefined ? null : time - begun);
    return { up: since(ours.at.up), ourOpen: since(ours.at.open), open: since(theirs.open), heard: since(theirs.heard), back: since(ours.at.heard) };
  } finally {
    await page.evaluate(() => window.connecting.pc.close()).catch(() => {});
    ours.end();
    await link.end();
  }
}
