// How soon libdatachannel connects: the same as the program barertc-connect.
//
//     node connect.mjs offer|answer ADDRESS:PORT [--in-band]
//
// Descriptions go over standard output and input, each with an empty line behind it; it ends with its standard input.
import readline from 'node:readline';
import library from 'node-datachannel';

const [side, address, ...flags] = process.argv.slice(2);
const [bindAddress, port] = address.split(':');
const AGREED = { negotiated: true, id: 4 };

const ports = { portRangeBegin: Number(port), portRangeEnd: Number(port) };
const connection = new library.PeerConnection(side, { iceServers: [], bindAddress, ...ports, mtu: 1200 });
const seen = new Set();
function tell(what) {
  if (seen.has(what)) return;
  seen.add(what);
  console.log(`at ${(performance.timeOrigin + performance.now()).toFixed(3)} ${what}`);
}
connection.onGatheringStateChange((state) => {
  if (state === 'complete') process.stdout.write(`${connection.localDescription().sdp.trimEnd()}\r\n\r\n`);
});
connection.onStateChange((state) => { if (state === 'connected') tell('up'); });

function use(channel) {
  channel.onMessage(() => tell('heard'));
  const begin = () => {
    tell('open');
    channel.sendMessage('hello from libdatachannel');
  };
  if (channel.isOpen()) begin();
  else channel.onOpen(begin);
}
connection.onDataChannel(use);
const inBand = flags.includes('--in-band');
// An answer has the channels of its offer, so that one of ours is made when that has come.
const open = () => use(connection.createDataChannel(inBand ? 'in-band' : 'agreed', inBand ? {} : AGREED));
if (side === 'offer') open();

let sdp = '';
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.trimEnd()) {
      sdp += `${line.trimEnd()}\r\n`;
    } else if (sdp) {
      if (side === 'answer') tell('begun');
      connection.setRemoteDescription(sdp, side === 'offer' ? 'answer' : 'offer');
      if (side === 'answer') open();
      sdp = '';
    }
  })
  .on('close', () => process.exit(0));
