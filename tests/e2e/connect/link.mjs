// A link of its own between a browser and a program, or another browser: what one sends arrives at the other after a fixed
// time, or is lost.
import dgram from 'node:dgram';
import { once } from 'node:events';

const HOST = '127.0.0.1';

async function bound() {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

// `forBrowser` and `forPeer` are the ports that each takes for the other. The real ports of both are learnt when they
// speak, where they are not known before.
export class Link {
  static async start(delay, loss, peer) {
    const link = new Link();
    [link.near, link.far] = await Promise.all([bound(), bound()]);
    [link.forBrowser, link.forPeer] = [link.near.address().port, link.far.address().port];
    [link.peer, link.delay] = [peer, delay];
    link.counts = { up: 0, down: 0, lost: 0 };
    link.passed = () => {};
    const pass = (name, send) => (datagram, from) => {
      if (from.address !== HOST) return;
      if (name === 'up') link.browser = from.port;
      else link.peer = from.port;
      link.counts[name] += 1;
      if (Math.random() < loss) {
        link.counts.lost += 1;
        return;
      }
      setTimeout(send, delay, datagram);
      link.passed(name, datagram);
    };
    link.near.on('message', pass('up', (datagram) => link.open && link.peer && link.far.send(datagram, link.peer, HOST)));
    link.far.on('message', pass('down', (datagram) => link.open && link.browser && link.near.send(datagram, link.browser, HOST)));
    link.open = true;
    return link;
  }

  // What is on its way arrives: a goodbye that does not leaves its sender's place taken.
  async end() {
    await new Promise((done) => setTimeout(done, this.delay + 20));
    this.open = false;
    this.near.close();
    this.far.close();
  }
}

// A description whose only candidate is this port.
export function through(sdp, port) {
  const candidate = `a=candidate:1 1 udp 2122260223 ${HOST} ${port} typ host\r\n`;
  return sdp.replace(/a=(candidate:.*|end-of-candidates)\r?\n/g, '').replace(/(a=ice-ufrag:)/, `${candidate}$1`);
}

// The port of a description's candidate for this machine.
export function portOf(sdp) {
  const ports = [...sdp.matchAll(/a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gi)];
  const [, , port] = ports.find(([, address]) => address === HOST) ?? ports[0] ?? [];
  return Number(port) || undefined;
}
