"""aiortc with a picture, sound and a data channel, for `interop.mjs`.

Usage: aiortc_peer.py offer|answer h264|vp8 BYTES. Descriptions go over standard output and input, each with an empty line
behind it. When the channel is open, BYTES bytes are sent and have to come back. The last line is JSON: how many pictures and
frames of sound came back, and whether the bytes are those that were sent.
"""

import asyncio
import hashlib
import json
import os
import sys

import aiortc
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

side, codec, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
MESSAGE = 16_000


async def description(reader, kind):
    lines = []
    while line := (await reader.readline()).decode().rstrip():
        lines.append(line)
    return RTCSessionDescription("\r\n".join(lines) + "\r\n", kind)


def say(description):
    sys.stdout.write("\r\n".join(description.sdp.splitlines()) + "\r\n\r\n")
    sys.stdout.flush()


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    came = {"video": 0, "audio": 0}
    done, closed = asyncio.Event(), asyncio.Event()
    sent, heard = hashlib.sha256(), hashlib.sha256()
    got = 0

    async def take(track):
        try:
            while True:
                await track.recv()
                came[track.kind] += 1
        except MediaStreamError:
            pass  # It has ended.

    @pc.on("track")
    def on_track(track):
        asyncio.ensure_future(take(track))

    @pc.on("connectionstatechange")
    def on_state():
        if pc.connectionState in ("closed", "failed"):
            closed.set()

    def use(channel):
        @channel.on("message")
        def on_message(message):
            nonlocal got
            heard.update(message)
            got += len(message)
            if got >= count:
                done.set()

        async def send():
            left = count
            while left > 0:
                while channel.bufferedAmount > 1 << 18:
                    await asyncio.sleep(0.005)
                message = os.urandom(min(MESSAGE, left))
                sent.update(message)
                channel.send(message)
                left -= len(message)

        begin = lambda: asyncio.ensure_future(send())
        if channel.readyState == "open":
            begin()
        else:
            channel.on("open", begin)

    pc.on("datachannel", use)

    def add():
        pc.addTrack(VideoStreamTrack())
        pc.addTrack(AudioStreamTrack())
        wanted = f"video/{codec}"
        codecs = RTCRtpSender.getCapabilities("video").codecs
        for transceiver in pc.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() == wanted])

    if side == "offer":
        add()
        use(pc.createDataChannel("mirror"))
        await pc.setLocalDescription(await pc.createOffer())
        say(pc.localDescription)
        await pc.setRemoteDescription(await description(reader, "answer"))
    else:
        await pc.setRemoteDescription(await description(reader, "offer"))
        add()
        await pc.setLocalDescription(await pc.createAnswer())
        say(pc.localDescription)

    await asyncio.wait_for(done.wait(), 40)
    for _ in range(200):
        if came["video"] >= 20 and came["audio"] >= 50:
            break
        await asyncio.sleep(0.1)
    result = {"version": aiortc.__version__, **came, "same": sent.digest() == heard.digest(), "bytes": got}
    # The device closes, where it has made the offer.
    if side == "answer":
        print("enough", flush=True)
        try:
            await asyncio.wait_for(closed.wait(), 8)
        except asyncio.TimeoutError:
            pass
    result["heard"] = closed.is_set()
    await pc.close()
    print(json.dumps(result), flush=True)


asyncio.run(main())
