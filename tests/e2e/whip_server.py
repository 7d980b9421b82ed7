"""A WHIP server (RFC 9725) on aiortc and aiohttp: decodes what is sent, and says once a second what it got."""

import array
import asyncio
import json
import sys

from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

TOKEN = "open sesame"
peers = {}
seen = {"sessions": 0, "ended": 0, "refused": 0, "video": 0, "size": None, "bright": [255, 0], "samples": 0, "loudest": 0}


async def watch(track):
    """Until the track ends."""
    try:
        while True:
            frame = await track.recv()
            if track.kind == "video":
                seen["video"] += 1
                seen["size"] = [frame.width, frame.height]
                if seen["video"] % 30 == 1:
                    luma = bytes(frame.planes[0])
                    seen["bright"] = [min(seen["bright"][0], min(luma)), max(seen["bright"][1], max(luma))]
            else:
                seen["samples"] += frame.samples
                seen["loudest"] = max(seen["loudest"], max(abs(s) for s in array.array("h", bytes(frame.planes[0]))))
    except MediaStreamError:
        pass


async def moved(request):
    raise web.HTTPTemporaryRedirect("/whip")


async def publish(request):
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        seen["refused"] += 1
        raise web.HTTPUnauthorized()
    assert request.content_type == "application/sdp"
    peer = RTCPeerConnection()
    tasks = []
    peer.on("track", lambda track: tasks.append(asyncio.ensure_future(watch(track))))
    await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    name = f"s{len(peers)}"
    peers[name] = (peer, tasks)
    seen["sessions"] += 1
    headers = {"Location": f"/whip/{name}", "ETag": '"1"'}
    return web.Response(status=201, text=peer.localDescription.sdp, content_type="application/sdp", headers=headers)


async def end(request):
    peer, tasks = peers.pop(request.match_info["name"])
    await peer.close()
    seen["ended"] += 1
    return web.Response()


async def main():
    app = web.Application()
    app.router.add_post("/moved", moved)
    app.router.add_post("/whip", publish)
    app.router.add_delete("/whip/{name}", end)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/", flush=True)
    while True:
        await asyncio.sleep(0.5)
        print(json.dumps(seen), flush=True)


sys.exit(asyncio.run(main()))
