// A port before the streamer's, which loses what it is told to lose.
import dgram from 'node:dgram';
import { once } from 'node:events';

export class Lossy {
  #outside = dgram.createSocket('udp4');
  #inside = new Map();
  #target;
  #count = 0;
  // Of the media packets on their way to the streamer, one in so many is lost; all of them with 1, none with 0.
  oneIn = 0;
  lost = 0;

  static async before(target) {
    const lossy = new Lossy();
    lossy.#target = target;
    lossy.#outside.on('message', (datagram, from) => lossy.#inward(datagram, from));
    lossy.#outside.bind(0, '127.0.0.1');
    await once(lossy.#outside, 'listening');
    return lossy;
  }

  get address() {
    return `127.0.0.1:${this.#outside.address().port}`;
  }

  #inward(datagram, from) {
    const key = `${from.address}:${from.port}`;
    let socket = this.#inside.get(key);
    if (!socket) {
      socket = dgram.createSocket('udp4');
      socket.on('message', (answer) => this.#outside.send(answer, from.port, from.address));
      this.#inside.set(key, socket);
    }
    if (this.oneIn > 0 && isRtp(datagram) && ++this.#count % this.oneIn === 0) {
      this.lost += 1;
      return;
    }
    socket.send(datagram, this.#target, '127.0.0.1');
  }

  close() {
    this.#outside.close();
    for (const socket of this.#inside.values()) socket.close();
  }
}

// RFC 7983, and RFC 5761 for what is RTCP.
function isRtp(datagram) {
  return datagram[0] >= 128 && datagram[0] <= 191 && !(datagram[1] >= 192 && datagram[1] <= 223);
}
