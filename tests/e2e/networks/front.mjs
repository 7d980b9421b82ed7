// TLS 1.3 before what listens at another port: node front.mjs ADDRESS PORT INNER-PORT KEY CERTIFICATE.
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

const [address, port, inside, key, cert] = process.argv.slice(2);
const options = { key: readFileSync(key), cert: readFileSync(cert), minVersion: 'TLSv1.3' };
const server = tls.createServer(options, (socket) => {
  const inner = net.connect(Number(inside), address);
  socket.pipe(inner).pipe(socket);
  socket.on('error', () => inner.destroy());
  inner.on('error', () => socket.destroy());
});
server.on('tlsClientError', () => {});
server.listen(Number(port), address, () => console.log('ready'));
