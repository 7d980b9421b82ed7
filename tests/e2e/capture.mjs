// Writes the ClientHello that a browser really sends, a datagram a line in hex, for the tests of `barertc-dtls`:
//
//   node capture.mjs chromium                          > ../../crates/dtls/tests/data/chromium_156.hex
//   node capture.mjs firefox                           > ../../crates/dtls/tests/data/firefox_153.hex
//   node capture.mjs firefox 1.2                       > ../../crates/dtls/tests/data/firefox_153_dtls_12.hex
//
// What follows `chromium` are switches for it: `--disable-features=WebRtcPqcForDtls` leaves out the post-quantum share.
//
// The browser offers a data channel, and is answered by nothing but a socket that knows enough of STUN (RFC 8489) to
// pass its connectivity checks: so the browser becomes the DTLS client, and whatever it says then is written down.
import { createHash, createHmac } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { ownAddress } from './firefox.mjs';

const [which, ...more] = process.argv.slice(2);
const COOKIE = 0x2112a442;
const PASSWORD = 'a-password-of-at-least-22-characters';
const USER = 'sink';

const browsers = {
  chromium: async () => (await import('./browser.mjs')).launch([
    '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--allow-loopback-in-peer-connection', ...more,
  ]),
  firefox: async () => (await import('./firefox.mjs')).launch(
    more[0] === '1.2' ? { 'media.peerconnection.dtls.version.max': 771 } : {},
  ),
};

function attribute(type, value) {
  const out = Buffer.alloc(4 + ((value.length + 3) & ~3));
  out.writeUInt16BE(type, 0);
  out.writeUInt16BE(value.length, 2);
  value.copy(out, 4);
  return out;
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

// The success response to a Binding request, protected with the password of the answer.
function response(request, from) {
  const address = Buffer.from([0, 1, 0, 0, ...from.address.split('.').map(Number)]);
  address.writeUInt16BE(from.port ^ (COOKIE >>> 16), 2);
  address.writeUInt32BE((address.readUInt32BE(4) ^ COOKIE) >>> 0, 4);
  let message = Buffer.concat([Buffer.from([1, 1, 0, 0]), request.subarray(4, 20), attribute(0x0020, address)]);
  const add = (type, length, value) => {
    message.writeUInt16BE(message.length - 20 + 4 + length, 2);
    message = Buffer.concat([message, attribute(type, value(message))]);
  };
  add(0x0008, 20, (m) => createHmac('sha1', PASSWORD).update(m).digest());
  add(0x8028, 4, (m) => {
    const value = Buffer.alloc(4);
    value.writeUInt32BE((crc32(m) ^ 0x5354554e) >>> 0);
    return value;
  });
  return message;
}

// The first flight: every datagram of DTLS until the browser repeats itself or half a second has passed.
async function firstFlight(socket) {
  const datagrams = [];
  let seen;
  const complete = new Promise((done) => (seen = done));
  socket.on('message', (data, from) => {
    if (data[0] < 4 && data.readUInt32BE(4) === COOKIE) {
      if (data.readUInt16BE(0) === 1) socket.send(response(data, from), from.port, from.address);
    } else if (data[0] >= 20 && data[0] < 64) {
      // Repetitions are other records with the same fragments.
      const fragment = data.subarray(13).toString('hex');
      if (!datagrams.some((d) => d.subarray(13).toString('hex') === fragment)) datagrams.push(data);
      setTimeout(seen, 500);
    }
  });
  const late = setTimeout(() => socket.close(), 20_000);
  await Promise.race([complete, once(socket, 'close')]);
  clearTimeout(late);
  return datagrams;
}

const socket = dgram.createSocket('udp4').bind(0, '0.0.0.0');
await once(socket, 'listening');
const flight = firstFlight(socket);

const browser = await browsers[which]();
const page = await browser.newPage();
const fingerprint = createHash('sha256').update('nobody').digest('hex').toUpperCase().match(/../g).join(':');
await page.evaluate(async ({ address, port, user, password, fingerprint }) => {
  const pc = (window.pc = new RTCPeerConnection());
  pc.createDataChannel('x');
  await pc.setLocalDescription(await pc.createOffer());
  const { mid } = pc.getTransceivers()[0] ?? {};
  const sdp = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${mid ?? 0}`, 'a=ice-lite',
    `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`, 'c=IN IP4 127.0.0.1', `a=mid:${mid ?? 0}`,
    `a=ice-ufrag:${user}`, `a=ice-pwd:${password}`, `a=fingerprint:sha-256 ${fingerprint}`, 'a=setup:passive',
    'a=sctp-port:5000', `a=candidate:1 1 udp 2130706431 ${address} ${port} typ host`, 'a=end-of-candidates', ''].join('\r\n');
  await pc.setRemoteDescription({ type: 'answer', sdp });
}, { address: ownAddress(), port: socket.address().port, user: USER, password: PASSWORD, fingerprint });
const datagrams = await flight;
await browser.close();
if (datagrams.length) socket.close();
for (const datagram of datagrams) console.log(datagram.toString('hex'));
process.exit(datagrams.length ? 0 : 1);
