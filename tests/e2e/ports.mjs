// Ports that nobody has, at the time of asking.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

// A port of UDP.
export async function freePort(ip = '127.0.0.1') {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, ip);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

// A port of TCP.
export async function freeTcpPort(ip = '127.0.0.1') {
  const server = net.createServer().listen(0, ip);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
