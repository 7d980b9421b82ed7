// Certificates for tests, each of an authority of its own.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// A certificate for `names`, valid between these days from now. The files are in `dir`, under `name`.
export function certificate(dir, name, names, { from = -1, to = 2, authority = `${name} authority` } = {}) {
  const file = (kind) => path.join(dir, `${name}.${kind}`);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const day = (n) => `${new Date(Date.now() + n * 86_400_000).toISOString().replace(/[-:T]|\.\d+Z/g, '')}Z`;
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca'), '-days', '2', '-subj', `/CN=${authority}`);
  openssl('req', ...key, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`);
  writeFileSync(file('index'), '');
  writeFileSync(file('conf'), [
    '[ca]', 'default_ca=d', '[d]', `database=${file('index')}`, `new_certs_dir=${dir}`, 'rand_serial=yes', 'default_md=sha256', 'policy=p',
    'copy_extensions=copy', '[p]', 'commonName=supplied', '',
  ].join('\n'));
  openssl(
    'ca', '-batch', '-notext', '-config', file('conf'), '-cert', file('ca'), '-keyfile', file('ca.key'), '-in', file('csr'), '-out', file('crt'),
    '-startdate', day(from), '-enddate', day(to),
  );
  return { ca: file('ca'), key: file('key'), cert: file('crt') };
}

// The certificate of an authority as a board's setting `ca` has it.
export function setting({ ca }) {
  return readFileSync(ca, 'utf8').replace(/-----[^-]+-----|\s/g, '');
}
