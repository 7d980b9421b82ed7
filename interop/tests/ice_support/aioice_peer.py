"""One aioice agent: candidates and credentials over standard input and output, then an echo."""

import asyncio
import sys

import aioice
import aioice.ice

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def main() -> None:
    connection = aioice.Connection(ice_controlling=sys.argv[1] == "controlling")
    await connection.gather_candidates()
    print("ufrag", connection.local_username)
    print("pwd", connection.local_password)
    for candidate in connection.local_candidates:
        print("candidate:" + candidate.to_sdp())
    print("end", flush=True)
    loop = asyncio.get_running_loop()
    while True:
        line = (await loop.run_in_executor(None, sys.stdin.readline)).strip()
        name, _, value = line.partition(" ")
        if name == "ufrag":
            connection.remote_username = value
        elif name == "pwd":
            connection.remote_password = value
        elif line.startswith("candidate:"):
            await connection.add_remote_candidate(aioice.Candidate.from_sdp(line.removeprefix("candidate:")))
        else:
            break
    await connection.add_remote_candidate(None)
    await connection.connect()
    print("connected", flush=True)
    while True:
        await connection.send(b"\x80echo " + await connection.recv())


try:
    asyncio.run(main())
except ConnectionError as error:
    print("closed:", error, flush=True)
