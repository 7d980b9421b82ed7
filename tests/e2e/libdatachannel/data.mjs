// libdatachannel's end of a data channel, to be measured: the same as the program barertc-data.
//
//     node data.mjs offer|answer ADDRESS:PORT send|receive|ping N|echo
//
// Descriptions go over standard output and input, each with an empty line behind it; it ends with its standard input.
import readline from 'node:readline';
import library from 'node-datachannel';

const [side, address, what, count] = process.argv.slice(2);
const [bindAddress, port] = address.split(':');
const MESSAGE = Buffer.alloc(16 << 10);
const PING = Buffer.alloc(64, 0x5a);
// More than a round trip's data.
const BUFFER = 4 << 20;

const ports = Number(port) ? { portRangeBegin: Number(port), portRangeEnd: Number(port) } : {};
const connection = new library.PeerConnection(side, { iceServers: [], bindAddress, ...ports, mtu: 1200 });
connection.onGatheringStateChange((state) => {
  if (state === 'complete') process.stdout.write(`${connection.localDescription().sdp.trimEnd()}\r\n\r\n`);
});

let bytes = 0;
function use(channel) {
  let left = Number(count);
  let pinged;
  const ping = () => { pinged = process.hrtime.bigint(); channel.sendMessageBinary(PING); };
  const fill = () => { while (channel.bufferedAmount() < BUFFER) channel.sendMessageBinary(MESSAGE); };
  channel.onMessage((message) => {
    bytes += message.length;
    if (what === 'echo') channel.sendMessageBinary(message);
    if (what === 'ping') {
      console.log(`ping ${(process.hrtime.bigint() - pinged) / 1000n}`);
      if (--left > 0) ping();
      else console.log('done');
    }
  });
  channel.setBufferedAmountLowThreshold(BUFFER / 2);
  channel.onBufferedAmountLow(() => { if (what === 'send') fill(); });
  const begin = () => {
    if (what === 'ping') ping();
    if (what === 'send') fill();
  };
  if (channel.isOpen()) begin();
  else channel.onOpen(begin);
}
if (what === 'receive') setInterval(() => console.log(`bytes ${bytes}`), 250);
connection.onDataChannel(use);
if (side === 'offer') use(connection.createDataChannel('data'));

let sdp = '';
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.trimEnd()) {
      sdp += `${line.trimEnd()}\r\n`;
    } else if (sdp) {
      connection.setRemoteDescription(sdp, side === 'offer' ? 'answer' : 'offer');
      sdp = '';
    }
  })
  .on('close', () => process.exit(0));
