"""GStreamer's webrtcbin as offerer: audio, video and a data channel, bundled as its policy says.

Usage: gstreamer.py POLICY. The offer is printed with every candidate in it and ended by a line with a dot; the answer is
read the same way. What comes back over the data channel is printed.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
loop = GLib.MainLoop()
pipeline = Gst.Pipeline.new("peer")
peer = Gst.ElementFactory.make("webrtcbin", "peer")
peer.set_property("bundle-policy", sys.argv[1])
pipeline.add(peer)
pipeline.set_state(Gst.State.PLAYING)

RECVONLY = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
for caps in [
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2",
    "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000",
]:
    peer.emit("add-transceiver", RECVONLY, Gst.Caps.from_string(caps))
channel = peer.emit("create-data-channel", "echo", None)
channel.connect("on-open", lambda c: c.emit("send-string", "hello"))


def heard(_, text):
    print(f"echo: {text}", flush=True)
    GLib.idle_add(loop.quit)


channel.connect("on-message-string", heard)


def gathered(*_):
    if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        print(f"{peer.get_property('local-description').sdp.as_text()}.", flush=True)
        threading.Thread(target=answered, daemon=True).start()


def answered():
    lines = iter(sys.stdin.readline, ".\n")
    text = "".join(lines)
    _, sdp = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(text.encode(), sdp)
    answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
    peer.emit("set-remote-description", answer, Gst.Promise.new())


peer.connect("notify::ice-gathering-state", gathered)
# Waited for here, so that the reply lives as long as what is read from it.
promise = Gst.Promise.new()
peer.emit("create-offer", None, promise)
promise.wait()
reply = promise.get_reply()
offer = reply.get_value("offer")
peer.emit("set-local-description", offer, Gst.Promise.new())
GLib.timeout_add_seconds(20, loop.quit)
loop.run()
pipeline.set_state(Gst.State.NULL)
