"""One end of a TCP of the kernel, to be measured: `tcp.py send|receive ADDRESS PORT`. CUBIC, whatever the system prefers.

The receiver prints `bytes N` four times a second, as barertc-data does; both end with their standard input.
"""
import os
import socket
import sys
import threading
import time

what, address, port = sys.argv[1:]


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
if what == "receive":
    listener = socket.create_server((address, int(port)))
    print("listening", flush=True)
    connection, _ = listener.accept()
    connection.settimeout(0.25)
    count, due = 0, time.monotonic()
    while True:
        try:
            count += len(connection.recv(1 << 16))
        except TimeoutError:
            pass
        if time.monotonic() >= due:
            due += 0.25
            print(f"bytes {count}", flush=True)
else:
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    connection.connect((address, int(port)))
    while True:
        connection.sendall(bytes(1 << 16))
