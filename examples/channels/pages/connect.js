// Connects this page to the device that it came from. `prepare` opens channels before the offer is made.
export async function connect(prepare) {
  const pc = new RTCPeerConnection();
  const channel = prepare(pc);
  addEventListener('pagehide', () => pc.close());
  const gathered = new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done();
  });
  await pc.setLocalDescription();
  await gathered;
  const headers = { 'content-type': 'application/sdp' };
  const reply = await fetch(`/whep${location.search}`, { method: 'POST', headers, body: pc.localDescription.sdp });
  if (!reply.ok) throw new Error(`the device does not answer: ${reply.status}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: await reply.text() });
  if (channel.readyState !== 'open') await new Promise((done) => { channel.onopen = done; });
  return channel;
}
