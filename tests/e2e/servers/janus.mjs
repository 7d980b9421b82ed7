// Janus with a room of its video room plugin, WHIP before it for one publisher, and WHEP for those who watch:
//
//     node janus.mjs
//
// The first line is JSON: where WHIP and WHEP are. Each session that begins and ends is a line. A line `lose` on its input ends
// the publisher's session in Janus, as after a failure. It ends with its input.
//
// WHEP is npm's janus-whep-server. Its counterpart for WHIP is not on npm, so what stands here does what that one does: ETags,
// trickle ICE and restarts by PATCH, a relative Location, ICE servers as Link, 200 for DELETE.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import Janode from 'janode';
import VideoRoom from 'janode/plugins/videoroom';
import { JanusWhepServer } from 'janus-whep-server';
import { freeTcpPort } from '../ports.mjs';

const TOKEN = 'open sesame';
const [ROOM, FEED] = [1234, 1];
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// Debian has its libraries below a folder with the machine's name.
function library(kind, name) {
  const machine = readdirSync('/usr/lib').find((folder) => folder.endsWith('-linux-gnu'));
  return `/usr/lib/${machine}/janus/${kind}/libjanus_${name}.so`;
}

// Janus with the two of its parts that are needed, and settings of its own.
async function start(dir) {
  const port = await freeTcpPort();
  const folder = (name) => path.join(dir, name);
  for (const name of ['conf', 'transports', 'plugins', 'none']) mkdirSync(folder(name));
  symlinkSync(library('transports', 'websockets'), folder('transports/libjanus_websockets.so'));
  symlinkSync(library('plugins', 'videoroom'), folder('plugins/libjanus_videoroom.so'));
  writeFileSync(folder('conf/janus.jcfg'), `general: { server_name = "barertc"; plugins_folder = "${folder('plugins')}";
    transports_folder = "${folder('transports')}"; events_folder = "${folder('none')}"; loggers_folder = "${folder('none')}" }
    nat: { ice_ignore_list = "vmnet" }\nmedia: {}\ncertificates: {}\n`);
  writeFileSync(folder('conf/janus.transport.websockets.jcfg'), `general: { ws = true; ws_ip = "127.0.0.1"; ws_port = ${port}; wss = false }\nadmin: {}\n`);
  writeFileSync(folder('conf/janus.plugin.videoroom.jcfg'), `room-${ROOM}: { description = "barertc"; publishers = 1; bitrate = 4000000;
    audiocodec = "opus"; videocodec = "h264"; h264_profile = "42e01f"; secret = "secret" }\n`);
  const child = spawn('janus', ['-F', folder('conf'), '-C', folder('conf/janus.jcfg'), '--disable-colors'], {
    cwd: folder('.'), stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const out of [child.stdout, child.stderr]) out.on('data', (text) => { log = (log + text).slice(-20_000); });
  if (process.env.JANUS_LOG) process.on('exit', () => process.stderr.write(log));
  for (const end = Date.now() + 15_000; !log.includes('WebSockets thread started'); await wait(50)) {
    if (Date.now() > end || child.exitCode !== null) throw new Error(`Janus does not start: ${log}`);
  }
  return { child, url: `ws://127.0.0.1:${port}`, version: log.match(/Janus version: .*\((.*)\)/)?.[1] ?? '' };
}

class Refusal extends Error {
  constructor(status, why) {
    super(why);
    this.status = status;
  }
}

class Whip {
  sessions = new Map();

  constructor(janus) {
    this.janus = janus;
    this.server = http.createServer((request, response) => {
      this.#answer(request, response).catch((error) => {
        say({ event: 'refused', status: error.status ?? 500, why: String(error.message) });
        response.writeHead(error.status ?? 500).end(String(error.message));
      });
    });
  }

  async #answer(request, response) {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) throw new Refusal(401, 'no token');
    let body = '';
    for await (const text of request) body += text;
    const { pathname } = new URL(request.url, 'http://whip');
    if (request.method === 'POST' && pathname === '/whip/endpoint/device') return this.#publish(request, response, body);
    const session = this.sessions.get(pathname);
    if (!session) throw new Refusal(404, 'no such session');
    if (request.method === 'PATCH') return this.#patch(request, response, session, body);
    if (request.method !== 'DELETE') throw new Refusal(405, 'not that');
    await this.end(pathname);
    say({ event: 'deleted' });
    return response.writeHead(200).end('OK');
  }

  async #publish(request, response, sdp) {
    if (request.headers['content-type'] !== 'application/sdp') throw new Refusal(415, 'not a description');
    if ([...this.sessions.values()].some(({ over }) => !over)) throw new Refusal(403, 'in use');
    const handle = await this.janus.attach(VideoRoom);
    const place = `/whip/resource/${randomBytes(8).toString('hex')}`;
    const credentials = (text) => ['ufrag', 'pwd'].map((name) => text.match(new RegExp(`a=ice-${name}:(\\S+)`))?.[1]);
    const session = { handle, sdp, credentials, etag: randomBytes(8).toString('hex') };
    this.sessions.set(place, session);
    // The device's goodbye by DTLS overtakes its DELETE, for which the session still is.
    handle.on(Janode.EVENT.HANDLE_HANGUP, () => { session.over = true; });
    const joined = { room: ROOM, feed: FEED, audio: true, video: true, display: 'device', jsep: { type: 'offer', sdp } };
    const { jsep } = await handle.joinConfigurePublisher(joined).catch(async (error) => {
      await this.end(place);
      throw new Refusal(422, error.message);
    });
    say({ event: 'published', offer: sdp, answer: jsep.sdp });
    response.writeHead(201, {
      'Content-Type': 'application/sdp', Location: place.slice(1).replace('whip/', '../'), ETag: `"${session.etag}"`, 'Accept-Patch': FRAGMENT,
      'Access-Control-Expose-Headers': 'Location, Link',
      Link: ['<stun:127.0.0.1:3478>; rel="ice-server"', '<turn:127.0.0.1:3478?transport=udp>; rel="ice-server"; username="u"; credential="p"; credential-type="password"'],
    });
    return response.end(jsep.sdp);
  }

  async #patch(request, response, session, body) {
    if (request.headers['content-type'] !== FRAGMENT) throw new Refusal(415, 'not a fragment');
    const match = (request.headers['if-match'] ?? '').replaceAll('"', '');
    if (!match) throw new Refusal(428, 'no If-Match');
    const [now, before] = [session.credentials(body), session.credentials(session.sdp)];
    const restart = now.every(Boolean) && now.join() !== before.join();
    if (match !== (restart ? '*' : session.etag)) throw new Refusal(412, 'another ETag');
    const lines = body.split(/\r?\n/);
    const candidates = lines.filter((line) => line.startsWith('a=candidate:')).map((line) => ({ sdpMLineIndex: 0, candidate: line.slice(2) }));
    if (lines.includes('a=end-of-candidates')) candidates.push({ completed: true });
    let answer;
    if (restart) {
      before.forEach((old, n) => { session.sdp = session.sdp.replaceAll(old, now[n]); });
      answer = (await session.handle.configure({ jsep: { type: 'offer', sdp: session.sdp } })).jsep.sdp;
      session.etag = randomBytes(8).toString('hex');
    }
    if (candidates.length > 0) await session.handle.trickle(candidates);
    say({ event: restart ? 'restarted' : 'trickled', candidates: candidates.length });
    if (!restart) return response.writeHead(204).end();
    const wanted = /^(a=ice-|a=group:BUNDLE|m=|a=mid:|a=candidate:|a=end-of-candidates)/;
    const first = answer.split(/\r?\n(?=m=)/).slice(0, 2).join('\r\n');
    const text = first.split(/\r?\n/).filter((line) => wanted.test(line)).map((line) => `${line}\r\n`).join('');
    return response.writeHead(200, { 'Content-Type': FRAGMENT, ETag: `"${session.etag}"` }).end(text);
  }

  async end(place) {
    const session = this.sessions.get(place);
    this.sessions.delete(place);
    if (!session) return;
    say({ event: 'ended' });
    await session.handle.detach().catch(() => {});
  }
}

const dir = mkdtempSync(path.join(tmpdir(), 'barertc-janus-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
console.log = (...words) => { if (process.env.JANUS_LOG) console.error(...words); };
console.info = console.log;
const janus = await start(dir);
process.on('exit', () => janus.child.kill());
const connection = await Janode.connect({ is_admin: false, address: { url: janus.url } });
const whip = new Whip(await connection.create());
whip.server.listen(0, '127.0.0.1');
await once(whip.server, 'listening');
const whepPort = await freeTcpPort();
const whep = new JanusWhepServer({ janus: { address: janus.url }, rest: { port: whepPort, basePath: '/whep' }, debug: 'err' });
await whep.start();
whep.createEndpoint({ id: 'device', plugin: 'videoroom', room: ROOM, feed: FEED });
say({
  version: janus.version,
  whip: `http://127.0.0.1:${whip.server.address().port}/whip/endpoint/device`,
  whep: `http://127.0.0.1:${whepPort}/whep/endpoint/device`,
  token: TOKEN,
});
for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line === 'lose') for (const place of whip.sessions.keys()) await whip.end(place);
}
process.exit(0);
