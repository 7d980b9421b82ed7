// What is measured: the browser's switches, and the part of ours.
export const SWITCHES = ['--force-fieldtrials=WebRTC-Sctp-Snap/Enabled/WebRTC-IceHandshakeDtls/Enabled/'];

const local = (...off) => ['--allow-loopback-in-peer-connection', `--disable-features=${['WebRtcHideLocalIpsWithMdns', ...off]}`];
export const LOCAL = local();
const WITH = [...LOCAL, ...SWITCHES];
const SMALL = [...local('WebRtcPqcForDtls'), ...SWITCHES];
const ALL = { snap: true, sped: true };

// Two browsers and none of ours.
export const TWO = 'two browsers';

// Each part of ours with either kind of channel, and with a browser that does post-quantum key agreement or does not.
const ROLES = [
  ['Chromium offers, we answer `active`', 'answers, active'],
  ['Chromium offers, we answer `passive`', 'answers, passive'],
  ['we offer `actpass`', 'offers'],
  ['we offer `active`', 'offers, active'],
].flatMap(([title, role]) => [
  { title, role, ...ALL, args: WITH },
  { title: '– in-band channel', role, ...ALL, inBand: true, args: WITH },
  { title: '– Chromium without post-quantum key agreement', role, ...ALL, args: SMALL },
  { title: '– in-band channel, without post-quantum key agreement', role, ...ALL, inBand: true, args: SMALL },
]);

export const CASES = [
  ...ROLES,
  { title: 'Chromium without the switches offers', role: 'answers, active', ...ALL, args: LOCAL },
  { title: 'we offer to Chromium without the switches', role: 'offers', ...ALL, args: LOCAL },
  { title: '– and say nothing of it', role: 'offers', snap: false, sped: false, args: LOCAL },
  { title: 'Chromium with the switches to Chromium', role: TWO, args: WITH },
  { title: '– in-band channel', role: TWO, inBand: true, args: WITH },
  { title: 'Chromium to Chromium, both without the switches', role: TWO, inBand: true, args: LOCAL },
  // It knows neither SNAP nor SPED, and repeats an `a=sctp-init` that it does not know: so without the switches.
  { title: 'Chromium without the switches offers, libdatachannel answers', role: 'answers, active', library: 'libdatachannel', args: LOCAL },
  { title: 'libdatachannel offers to Chromium without the switches', role: 'offers', library: 'libdatachannel', args: LOCAL },
];

// The first picture, of the streamer and of a page.
export const MEDIA = [
  { title: 'Chromium offers, the streamer answers `active`', role: 'answers, active', args: WITH },
  { title: 'Chromium offers, the streamer answers `passive`', role: 'answers, passive', args: WITH },
  { title: 'the streamer offers `actpass`', role: 'offers', args: WITH },
  { title: '– Chromium without post-quantum key agreement', role: 'offers', args: SMALL },
  { title: 'Chromium without the switches offers', role: 'answers, active', args: LOCAL },
  { title: 'the streamer offers to Chromium without the switches', role: 'offers', args: LOCAL },
  { title: 'Chromium with the switches answers, and sends', role: TWO, args: WITH },
  { title: '– without the switches', role: TWO, args: LOCAL },
];
