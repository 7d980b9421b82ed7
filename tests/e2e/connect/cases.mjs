// What is measured: the browser's switches, and the part of ours.
export const SWITCHES = ['--force-fieldtrials=WebRTC-Sctp-Snap/Enabled/WebRTC-IceHandshakeDtls/Enabled/'];

const local = (...off) => ['--allow-loopback-in-peer-connection', `--disable-features=${['WebRtcHideLocalIpsWithMdns', ...off]}`];
export const LOCAL = local();
const WITH = [...LOCAL, ...SWITCHES];
const SMALL = [...local('WebRtcPqcForDtls'), ...SWITCHES];
const ALL = { snap: true, sped: true };

// Two browsers and none of ours.
export const TWO = 'two browsers';

export const CASES = [
  { title: 'Chromium offers, we answer `active`', role: 'answers, active', ...ALL, args: WITH },
  { title: '– in-band channel', role: 'answers, active', ...ALL, inBand: true, args: WITH },
  { title: 'Chromium offers, we answer `passive`', role: 'answers, passive', ...ALL, args: WITH },
  { title: 'we offer `actpass`', role: 'offers', ...ALL, args: WITH },
  { title: '– Chromium without post-quantum key agreement', role: 'offers', ...ALL, args: SMALL },
  { title: '– in-band channel', role: 'offers', ...ALL, inBand: true, args: WITH },
  { title: 'we offer `active`', role: 'offers, active', ...ALL, args: WITH },
  { title: 'Chromium without the switches offers', role: 'answers, active', ...ALL, args: LOCAL },
  { title: 'we offer to Chromium without the switches', role: 'offers', ...ALL, args: LOCAL },
  { title: '– and say nothing of it', role: 'offers', snap: false, sped: false, args: LOCAL },
  { title: 'Chromium with the switches to Chromium', role: TWO, args: WITH },
  { title: '– in-band channel', role: TWO, inBand: true, args: WITH },
  { title: 'Chromium to Chromium, both without the switches', role: TWO, inBand: true, args: LOCAL },
];
