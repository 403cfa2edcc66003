"""Each function's zip against a Lambda Runtime API (infra/test-runtime.sh)."""

import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import template

ROOT = Path(__file__).resolve().parent.parent
ZIPS = ROOT / "target" / "lambda"
STARTS = 5
# The values of what a deployment fills in; all else is empty, as in a deployment that sets nothing.
VALUES = json.loads((ROOT / "infra" / "test-environment.json").read_text())


def main():
    with Stores(sys.argv[1]) as stores, RuntimeApi() as lambda_service:
        written = template.load()
        functions = template.functions(written)
        caller = {}
        print(f"{'function':<24}{'zip, kB':>9}{'start, ms':>11}{'first, ms':>11}{'next, ms':>10}  answer")
        # The first of them makes the tenant that all others act in.
        for name in sorted(functions, key=lambda name: (name != "tenants", name)):
            variables = {v: stores.values.get(v, "") for v in template.variables(written, functions[name][1])}
            for event in sorted(path for path in (ROOT / "events").glob("*.json") if function_of(path) == name):
                run(name, event, variables, stores, lambda_service, caller)


def function_of(event):
    """The function that a sample event is for."""
    return {"outbox-sweeper": "outbox-dispatcher"}.get(event.stem, event.stem)


def run(name, path, variables, stores, lambda_service, caller):
    event = filled(json.loads(path.read_text()), caller)
    zipped = ZIPS / name / "bootstrap.zip"
    starts = []
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(zipped).extract("bootstrap", folder)
        binary = Path(folder) / "bootstrap"
        binary.chmod(0o755)
        for _ in range(STARTS - 1):
            with Function(binary, variables, stores, lambda_service) as function:
                starts.append(function.start_ms)
        with Function(binary, variables, stores, lambda_service) as function:
            starts.append(function.start_ms)
            answer, first_ms = lambda_service.invoke(event)
            again, next_ms = lambda_service.invoke(event)
        for line in function.log.splitlines():
            json.loads(line)
        assert not caller or caller["api_key"] not in function.log, f"{name}: a key is in the log"
    told = check(path.stem, answer, caller)
    check(path.stem, again, {} if name == "tenants" else caller)
    start_ms = sorted(starts)[len(starts) // 2]
    size = zipped.stat().st_size // 1000
    print(f"{path.stem:<24}{size:>9}{start_ms:>11.1f}{first_ms:>11.1f}{next_ms:>10.1f}  {told}", flush=True)


def filled(event, caller):
    """A sample event as a caller sends it: its credentials, a key or a signature where the sample has a placeholder."""
    headers = event.get("headers", {})
    for header, member in (("x-tenant-id", "tenant_id"), ("x-user-id", "user_id"), ("x-api-key", "api_key")):
        if header in headers:
            headers[header] = caller[member]
    if "x-platform-admin-key" in headers:
        headers["x-platform-admin-key"] = VALUES["PLATFORM_ADMIN_KEY"]
    if "stripe-signature" in headers:
        event["body"] = event["body"].replace("<tenant_id of the answer to tenants.json>", caller["tenant_id"])
        sent = int(time.time())
        signed = f"{sent}.{event['body']}".encode()
        mac = hmac.new(VALUES["STRIPE_WEBHOOK_SECRET"].encode(), signed, hashlib.sha256).hexdigest()
        headers["stripe-signature"] = f"t={sent},v1={mac}"
    return event


def check(event, answer, caller):
    """Fails unless it is the answer that the event asks for; the answer in a few words."""
    if event == "daily-brief-scheduler":
        assert answer == {"examined": 0, "sent": 0, "leases": 0}, answer
        return "no tenant has a schedule"
    if event == "outbox-sweeper":
        assert answer == {"pending": 0, "due": 0, "unsent": 0}, answer
        return "nothing was lost"
    if event in ("daily-brief-runner", "outbox-dispatcher"):
        # Neither the message with placeholders nor the one that is none of ours can be worked off.
        sample = json.loads((ROOT / "events" / f"{event}.json").read_text())
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        assert failed == [record["messageId"] for record in sample["Records"]], answer
        return "both messages come again"
    wanted = {"tenants": 201, "kpis": 201, "turns": 201, "control-plane": 201, "console": 404}.get(event, 200)
    assert answer["statusCode"] == wanted, f"{event}: {answer}"
    body = json.loads(answer["body"])
    if event == "tenants" and not caller:
        caller |= {"tenant_id": body["tenant_id"], "user_id": body["admin"]["user_id"], "api_key": body["api_key"]}
    return str(answer["statusCode"])


class Function:
    """A function's process, from its spawn to its first request for an event."""

    def __init__(self, binary, variables, stores, lambda_service):
        self.lambda_service = lambda_service
        self.environment = variables | {
            "AWS_LAMBDA_RUNTIME_API": lambda_service.address,
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_DYNAMODB": stores.dynamodb,
            "AWS_ENDPOINT_URL_SQS": stores.sqs,
        }
        self.binary = binary
        self.log = ""

    def __enter__(self):
        self.lambda_service.ready.clear()
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [self.binary], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if not self.lambda_service.ready.wait(20):
            self.process.kill()
            raise AssertionError(f"it asks for no event: {self.process.communicate()[0]}")
        self.start_ms = (self.lambda_service.asked_at - begun) * 1000
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.log = self.process.communicate()[0]
        self.lambda_service.forget()


class RuntimeApi:
    """Hands out one event at a time, as the Lambda service does, and takes the answer."""

    def __enter__(self):
        self.ready, self.asked_at = threading.Event(), 0.0
        self.events, self.answers = queue.Queue(), queue.Queue()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise what is measured is the wait for an acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self):
                service.asked_at = time.monotonic()
                service.ready.set()
                # Each process has a queue of its own, so that none takes the event of the next.
                event = service.events.get()
                if event is None:
                    self.close_connection = True
                    return
                body = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.send_header("lambda-runtime-aws-request-id", "invocation")
                self.send_header("lambda-runtime-deadline-ms", "4102444800000")
                self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                service.answers.put((self.path.rsplit("/", 1)[-1], json.loads(body), time.monotonic()))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # A process is killed where it stands, perhaps while it asks.
        self.server.handle_error = lambda *_: None
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def invoke(self, event):
        """The answer, and how many milliseconds it took."""
        begun = time.monotonic()
        self.events.put(event)
        outcome, answer, at = self.answers.get(timeout=20)
        assert outcome == "response", answer
        return answer, (at - begun) * 1000

    def forget(self):
        """Lets the handler go that waits for an event on behalf of a process that is gone."""
        gone, self.events = self.events, queue.Queue()
        gone.put(None)


class Stores:
    """The table and the queues of the local cloud, on ports of loopback."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        ports = free_ports(3)
        self.dynamodb, self.sqs = (f"http://127.0.0.1:{port}" for port in ports[1:])
        names = ("PORT", "DYNAMODB_PORT", "SQS_PORT")
        settings = {name: str(port) for name, port in zip(names, ports)} | {"BESPIN_DATA": ":memory:"}
        self.process = subprocess.Popen(
            [self.command], env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                queues = {name: self.queue_url(ports[2], f"bespin-{name}") for name in ("brief-runs", "outbox")}
                break
            assert time.monotonic() < end and self.process.poll() is None, "the local cloud does not start"
            time.sleep(0.1)
        urls = {"BRIEF_RUNS_QUEUE_URL": queues["brief-runs"], "OUTBOX_QUEUE_URL": queues["outbox"]}
        self.values = VALUES | urls
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    @staticmethod
    def queue_url(port, name):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        headers = {"X-Amz-Target": "AmazonSQS.GetQueueUrl", "Content-Type": "application/x-amz-json-1.0"}
        connection.request("POST", "/", json.dumps({"QueueName": name}), headers)
        return json.loads(connection.getresponse().read())["QueueUrl"]


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    main()
