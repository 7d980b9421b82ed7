"""GStreamer's webrtcbin with a picture, sound and a data channel, for `interop.mjs`.

Usage: gstreamer_peer.py offer|answer h264|vp8 BYTES. What it says and hears is described in `lines.mjs`.
"""

import hashlib
import json
import os
import re
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

side, codec, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
MESSAGE = 16_000
Gst.init(None)
loop = GLib.MainLoop()
threading.Thread(target=loop.run, daemon=True).start()


def read():
    lines = []
    for line in iter(sys.stdin.readline, ""):
        if not line.strip():
            return "\r\n".join(lines) + "\r\n"
        lines.append(line.rstrip())
    raise EOFError


def until(what, done, seconds=10):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"no {what}")
        time.sleep(0.01)


pipeline = Gst.Pipeline.new("peer")
peer = Gst.ElementFactory.make("webrtcbin", "peer")
peer.set_property("bundle-policy", "max-bundle")
pipeline.add(peer)
came = {"video": 0, "audio": 0}


def source(text, payload, name):
    video = name == "video"
    encoding = {"h264": "H264", "vp8": "VP8"}[codec] if video else "OPUS"
    part = Gst.parse_bin_from_description(text, True)
    pipeline.add(part)
    more = "" if video else ",encoding-params=(string)2"
    caps = f"application/x-rtp,media={name},encoding-name={encoding},payload={payload},clock-rate={90000 if video else 48000}{more}"
    if video and codec == "h264":
        caps += ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
    filter_ = Gst.ElementFactory.make("capsfilter", None)
    filter_.set_property("caps", Gst.Caps.from_string(caps))
    pipeline.add(filter_)
    part.link(filter_)
    filter_.link(peer)
    part.sync_state_with_parent()
    filter_.sync_state_with_parent()


def send_media(types):
    picture = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 ! videoconvert ! "
    if codec == "h264":
        picture += f"openh264enc gop-size=30 ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency pt={types['video']}"
    else:
        picture += f"vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay pt={types['video']}"
    source(picture, types["video"], "video")
    source(f"audiotestsrc is-live=true ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt={types['audio']}", types["audio"], "audio")


