"""peer.py FOLDER: what stands between a device and headquarters, and misbehaves as FOLDER/manner says.

It listens on a free port of 127.0.0.1 and prints "listening on https://127.0.0.1:PORT". For each connection it
reads the manner afresh: a word, then options as name=value.

    relay                   passes bytes on to headquarters, whose port is in FOLDER/upstream
        up=N  down=N        ... and cuts the connection after so many of them
        step=N              ... in pieces of so many bytes
        kill=MS             ... and so long after the cut kills the process whose number is in FOLDER/victim
    hold                    says so into the FIFO FOLDER/held, and then says nothing until the other side goes
    refuse                  hangs up at once
    plain                   answers in the clear, as a captive portal does
    answer                  is a TLS server, with headquarters' own key unless told otherwise, that answers by itself
    forward                 is one that asks headquarters in the device's name and changes what comes back

    options of the last two:
        as=WHAT             answer: a key of ANSWERS; forward: a key of CHANGES
        certificate=F key=F PEM files in FOLDER instead of headquarters'
        tls=1.2             offers nothing newer
        identity=F          forward: the identity file of the device, below FOLDER
        cut=N               forward: closes after so many bytes of the body
        request=HOW         forward: a key of REQUESTS, which changes what headquarters gets
        wait=WHAT           forward: what it answers by itself to who waits for news: a key of WAITS or ANSWERS

Frames are described in docs/protocol.md. What is made here is a zstd stream of raw blocks; libzstd itself is needed only
to look into real answers.
"""
import base64
import ctypes
import itertools
import os
import signal
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

EXCHANGE = "application/vnd.rove.exchange"
PUSH, WELCOME, ACK, PAGE, FAIL, PAD, END = 2, 16, 20, 22, 25, 30, 31
folder = sys.argv[1]


# ---- zstd -------------------------------------------------------------------------------------------------------

ZSTD_HEAD = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([10 << 3])  # a window of 2^20, no size, no checksum


def zstd_block(content, last=False):
    return struct.pack("<I", (len(content) << 3) | last)[:3] + content


def zstd_stream(content):
    blocks = [zstd_block(content[at:at + 65536]) for at in range(0, len(content), 65536)]
    return ZSTD_HEAD + b"".join(blocks) + zstd_block(b"", last=True)


def zstd_bomb(size):
    """So many zeros in blocks of one byte each: a factor of about 32,000."""
    block = struct.pack("<I", (131072 << 3) | 2)[:3] + b"\0"
    return ZSTD_HEAD + block * (size // 131072) + zstd_block(b"", last=True)


def zstd_plain(stream):
    class Piece(ctypes.Structure):
        _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]

    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_createDStream.restype = ctypes.c_void_p
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    decoder = ctypes.c_void_p(library.ZSTD_createDStream())
    source = ctypes.create_string_buffer(stream, len(stream))
    room = ctypes.create_string_buffer(1 << 20)
    come = Piece(ctypes.addressof(source), len(stream), 0)
    plain = b""
    while True:
        gone = Piece(ctypes.addressof(room), len(room), 0)
        library.ZSTD_decompressStream(decoder, ctypes.byref(gone), ctypes.byref(come))
        plain += room.raw[:gone.pos]
        if come.pos == len(stream) and gone.pos < len(room):
            return plain


# ---- frames -----------------------------------------------------------------------------------------------------

def frame(kind, payload=b"", size=None):
    return struct.pack(">BI", kind, len(payload) if size is None else size) + payload


def frames_of(plain):
    found = []
    while plain:
        kind, size = struct.unpack(">BI", plain[:5])
        found.append((kind, plain[5:5 + size]))
        plain = plain[5 + size:]
    return found


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def message(**fields):
    """A protobuf message of numbers and bytes: message(f1=7, f2=b"...")."""
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            out += varint(number << 3) + varint(value)
    return out


def failing(status, reason):
    return zstd_stream(frame(FAIL, message(f1=status, f2=reason)))


# ---- answers of our own: (status line, headers, pieces of the body) -----------------------------------------------

def exchange(*pieces):
    return "200 OK", {"Content-Type": EXCHANGE}, pieces


def endless_exchange():
    noise = zstd_block(frame(PAD, os.urandom(60000)))
    return "200 OK", {"Content-Type": EXCHANGE}, itertools.chain([ZSTD_HEAD], itertools.repeat(noise))


def plain_text(status, **headers):
    head = {"Content-Type": "text/plain"}
    head.update({name.replace("_", "-"): value for name, value in headers.items()})
    return status, head, [b"Not now.\n"]


