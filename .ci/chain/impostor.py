"""What is no node but answers like one: what real nodes never say, and templates as full as on the main chain."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# On regtest, whose target every second hash meets.
TEMPLATE = {
    "version": 0x20000000,
    "rules": ["csv", "!segwit", "taproot"],
    "transactions": [],
    "coinbasevalue": 5000000000,
    "mintime": 1296688603,
    "curtime": 1795339425,
    "mutable": ["time", "transactions", "prevblock"],
    "bits": "207fffff",
    "target": "7fffff" + "00" * 29,
    "height": 1,
    "default_witness_commitment": "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9",
}


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def commitment(hashes):
    """The script that commits to a block's transactions, of which these are the hashes behind the coinbase's."""
    row = [bytes(32), *hashes]
    while len(row) > 1:
        row += row[-1:] if len(row) % 2 else []
        row = [sha256d(left + right) for left, right in zip(row[::2], row[1::2])]
    return "6a24aa21a9ed" + sha256d(row[0] + bytes(32)).hex()


def transaction(number, size):
    """One of so many bytes that pays nobody, with noise as its script."""
    noise = size - 62
    return b"".join((
        b"\1\0\0\0\1", number.to_bytes(32, "little"), bytes(4), b"\0", b"\xff" * 4,
        b"\1", bytes(8), b"\xfd", noise.to_bytes(2, "little"),
        hashlib.shake_256(number.to_bytes(4, "little")).digest(noise), bytes(4),
    ))


def full(count, size):
    """A template of that many transactions of so many bytes each: right in their hashes, and in nothing else."""
    data = [transaction(1 + i, size) for i in range(count)]
    hashes = [sha256d(it) for it in data]
    entries = [{"data": d.hex(), "txid": h[::-1].hex()} for d, h in zip(data, hashes)]
    return TEMPLATE | {"transactions": entries, "default_witness_commitment": commitment(hashes)}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Who asks may hang up: a miner that has what it wants does."""


class Impostor:
    """Answers methods with the results given, or with a text as it is. Who waits for a block gets one that came in."""

    def __init__(self, results):
        impostor = self
        self.submitted = []
        self.news = threading.Semaphore(0)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer is sent as a whole, or its second part would wait until the first is acknowledged.
            wbufsize = -1

            def do_POST(self):
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = impostor.answer(question["method"], question["params"], results).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.wfile.flush()
                if question["method"] == "submitblock":
                    # Now: what is told of a block before its finder has an answer makes the finder wait for both.
                    impostor.news.release()

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, method, params, results):
        if method == "submitblock":
            self.submitted.append(bytes.fromhex(params[0]))
        elif method == "waitforblockheight":
            self.news.acquire()
            return json.dumps({"result": {"height": params[0]}, "error": None})
        result = results.get(method)
        if method == "getblocktemplate":
            # Each block that comes in is the next one's place.
            result = result | {"previousblockhash": f"{len(self.submitted) + 1:064x}"}
        return result if isinstance(result, str) else json.dumps({"result": result, "error": None})

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
