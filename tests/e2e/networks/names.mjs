// A name server for tests: node names.mjs NAME=ADDRESS… answers at 127.0.0.1:53 for these names, and that there are no others.
import dgram from 'node:dgram';

const known = new Map(process.argv.slice(2).map((word) => word.split('=')));

// A question (RFC 1035 §4.1) and the name in it.
function name(question) {
  const labels = [];
  let at = 12;
  for (let length; (length = question[at]) > 0; at += length + 1) labels.push(question.toString('ascii', at + 1, at + 1 + length));
  return { name: labels.join('.').toLowerCase(), type: question.readUInt16BE(at + 1), end: at + 5 };
}

const socket = dgram.createSocket('udp4');
socket.on('message', (question, from) => {
  const asked = name(question);
  const address = asked.type === 1 ? known.get(asked.name) : undefined;
  const head = Buffer.from(question.subarray(0, asked.end));
  head.writeUInt16BE(known.has(asked.name) ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(address ? 1 : 0, 6);
  head.fill(0, 8, 12);
  // The name is that of the question; A, IN, for a minute.
  const record = address ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]) : Buffer.alloc(0);
  socket.send(Buffer.concat([head, record]), from.port, from.address);
});
socket.bind(53, '127.0.0.1', () => console.log('ready'));