def arrived(_, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    decode = Gst.ElementFactory.make("decodebin", None)

    def decoded(_, out):
        kind = out.get_current_caps().get_structure(0).get_name().split("/")[0]
        sink = Gst.ElementFactory.make("fakesink", None)
        sink.set_property("signal-handoffs", True)
        sink.set_property("sync", False)

        def one(*_):
            came[kind] += 1

        sink.connect("handoff", one)
        pipeline.add(sink)
        sink.sync_state_with_parent()
        out.link(sink.get_static_pad("sink"))

    decode.connect("pad-added", decoded)
    pipeline.add(decode)
    decode.sync_state_with_parent()
    pad.link(decode.get_static_pad("sink"))


peer.connect("pad-added", arrived)

sent, heard = hashlib.sha256(), hashlib.sha256()
got, over, mirror = 0, False, None


def use(channel):
    global mirror

    def data(_, message):
        global got
        heard.update(message.get_data())
        got += message.get_size()

    channel.connect("on-message-data", data)
    mirror = channel


def stated(*_):
    global over
    state = peer.get_property("connection-state")
    over = over or state in (GstWebRTC.WebRTCPeerConnectionState.CLOSED, GstWebRTC.WebRTCPeerConnectionState.FAILED, GstWebRTC.WebRTCPeerConnectionState.DISCONNECTED)


def ended(*_):
    global over
    over = True


peer.connect("notify::connection-state", stated)
peer.connect("on-data-channel", lambda _, channel: (use(channel), channel.connect("on-close", ended)))


def send(bytes_):
    want = got + bytes_
    left = bytes_
    while left > 0:
        until("bytes", lambda: want - left - got < 1 << 18, 30)
        message = os.urandom(min(MESSAGE, left))
        sent.update(message)
        mirror.emit("send-data", GLib.Bytes.new(message))
        left -= len(message)
    until("all bytes", lambda: got >= want, 50)


def ask(name, *arguments):
    promise = Gst.Promise.new()
    peer.emit(name, *arguments, promise)
    promise.wait()
    return promise


def local(kind):
    promise = ask(f"create-{kind}", None)
    reply = promise.get_reply()
    ask("set-local-description", reply.get_value(kind))
    time.sleep(0.2)
    until("candidates", lambda: peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE)
    text = peer.get_property("local-description").sdp.as_text()
    sys.stdout.write("\r\n".join(text.split("\r\n")).rstrip() + "\r\n\r\n")
    sys.stdout.flush()


def remote(kind, text):
    _, sdp = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(text.encode(), sdp)
    ask("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(kind, sdp))


def payload(text, name):
    return int(re.search(rf"^a=rtpmap:(\d+) {name}/", text, re.M | re.I).group(1))


def negotiate():
    if side == "offer":
        local("offer")
        remote(GstWebRTC.WebRTCSDPType.ANSWER, read())
    else:
        remote(GstWebRTC.WebRTCSDPType.OFFER, read())
        local("answer")


def reset():
    channel = peer.emit("create-data-channel", "second", None)
    seen = {"echoes": 0, "closed": False}
    channel.connect("on-message-string", lambda *_: seen.update(echoes=seen["echoes"] + 1))
    channel.connect("on-close", lambda *_: seen.update(closed=True))
    until("second channel", lambda: channel.get_property("ready-state") == GstWebRTC.WebRTCDataChannelState.OPEN)
    for _ in range(5):
        channel.emit("send-string", "hello")
    until("echo on a second channel", lambda: seen["echoes"] == 5)
    if side == "offer":
        channel.emit("close")
    else:
        channel.emit("send-string", "close")
    until("end of the second channel", lambda: seen["closed"])


def more():
    if side == "offer":
        caps = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2"
        peer.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
    negotiate()


def goes_on():
    before = dict(came)
    send(200_000)
    until("more pictures and sound", lambda: came["video"] >= before["video"] + 10 and came["audio"] >= before["audio"] + 10)


first = read() if side == "answer" else None
if side == "offer":
    send_media({"video": 96, "audio": 111})
    pipeline.set_state(Gst.State.PLAYING)
    # What a description says of a stream is what its caps say.
    until("caps", lambda: all(pad.get_current_caps() for pad in peer.sinkpads))
    channel = peer.emit("create-data-channel", "mirror", None)
    use(channel)
    channel.connect("on-close", ended)
    local("offer")
    remote(GstWebRTC.WebRTCSDPType.ANSWER, read())
else:
    send_media({"video": payload(first, codec), "audio": payload(first, "opus")})
    pipeline.set_state(Gst.State.PLAYING)
    # What a description says of a stream is what its caps say.
    until("caps", lambda: all(pad.get_current_caps() for pad in peer.sinkpads))
    remote(GstWebRTC.WebRTCSDPType.OFFER, first)
    local("answer")
until("channel", lambda: mirror and mirror.get_property("ready-state") == GstWebRTC.WebRTCDataChannelState.OPEN, 20)
send(count)
until("pictures and sound", lambda: came["video"] >= 20 and came["audio"] >= 50, 20)
result = {"version": ".".join(str(n) for n in Gst.version()[:3]), **came, "steps": {}}
for step, does in (("reset", reset), ("more", more)):
    print(f"step {step}", flush=True)
    try:
        does()
        goes_on()
        result["steps"][step] = "yes"
    except Exception as error:
        result["steps"][step] = str(error) or type(error).__name__
result.update(bytes=got, same=sent.digest() == heard.digest())
if side == "answer":
    print("enough", flush=True)
    end = time.monotonic() + 8
    while not over and time.monotonic() < end:
        time.sleep(0.02)
result["heard"] = over
pipeline.set_state(Gst.State.NULL)
time.sleep(0.2)
print(json.dumps(result), flush=True)
os._exit(0)