PORTAL = b"<html><body>Welcome to the airport. Please log in.</body></html>\n"
ANSWERS = {
    "portal": lambda: ("200 OK", {"Content-Type": "text/html"}, [PORTAL]),
    "redirect": lambda: ("302 Found", {"Content-Type": "text/html", "Location": "https://127.0.0.1/"}, [PORTAL]),
    "busy": lambda: plain_text("503 Service Unavailable", Retry_After="120"),
    "slow-down": lambda: plain_text("429 Too Many Requests", Retry_After="7"),
    "broken": lambda: plain_text("500 Internal Server Error"),
    "not-found": lambda: plain_text("404 Not Found"),
    "disk-full": lambda: plain_text("500 Internal Server Error", Rove_Status="FULL"),
    "revoked": lambda: plain_text("403 Forbidden", Rove_Status="REVOKED"),
    "upgrade": lambda: plain_text("400 Bad Request", Rove_Status="UPGRADE"),
    "nothing": lambda: exchange(b""),
    "garbage": lambda: exchange(os.urandom(4096)),
    "text": lambda: exchange(b"Hello, this is not a stream of frames at all.\n" * 20),
    "endless-garbage": lambda: exchange(*[os.urandom(65536)] * 64),
    "bomb": lambda: exchange(zstd_bomb(1 << 30)),
    "oversized": lambda: exchange(ZSTD_HEAD, zstd_block(frame(PAGE, b"x" * 1000, size=0x7fffffff))),
    "unknown-frame": lambda: exchange(zstd_stream(frame(99, b"?"))),
    "no-welcome": lambda: exchange(zstd_stream(frame(END))),
    "page-first": lambda: exchange(zstd_stream(frame(PAGE) + frame(END))),
    "empty-welcome": lambda: exchange(zstd_stream(frame(WELCOME) + frame(END))),
    "bad-welcome": lambda: exchange(zstd_stream(frame(WELCOME, b"\xff" * 64))),
    "newer": lambda: exchange(zstd_stream(frame(WELCOME, message(f1=99, f2=1)) + frame(END))),
    "fail-later": lambda: exchange(failing(52, b"Stock taking until noon.")),
    "fail-server": lambda: exchange(failing(53, b"The database is away.")),
    "fail-upgrade": lambda: exchange(failing(62, b"Install version 9.")),
    "fail-full": lambda: exchange(failing(32, b"Your disk is full.")),
    "fail-limit": lambda: exchange(failing(40, b"Enough.")),
    "fail-unknown": lambda: exchange(failing(9999, b"Hm.")),
    "fail-bytes": lambda: exchange(failing(53, b"\xff\xfe")),
    "endless": endless_exchange,
}


# ---- to who waits for news ----------------------------------------------------------------------------------------

def news(*pieces):
    return "200 OK", {"Content-Type": "application/vnd.rove.wait"}, pieces


WAITS = {
    "changed": lambda: news(b"\1"),
    "nothing": lambda: news(b"\0"),
    "strange": lambda: news(b"\7"),
    "no-byte": lambda: news(b""),
    "much": lambda: news(*[b"\1" * 65536] * 64),
}


# ---- changes to a real answer -------------------------------------------------------------------------------------

def joined(frames):
    return zstd_stream(b"".join(frame(kind, payload) for kind, payload in frames))


def twice(kind):
    return lambda frames: [f for f in frames for _ in range(2 if f[0] == kind else 1)]


def without(kind):
    return lambda frames: [f for f in frames if f[0] != kind]


