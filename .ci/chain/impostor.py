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
    "default_witness_commitment": "6a24aa21a9ed" + "00" * 32,
}


def full(count, size):
    """A template of that many transactions of so many bytes each, which are noise to whoever makes no sense of them."""
    data = [hashlib.shake_256(i.to_bytes(4, "little")).hexdigest(size) for i in range(count)]
    txid = [hashlib.sha256(text.encode()).hexdigest() for text in data]
    return TEMPLATE | {"transactions": [{"data": d, "txid": t} for d, t in zip(data, txid)]}


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
