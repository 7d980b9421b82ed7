// coturn in one of the networks: over UDP, TCP and TLS, with the account user:secret.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

export class Coturn {
  log = '';

  // In `space` at `address`, with relays at `relays`; who it is is in the files of `keys`.
  static async start(spaces, space, address, relays, keys) {
    const coturn = new Coturn();
    const file = (name) => path.join(spaces.dir, name);
    const [command, args] = spaces.within(space, 'turnserver', [
      '-n', '--no-cli', '--no-dtls', '--lt-cred-mech', '--fingerprint', `--listening-ip=${address}`, ...relays.map((ip) => `--relay-ip=${ip}`),
      `--cert=${keys.cert}`, `--pkey=${keys.key}`, '--log-file=stdout', '--user=user:secret', '--realm=example.org', '--simple-log', '--verbose',
      '--listening-port=3478', '--tls-listening-port=5349', `--pidfile=${file('pid')}`, `--userdb=${file('users')}`,
    ]);
    coturn.child = spawn(command, args);
    for (const out of [coturn.child.stdout, coturn.child.stderr]) out.on('data', (text) => (coturn.log += text));
    await coturn.until(/TLS.*listener.*opened|TCP listener opened/i, 'coturn does not start');
    await wait(300);
    return coturn;
  }

  // Waits until the log has this behind its first `from` characters.
  async until(pattern, what, { ms = 20_000, from = 0 } = {}) {
    for (const end = Date.now() + ms; !pattern.test(this.log.slice(from)); await wait(50)) {
      if (Date.now() > end || this.ended) throw new Error(`${what}: ${this.log.slice(-2_000)}`);
    }
  }

  get ended() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async stop() {
    if (this.ended) return;
    const ended = once(this.child, 'exit');
    this.child.kill();
    await ended;
  }
}
