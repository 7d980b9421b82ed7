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
  // The share of all datagrams, each way, that is lost besides: which ones follows from a seed.
  share = 0;
  gone = { in: 0, out: 0 };
  #seed = 0x9e3779b9;

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
      socket.on('message', (answer) => {
        if (!this.#loses('out')) this.#outside.send(answer, from.port, from.address);
      });
      this.#inside.set(key, socket);
    }
    if (this.oneIn > 0 && isRtp(datagram) && ++this.#count % this.oneIn === 0) {
      this.lost += 1;
      return;
    }
    if (!this.#loses('in')) socket.send(datagram, this.#target, '127.0.0.1');
  }

  // Xorshift: the same losses in each run that has the same datagrams.
  #loses(way) {
    if (this.share === 0) return false;
    for (const by of [13, -17, 5]) this.#seed ^= by > 0 ? this.#seed << by : this.#seed >>> -by;
    const lost = (this.#seed >>> 0) / 2 ** 32 < this.share;
    if (lost) this.gone[way] += 1;
    return lost;
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
