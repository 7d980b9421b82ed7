// One end of a TCP of the kernel, to be measured: `node tcp.mjs send|receive ADDRESS PORT`. The receiver prints what has
// come, as barertc-data does; both end with their standard input.
import net from 'node:net';

const [what, host, port] = process.argv.slice(2);
if (what === 'receive') {
  let bytes = 0;
  net.createServer((socket) => socket.on('data', (data) => { bytes += data.length; }).on('error', () => {}))
    .listen(Number(port), host, () => console.log('listening'));
  setInterval(() => console.log(`bytes ${bytes}`), 250);
} else {
  const socket = net.connect(Number(port), host);
  const chunk = Buffer.alloc(64 << 10);
  const fill = () => { while (socket.write(chunk)); };
  socket.on('connect', fill).on('drain', fill).on('error', () => {});
}
process.stdin.resume().on('close', () => process.exit(0)).on('end', () => process.exit(0));
