// One side of a session by the W3C's interface, for browsers and for libraries that have it. `begin` also runs inside of a page:
// it uses nothing of this file.
//
// `tools` gives the stack: `RTCPeerConnection`, `tracks()` to send, `arrived(event)` for what came, `counts(connection)`.
export async function begin({ side, codec, bytes, offer }, { RTCPeerConnection, tracks, arrived, counts }) {
  const MESSAGE = 16_000;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const pc = new RTCPeerConnection({ iceServers: [] });
  const expected = [];
  let [got, same, over, total, mirror] = [0, true, false, bytes, null];
  pc.ontrack = arrived;
  pc.onconnectionstatechange = () => { over ||= ['closed', 'failed', 'disconnected'].includes(pc.connectionState); };
  const until = async (what, is, ms = 10_000) => {
    for (const end = Date.now() + ms; !await is(); await wait(20)) if (Date.now() > end) throw new Error(`no ${what}`);
  };

  const send = async (count) => {
    const before = total - count;
    for (let left = count; left > 0; left -= MESSAGE) {
      // By what has come back: the `bufferedAmount` of libwebrtc is not always told.
      while (before + count - left - got > 1 << 18) await wait(5);
      const message = Uint8Array.from({ length: Math.min(MESSAGE, left) }, () => Math.floor(Math.random() * 256));
      expected.push(message);
      mirror.send(message);
    }
  };
  function use(channel) {
    mirror = channel;
    channel.binaryType = 'arraybuffer';
    channel.onclose = () => { over = true; };
    channel.onmessage = ({ data }) => {
      const [message, sent] = [new Uint8Array(data), expected.shift()];
      got += message.length;
      same &&= sent?.length === message.length && sent.every((byte, n) => byte === message[n]);
    };
    if (channel.readyState === 'open') send(bytes);
    else channel.onopen = () => send(bytes);
  }
  pc.ondatachannel = ({ channel }) => use(channel);

  const [video, audio] = await tracks();
  const description = async () => {
    while (pc.iceGatheringState !== 'complete') await wait(10);
    return pc.localDescription.sdp;
  };
  const session = {
    steps: ['reset', 'more', 'restart'],
    answer: (sdp) => pc.setRemoteDescription({ type: 'answer', sdp }),
    // What came back, when there is enough of everything.
    async result() {
      let came;
      for (const end = Date.now() + 55_000; Date.now() < end; await wait(50)) {
        came = await counts(pc);
        if (got >= bytes && came.video >= 20 && came.audio >= 50) break;
      }
      return { ...came, bytes: got, same: same && got === bytes };
    },
    // A second channel, which who has offered closes.
    async reset() {
      const channel = pc.createDataChannel('second');
      let [echoes, closed] = [0, false];
      channel.onmessage = () => { echoes += 1; };
      channel.onclose = () => { closed = true; };
      // By its state: that of `@roamhq/wrtc` is open before anybody can be told, and nobody is.
      await until('second channel', () => channel.readyState === 'open');
      for (let n = 0; n < 5; n += 1) channel.send('hello');
      await until('echo on a second channel', () => echoes === 5);
      if (side === 'offer') channel.close();
      else channel.send('close');
      await until('end of the second channel', () => closed);
    },
    async offerAgain(step) {
      if (step === 'more') pc.addTransceiver('audio', { direction: 'recvonly' });
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: step === 'restart' }));
      await wait(200);
      return description();
    },
    async answerAgain(sdp) {
      await pc.setRemoteDescription({ type: 'offer', sdp });
      await pc.setLocalDescription(await pc.createAnswer());
      await wait(200);
      return description();
    },
    // More of everything, and the right bytes.
    async goesOn() {
      const came = await counts(pc);
      const before = { ...came };
      total += 200_000;
      await send(200_000);
      await until('more bytes', () => got === total);
      if (!same) throw new Error('other bytes came back');
      await until('more pictures and sound', async () => {
        const now = await counts(pc);
        return now.video >= before.video + 10 && now.audio >= before.audio + 10;
      });
    },
    async close(byThem) {
      for (const end = Date.now() + 8_000; byThem && !over && Date.now() < end;) await wait(20);
      const heard = over;
      pc.close();
      await wait(200);
      return heard;
    },
  };
  if (side === 'offer') {
    use(pc.createDataChannel('mirror'));
    const sender = pc.addTrack(video);
    pc.addTrack(audio);
    const transceiver = pc.getTransceivers().find((t) => t.sender === sender) ?? pc.getTransceivers()[0];
    const name = `video/${codec}`;
    const wanted = tracks.codecs?.().filter((c) => c.mimeType.toLowerCase() === name);
    if (wanted) transceiver.setCodecPreferences(wanted);
    await pc.setLocalDescription(await pc.createOffer());
  } else {
    await pc.setRemoteDescription({ type: 'offer', sdp: offer });
    pc.addTrack(video);
    pc.addTrack(audio);
    await pc.setLocalDescription(await pc.createAnswer());
  }
  session.description = await description();
  return session;
}