def flipped(kind):
    def change(frames):
        return [(k, p[:len(p) // 2] + bytes([p[len(p) // 2] ^ 0x55]) + p[len(p) // 2 + 1:] if k == kind and p else p)
                for k, p in frames]
    return change


def halved(kind):
    return lambda frames: [(k, p[:len(p) // 2] if k == kind else p) for k, p in frames]


def fields_of(payload):
    """(number, value) of a protobuf message; bytes or numbers."""
    at = 0

    def take():
        nonlocal at
        number = shift = 0
        while True:
            byte = payload[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
    while at < len(payload):
        tag = take()
        if tag & 7 == 0:
            yield tag >> 3, take()
        else:
            size = 8 if tag & 7 == 1 else take()
            yield tag >> 3, payload[at:at + size]
            at += size


def stranger(frames):
    """A page brings a row that no device can apply, with tags that are none: the account in FOLDER/stranger. Then nobody answers."""
    def number(value):  # a packed vector of one
        return b"\0" + varint(value << 1)
    run = bytes([5, 6, 1, 7]) + number(int(read_text("stranger"))) + number(1 << 58) + number(1)
    run += bytes([2, 2, 3]) + varint(8) + number(8) + b"Stranger"
    run += bytes([33, 4]) + varint(2) + number(2) + b"\xff\xff"

    def change(payload):
        rows = dict(fields_of(payload)).get(9, b"\1")
        return payload + message(f9=rows + run)
    with open(os.path.join(folder, "manner"), "w", encoding="ascii") as file:
        file.write("refuse\n")
    return [(k, change(p) if k == PAGE else p) for k, p in frames]


CHANGES = {
    "stranger": stranger,
    "same": lambda frames: frames,
    "silence": None,  # headquarters did it, and nobody hears of it
    "two-welcomes": twice(WELCOME),
    "two-acks": twice(ACK),
    "two-pages": twice(PAGE),
    "two-ends": twice(END),
    "reversed": lambda frames: frames[:1] + frames[1:-1][::-1] + frames[-1:],
    "backwards": lambda frames: frames[::-1],
    "no-ack": without(ACK),
    "no-page": without(PAGE),
    "no-end": without(END),
    "half-ack": halved(ACK),
    "half-page": halved(PAGE),
    "flipped-page": flipped(PAGE),
}


# ---- changes to a real request ------------------------------------------------------------------------------------

earlier = []  # the bodies that came, as they came


def half(body):
    return joined(frames_of(zstd_plain(body))[:1])[:-3]


REQUESTS = {
    "same": lambda body: [body],
    "nothing": lambda body: [b""],
    "garbage": lambda body: [os.urandom(4096)],
    "bomb": lambda body: [zstd_bomb(1 << 30)],
    "oversized": lambda body: [ZSTD_HEAD + zstd_block(frame(2, b"x" * 1000, size=0x7fffffff))],
    "half": lambda body: [half(body)],
    "backwards": lambda body: [joined(frames_of(zstd_plain(body))[::-1])],
    "two-pushes": lambda body: [joined(twice(PUSH)(frames_of(zstd_plain(body))))],
    "half-push": lambda body: [joined(halved(PUSH)(frames_of(zstd_plain(body))))],
    "page": lambda body: [zstd_stream(frame(PAGE) + frame(END))],
    "twice": lambda body: [body, body],
    "first-ever": lambda body: [earlier[0]],
    "all-ever": lambda body: earlier,
    "all-ever-backwards": lambda body: earlier[::-1],
}


# ---- HTTP ---------------------------------------------------------------------------------------------------------

def read_head(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        byte = stream.recv(1)
        if not byte:
            return None, {}
        head += byte
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return lines[0], headers


def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            raise OSError("cut off")
        data += piece
    return data


def read_line(stream):
    line = b""
    while not line.endswith(b"\r\n"):
        line += read_exactly(stream, 1)
    return line[:-2]


def read_body(stream, headers):
    if headers.get("transfer-encoding") != "chunked":
        return read_exactly(stream, int(headers.get("content-length", 0)))
    body = b""
    while True:
        size = int(read_line(stream), 16)
        body += read_exactly(stream, size)
        read_line(stream)
        if size == 0:
            return body


def send_answer(stream, status, headers, pieces):
    head = "HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" % status
    head += "".join("%s: %s\r\n" % item for item in headers.items())
    stream.sendall(head.encode() + b"\r\n")
    for piece in filter(None, pieces):
        stream.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
    stream.sendall(b"0\r\n\r\n")


# ---- TLS ----------------------------------------------------------------------------------------------------------

def pem(kind, der):
    return "-----BEGIN %s-----\n%s-----END %s-----\n" % (kind, base64.encodebytes(der).decode(), kind)


def load_pair(context, certificate, key):
    """Certificate and key as PEM texts; Python takes them from files alone."""
    with tempfile.NamedTemporaryFile("w", dir=folder) as both:
        both.write(certificate + key)
        both.flush()
        context.load_cert_chain(both.name)


def read_text(*path):
    with open(os.path.join(folder, *path), encoding="ascii") as file:
        return file.read()


def read_bytes(*path):
    with open(os.path.join(folder, *path), "rb") as file:
        return file.read()


def server_context(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if options.get("tls") == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if "certificate" in options:
        load_pair(context, read_text(options["certificate"]), read_text(options["key"]))
    else:
        load_pair(context, ssl.DER_cert_to_PEM_cert(read_bytes("hq", "server.der")), read_text("hq", "server.key"))
    return context


class Parts:
    """Reads the identity file of a device: sized parts and numbers."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def part(self):
        size = self.number()
        self.at += size
        return self.data[self.at - size:self.at]


def device_context(options):
    file = Parts(read_bytes(options["identity"]))
    file.at = 7  # "RoveId", a version
    file.part()  # the address
    key = file.part()
    identity = Parts(file.part())
    identity.at = 1
    for _ in range(5):
        identity.number()
    identity.part()  # the authority
    certificate = ssl.DER_cert_to_PEM_cert(identity.part())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        load_pair(context, certificate, pem("EC PRIVATE KEY", key))
    except ssl.SSLError:
        load_pair(context, certificate, pem("PRIVATE KEY", key))
    return context


# ---- manners ------------------------------------------------------------------------------------------------------

def upstream():
    return socket.create_connection(("127.0.0.1", int(read_text("upstream"))))


def kill_victim(wait_ms):
    time.sleep(int(wait_ms) / 1000)
    try:
        os.kill(int(read_text("victim")), signal.SIGKILL)
    except (OSError, ValueError):
        pass  # it has ended already


def pump(source, sink, limit, options):
    """Passes bytes on until one side ends, or `limit` of them went."""
    step = int(options.get("step", 65536))
    try:
        while limit > 0:
            data = source.recv(min(step, limit))
            if not data:
                break
            sink.sendall(data)
            limit -= len(data)
    except OSError:
        pass
    if limit == 0 and "kill" in options:
        kill_victim(options["kill"])
    for side in (source, sink):
        try:
            side.shutdown(socket.SHUT_RDWR if limit == 0 else socket.SHUT_WR)
        except OSError:
            pass


def relay(client, options):
    server = upstream()
    endless = 1 << 60
    for side in (client, server):
        side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    up = threading.Thread(target=pump, args=(client, server, int(options.get("up", endless)), options))
    up.start()
    pump(server, client, int(options.get("down", endless)), options)
    up.join()
    server.close()


def answer(client, options):
    with server_context(options).wrap_socket(client, server_side=True) as stream:
        line, headers = read_head(stream)
        if line is None:
            return
        read_body(stream, headers)
        send_answer(stream, *ANSWERS[options["as"]]())


def ask(line, headers, body, options):
    with device_context(options).wrap_socket(upstream()) as stream:
        head = line + "\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
        head += "".join("%s: %s\r\n" % (name, headers[name]) for name in ("content-type", "accept") if name in headers)
        stream.sendall(head.encode() + b"\r\n" + body)
        line, headers = read_head(stream)
        return line, headers, read_body(stream, headers)


def headers_kept(headers):
    return {name: headers[name] for name in ("content-type", "rove-status", "retry-after") if name in headers}


def forward(client, options):
    with server_context(options).wrap_socket(client, server_side=True) as stream:
        line, headers = read_head(stream)
        if line is None:
            return
        body = read_body(stream, headers)
        if "/v1/wait" in line:
            send_answer(stream, *{**ANSWERS, **WAITS}[options["wait"]]())
            return
        bodies = [body]
        if "/v1/exchange" in line:
            earlier.append(body)
            bodies = REQUESTS[options.get("request", "same")](body)
        answers = [ask(line, headers, body, options) for body in bodies]
        line, headers, body = answers[-1]
        if "request" in options:
            send_answer(stream, line.split(" ", 1)[1], headers_kept(headers), [body])
            return
        if options.get("as") == "silence":
            return
        if "cut" in options:
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                           % (EXCHANGE.encode(), len(body)) + body[:int(options["cut"])])
            return
        frames = CHANGES[options["as"]](frames_of(zstd_plain(body)))
        send_answer(stream, line.split(" ", 1)[1], headers_kept(headers), [joined(frames)])


def plain(client, _options):
    client.recv(1)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(PORTAL) + PORTAL)


def hold(client, _options):
    with open(os.path.join(folder, "held"), "w", encoding="ascii") as fifo:
        fifo.write("held\n")
    while client.recv(65536):
        pass


MANNERS = {"relay": relay, "answer": answer, "forward": forward, "plain": plain, "hold": hold,
           "refuse": lambda *_: None}


def serve(client):
    words = read_text("manner").split()
    options = dict(word.split("=", 1) for word in words[1:])
    try:
        MANNERS[words[0]](client, options)
    except (OSError, EOFError) as problem:  # the other side went; that is what many manners are for
        print("peer: %s: %s" % (" ".join(words), problem), file=sys.stderr, flush=True)
    finally:
        client.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening on https://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


main()
