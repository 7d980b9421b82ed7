// How soon the first picture is there: one connection between Chromium and the streamer, or another page, over a link that
// delays.
import { Link, portOf, through } from './link.mjs';

const PATIENCE = 15_000;
const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
// RFC 7983 §7 and RFC 5761 §4: media, but no reports.
const isRtp = (datagram) => datagram[0] >= 128 && datagram[0] < 192 && !(datagram[1] >= 192 && datagram[1] < 224);

// Runs in the page: a connection that takes media, and when its first picture is shown.
function prepare({ offers }) {
  const pc = new RTCPeerConnection();
  const at = {};
  const time = () => performance.timeOrigin + performance.now();
  if (offers) for (const kind of ['video', 'audio']) pc.addTransceiver(kind, { direction: 'recvonly' });
  pc.ontrack = ({ track }) => {
    if (track.kind !== 'video') return;
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([track]) });
    video.requestVideoFrameCallback(() => { at.picture ??= time(); });
    document.body.append(video);
  };
  window.connecting = { pc, at, time };
}

// Runs in the page: the offer of a streamer, which is asked for over its WebSocket.
function ask(url) {
  return new Promise((done, fail) => {
    const socket = new WebSocket(url);
    window.connecting.answer = (sdp) => socket.send(JSON.stringify({ id: 'server', type: 'answer', sdp }));
    socket.onopen = () => socket.send(JSON.stringify({ id: 'server', type: 'request' }));
    socket.onerror = () => fail(new Error('no WebSocket'));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'offer') done(message.sdp);
      else if (message.type !== 'candidate') fail(new Error(`no offer: ${data}`));
    };
    socket.onclose = () => fail(new Error('no offer, and the socket is closed'));
  });
}

// Runs in the page, as those that follow: what the other side has described.
function describe(description) {
  const { pc, at, time } = window.connecting;
  if (description.type === 'offer') at.begun = time();
  return pc.setRemoteDescription(description);
}

async function ours(offers) {
  const { pc } = window.connecting;
  await pc.setLocalDescription(await (offers ? pc.createOffer() : pc.createAnswer()));
  if (pc.iceGatheringState !== 'complete') {
    await new Promise((done) => { pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
  }
  return pc.localDescription.sdp;
}

// Waits for the picture.
async function seen(page, begun, rtp) {
  const end = now() + PATIENCE;
  let picture;
  do {
    await sleep(20);
    ({ picture } = await page.evaluate(() => window.connecting.at));
  } while (!picture && now() < end);
  const since = (time) => (time === undefined ? null : time - begun);
  return { rtp: since(rtp()), picture: since(picture) };
}

// When the first packet of media is at the browser.
function watch(link, delay) {
  let rtp;
  link.passed = (way, datagram) => { if (way === 'down' && isRtp(datagram)) rtp ??= now() + delay; };
  return () => rtp;
}

// A picture that changes, from a page.
function paint() {
  const { pc } = window.connecting;
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const context = canvas.getContext('2d');
  let n = 0;
  setInterval(() => { context.fillStyle = `hsl(${n += 7} 90% 50%)`; context.fillRect(n % 500, n % 300, 90, 60); }, 33);
  const stream = canvas.captureStream(30);
  pc.addTrack(stream.getVideoTracks()[0], stream);
}

// The same between two pages: the second one answers, and sends.
export async function measureMediaTwo(pages, { delay, loss = 0 }) {
  const link = await Link.start(delay, loss);
  const rtp = watch(link, delay);
  try {
    await Promise.all(pages.map((page, n) => page.evaluate(prepare, { offers: n === 0 })));
    await pages[1].evaluate(paint);
    const offer = await pages[0].evaluate(ours, true);
    link.browser = portOf(offer);
    await sleep(delay);
    await pages[1].evaluate(describe, { type: 'offer', sdp: through(offer, link.forPeer) });
    const begun = await pages[1].evaluate(() => window.connecting.at.begun);
    const answer = await pages[1].evaluate(ours, false);
    link.peer = portOf(answer);
    await sleep(delay);
    await pages[0].evaluate(describe, { type: 'answer', sdp: through(answer, link.forBrowser) });
    return await seen(pages[0], begun, rtp);
  } finally {
    await Promise.all(pages.map((page) => page.evaluate(() => window.connecting.pc.close()).catch(() => {})));
    await link.end();
  }
}

// `url` is the streamer's; `role` its part. Times are milliseconds since the offer has reached who answers; the first packet's
// is that of its arrival in the browser.
export async function measureMedia(page, url, { role, delay, loss = 0 }) {
  const offers = role.startsWith('offer');
  const link = await Link.start(delay, loss);
  const rtp = watch(link, delay);
  let leave = () => {};
  try {
    // A page of the streamer that does nothing by itself: only that may open its WebSocket.
    await page.goto(new URL('/nothing', url).href);
    await page.evaluate(prepare, { offers: !offers });
    let begun;
    if (offers) {
      const socket = new URL(`/ws/${Math.random().toString(36).slice(2, 12)}`, url);
      socket.protocol = 'ws:';
      const offer = await page.evaluate(ask, socket.href);
      link.peer = portOf(offer);
      await sleep(delay);
      await page.evaluate(describe, { type: 'offer', sdp: through(offer, link.forBrowser) });
      const answer = await page.evaluate(ours, false);
      link.browser = portOf(answer);
      begun = await page.evaluate(() => window.connecting.at.begun);
      await sleep(delay);
      await page.evaluate((sdp) => window.connecting.answer(sdp), through(answer, link.forPeer));
    } else {
      const offer = await page.evaluate(ours, true);
      link.browser = portOf(offer);
      await sleep(delay);
      const shaped = role === 'answers, passive' ? offer.replaceAll('a=setup:actpass', 'a=setup:active') : offer;
      const headers = { 'Content-Type': 'application/sdp' };
      begun = now();
      const response = await fetch(new URL('/whep', url), { method: 'POST', headers, body: through(shaped, link.forPeer) });
      const answer = await response.text();
      if (response.status !== 201) throw new Error(`the streamer says ${response.status}: ${answer}`);
      const session = new URL(response.headers.get('Location'), url);
      leave = () => fetch(session, { method: 'DELETE' }).catch(() => {});
      link.peer = portOf(answer);
      await sleep(delay);
      await page.evaluate(describe, { type: 'answer', sdp: through(answer, link.forBrowser) });
    }
    return await seen(page, begun, rtp);
  } finally {
    await page.evaluate(() => window.connecting.pc.close()).catch(() => {});
    await leave();
    await link.end();
  }
}
