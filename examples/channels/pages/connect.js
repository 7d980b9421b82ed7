// Connects this page to the device that it came from. `prepare` opens channels before the offer is made.
export async function connect(prepare) {
  const pc = new RTCPeerConnection();
  const channel = prepare(pc);
  await offer(pc, '/whep');
  if (channel.readyState !== 'open') await new Promise((done) => { channel.onopen = done; });
  return channel;
}

// Offers a connection to the device, with all candidates, and takes the answer.
export async function offer(pc, path) {
  addEventListener('pagehide', () => pc.close());
  const gathered = new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done();
  });
  await pc.setLocalDescription();
  await gathered;
  const headers = { 'content-type': 'application/sdp' };
  const reply = await fetch(path + location.search, { method: 'POST', headers, body: pc.localDescription.sdp });
  if (!reply.ok) throw new Error(`the device does not answer: ${reply.status}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: await reply.text() });
}
