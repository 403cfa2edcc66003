"""Deploys infra/template.yaml on the emulator ministack and drives the product through it (infra/test-deploy.sh).

Functions run as the zips that ship, under the permissions of their roles: the emulator checks each call of theirs, but not
the conditions on leading keys. What it cannot show is in infra/README.md.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import platform
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "test-deploy"
STACK = "bespin-test"
TABLE = "bespin-test"
STRIPE_SECRET = "whsec_test_deploy_1"
PARAMETERS = {
    "Stage": "test",
    "TableName": TABLE,
    "BriefSchedule": "rate(1 minute)",
    "SignupLimitPerMinute": "3",
    "Playground": "on",
    "StripeSecret": "bespin/test/stripe",
    "AlarmEmail": "operator@example.com",
}


def main():
    (emulator,) = sys.argv[1:]
    architecture = "x86_64" if platform.machine() == "x86_64" else "arm64"
    started = time.monotonic()
    with Emulator(emulator) as aws, Receiver() as receiver:
        deployment = Deployment(aws, architecture)
        deployment.create()
        for flow in (stored, people, tools, limits, kpis, operator, payments, scheduled_brief, dead_letters, roles):
            begun = time.monotonic()
            flow(deployment, receiver)
            print(f"   {flow.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
        deployment.delete()
    print(f"all of it worked, in {time.monotonic() - started:.0f} s")


def told(sentence):
    print(f"ok {sentence}", flush=True)


def same(what, found, wanted):
    assert found == wanted, f"{what}: {found!r}, not {wanted!r}"


def until(what, seconds, ask):
    """The first answer of `ask` that is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s")


class Emulator:
    """ministack in a process group of its own, on a port of loopback."""

    def __init__(self, command):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = command

    def __enter__(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BESPIN_"))}
        settings = {
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url,
            # Without these it listens on every interface, and has a port for MQTT.
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            # Every call needs a permission, those of the functions one of their role.
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "MINISTACK_REGION": "eu-west-1",
        }
        with open(WORK / "emulator.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [self.command], env=clean | settings, cwd=WORK, stdout=log, stderr=log, start_new_session=True
            )
        until("the emulator answers", 60, self.answers)
        told(f"the emulator answers on {self.url}")
        return self

    def __exit__(self, failed, *_):
        if failed:
            self.keep_logs()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def answers(self):
        assert self.process.poll() is None, f"the emulator ended: {WORK / 'emulator.log'}"
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        return False

    def keep_logs(self):
        """What the functions logged, for whoever looks for the reason of a failure."""
        logs = self.client("logs")
        with open(WORK / "functions.log", "w", encoding="utf-8") as kept:
            for group in logs.describe_log_groups()["logGroups"]:
                name = group["logGroupName"]
                for event in logs.filter_log_events(logGroupName=name)["events"]:
                    kept.write(f"{name} {event['message'].rstrip()}\n")
        print(f"what the functions logged is in {WORK.relative_to(ROOT)}/functions.log")

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


class Receiver:
    """What a tenant has behind its webhook: it refuses the first delivery and takes all others."""

    def __enter__(self):
        self.deliveries = queue.Queue()
        self.refusals = 1
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.deliveries.put((dict(self.headers.items()), body))
                refuses, receiver.refusals = receiver.refusals > 0, receiver.refusals - 1
                self.send_response(503 if refuses else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


class Deployment:
    """The stack, and whoever calls its API."""

    def __init__(self, aws, architecture):
        self.aws = aws
        self.parameters = PARAMETERS | {"Architecture": architecture}
        self.cloudformation = aws.client("cloudformation")
        self.outputs = {}
        self.host = ""
        self.tenant = {}

    def create(self):
        s3, secrets = self.aws.client("s3"), self.aws.client("secretsmanager")
        s3.create_bucket(Bucket="zips", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        template = (ROOT / "infra" / "template.yaml").read_text()

        def upload(found):
            zipped = ROOT / "infra" / found[1]
            key = f"{zipped.parent.name}.zip"
            s3.upload_file(str(zipped), "zips", key)
            return f"CodeUri: {{Bucket: zips, Key: {key}}}"

        # As `sam deploy` does: what is in a file goes to a bucket, and the template says where.
        template, count = re.subn(r"CodeUri: (\S+)", upload, template)
        # AWS asks for the permission to send one message where a batch is sent; the emulator asks for one that AWS has not.
        template = template.replace("sqs:SendMessage", "sqs:SendMessage, sqs:SendMessageBatch")
        s3.put_object(Bucket="zips", Key="template.yaml", Body=template.encode())
        secrets.create_secret(Name=self.parameters["StripeSecret"], SecretString=STRIPE_SECRET)
        begun = time.monotonic()
        self.cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=f"{self.aws.url}/zips/template.yaml",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        until("the stack comes to an end", 300, lambda: not self.stack()["StackStatus"].endswith("_IN_PROGRESS"))
        stack = self.stack()
        if stack["StackStatus"] != "CREATE_COMPLETE":
            events = self.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            failed = [event for event in events if "FAILED" in event["ResourceStatus"]]
            reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed]
            raise AssertionError(f"{stack['StackStatus']}: {reasons or stack.get('StackStatusReason')}")
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        self.api_id = next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == "Api")
        self.host = f"{self.api_id}.execute-api.localhost:{self.aws.port}"
        told(f"{len(resources)} resources with {count} zips are made in {time.monotonic() - begun:.1f} s")

        # The emulator takes numbers of parameters for texts, and its workers of queues fail to compare them.
        functions = self.aws.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": 10})

    def stack(self):
        return self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]

    def delete(self):
        self.cloudformation.delete_stack(StackName=STACK)

        def gone():
            try:
                return self.stack()["StackStatus"] == "DELETE_COMPLETE"
            except self.cloudformation.exceptions.ClientError:
                return True

        until("the stack is deleted", 120, gone)
        self.aws.client("dynamodb").describe_table(TableName=TABLE)
        told("the stack is deleted, and its table is still there")

    def send(self, method, path, body=None, headers=None):
        """Status, headers and body of an answer of the HTTP API."""
        sent = {"Host": self.host, "Content-Type": "application/json"} | (headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.aws.port, timeout=40)
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def call(self, method, path, body=None, key=None):
        """The same as the admin of the tenant; status and body as JSON."""
        headers = {
            "X-Tenant-ID": self.tenant["tenant_id"],
            "X-User-ID": self.tenant["admin"]["user_id"],
            "X-API-Key": self.tenant["api_key"],
        }
        status, _, text = self.send(method, path, body, headers | ({"Idempotency-Key": key} if key else {}))
        return status, json.loads(text or "null")

    def expect(self, status, method, path, body=None, key=None):
        found, answer = self.call(method, path, body, key)
        assert found == status, f"{method} {path}: {found}, not {status}: {answer}"
        return answer

    def set_variable(self, function, name, value):
        """As nobody does in a deployment: a variable that the template does not give."""
        functions = self.aws.client("lambda")
        name_of_function = f"bespin-test-{function}"
        variables = functions.get_function_configuration(FunctionName=name_of_function)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name_of_function, Environment={"Variables": variables | {name: value}}
        )

    def queue_url(self, name):
        return self.aws.client("sqs").get_queue_url(QueueName=f"bespin-test-{name}")["QueueUrl"]


def stored(deployment, _):
    dynamodb = deployment.aws.client("dynamodb")
    table = dynamodb.describe_table(TableName=TABLE)["Table"]
    same("keys", [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]], [("pk", "HASH"), ("sk", "RANGE")])
    same("billing", table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
    same("protection", table["DeletionProtectionEnabled"], True)
    told("the table is billed by request and protected from deletion")


def people(deployment, _):
    body = {"name": "Acme", "region": "eu-west-1", "admin_email": "owner@example.com"}
    begun = time.monotonic()
    status, headers, text = deployment.send("POST", "/v1/tenants", body)
    same(f"sign-up: {text}", status, 201)
    deployment.tenant = json.loads(text)
    assert deployment.tenant["api_key"].startswith("bsp_test_"), "keys name the stage"
    told(f"a tenant signs up, the first call of a cold function, in {time.monotonic() - begun:.2f} s")

    new = {"tenant_id": deployment.tenant["tenant_id"], "email": "m@example.com", "role": "member"}
    deployment.expect(201, "POST", "/v1/users", new)
    unknown, wrong_method = deployment.send("GET", "/v1/nothing"), deployment.send("DELETE", "/v1/tenants")
    same("an unknown path", (unknown[0], json.loads(unknown[2])["detail"]), (404, "Not Found"))
    same("a wrong method", wrong_method[0], 405)
    preflight = deployment.send(
        "OPTIONS", "/v1/kpis", None, {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    )
    assert "access-control-allow-origin" not in preflight[1], "no page may call where none is named"
    status, _, text = deployment.send("GET", "/openapi.json")
    same("the OpenAPI document", (status, json.loads(text)["openapi"]), (200, "3.1.0"))
    same("the documentation", deployment.send("GET", "/docs")[0], 200)
    same("the playground", deployment.send("GET", "/ui")[0], 200)
    same("the console, which is off", deployment.send("GET", "/console?key=0123456789abcdef")[0], 404)
    told("404, 405 and preflights are answered by the product; the playground is on, the console off")

    for _ in range(2):
        same("a sign-up", deployment.send("POST", "/v1/tenants", body)[0], 201)
    status, headers, _ = deployment.send("POST", "/v1/tenants", body)
    assert (status, "retry-after" in headers) == (429, True), f"the fourth sign-up of an address in a minute: {status}"
    told("the fourth sign-up of an address in a minute is 429")


def tools(deployment, _):
    call = {"tool_name": "echo", "payload": {"text": "hi"}}
    first = deployment.expect(200, "POST", "/v1/tools/invoke", call, "call-1")
    again = deployment.expect(200, "POST", "/v1/tools/invoke", call, "call-1")
    other = deployment.call("POST", "/v1/tools/invoke", call | {"payload": {}}, "call-1")
    same("the replay", again, first)
    same("another body under the same key", other[0], 409)
    usage = deployment.expect(200, "GET", "/v1/billing/ledger")
    same("entries of the ledger", len(usage["items"]), 1)
    told("a tool call and its replay have one answer and one entry in the ledger; another body is 409")

    begun = time.monotonic()
    for number in range(20):
        deployment.expect(200, "POST", "/v1/tools/invoke", call, f"timed-{number}")
    told(f"a warm tool call takes {(time.monotonic() - begun) / 20 * 1000:.0f} ms through the emulator")


def limits(deployment, _):
    ceilings = {
        "assistant_query_daily_limit": 100,
        "tool_invocation_daily_limit": 23,
        "daily_brief_generated_daily_limit": 10,
        "notification_enqueued_daily_limit": 500,
    }
    deployment.expect(200, "PUT", "/v1/limits", ceilings)
    # The function of tools may believe the old ones for five seconds.
    time.sleep(6)
    call = {"tool_name": "echo", "payload": {}}
    statuses = [deployment.call("POST", "/v1/tools/invoke", call, f"limit-{n}")[0] for n in range(4)]
    same("calls at a limit of 23 after 21", statuses, [200, 200, 429, 429])
    refusal = deployment.expect(429, "POST", "/v1/tools/invoke", call, "limit-9")
    assert refusal["error"], refusal
    told(f"the call beyond the daily limit is 429 {refusal['error']}: {refusal['message']}")


def kpis(deployment, _):
    kpi = deployment.expect(201, "POST", "/v1/kpis", {"name": "MRR", "unit": "EUR"})["kpi_id"]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    points = {"points": [{"ts": f"{day}T{hour:02}:00:00Z", "value": 1000 + hour} for hour in range(24)]}
    path = f"/v1/kpis/{kpi}/points:bulk"
    same("points", deployment.expect(200, "POST", path, points), {"inserted": 24, "ignored": 0})
    same("the same points", deployment.expect(200, "POST", path, points), {"inserted": 0, "ignored": 24})
    same("the latest", deployment.expect(200, "GET", f"/v1/kpis/{kpi}/latest")["value"], 1023)
    told("24 points are ingested once, through a path with a colon")
    chat = deployment.expect(200, "POST", "/v1/cofounder/chat", {"message": "kpi:MRR"})
    assert "MRR" in chat["assistant_message"]["content"], chat
    # A question, because the daily limit on tool calls is used up by now.
    estimate = {"requests": 1, "tokens": 10, "units": {"assistant_query": 2}}
    turn = {"user_id": "maria", "bundle_id": "writer", "estimate": estimate}
    turn = deployment.expect(201, "POST", "/v1/turns", turn, "turn-1")
    used = {"requests": 1, "tokens": 8, "units": {"assistant_query": 1}}
    deployment.expect(200, "POST", f"/v1/turns/{turn['turn_id']}/settle", used)
    # One that nobody settles, for a second: whoever looks at the ledger then writes it down.
    short = {"user_id": "maria", "bundle_id": "writer", "lifetime_seconds": 1, "estimate": estimate}
    deployment.expect(201, "POST", "/v1/turns", short, "turn-2")
    time.sleep(1.5)
    entries = deployment.expect(200, "GET", "/v1/billing/ledger")["items"]
    units = [entry["raw_units"] for entry in entries if entry["tool_name"] == "turn"]
    same("units of turns in the ledger", sorted(units), [1, 2])
    told("the chat finds the KPI; a turn is held and settled, another one charged at its expiry")


def operator(deployment, _):
    secrets = deployment.aws.client("secretsmanager")
    key = secrets.get_secret_value(SecretId=deployment.outputs["PlatformAdminKey"])["SecretString"]
    without, unknown = deployment.send("GET", "/v1/admin/tenants"), deployment.send("GET", "/v1/admin/nothing")
    varying = ("x-request-id", "date", "apigw-requestid", "content-length", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2")
    bare = [(status, {k: v for k, v in headers.items() if k not in varying}) for status, headers, _ in (without, unknown)]
    same("an admin path without the key", bare[0], bare[1])
    status, _, text = deployment.send("GET", "/v1/admin/tenants", None, {"X-Platform-Admin-Key": key})
    same(f"all tenants: {text}", status, 200)
    told("the operator's key from Secrets Manager opens the admin API; without it no path can be told from none")


def payments(deployment, _):
    event = {
        "id": "evt_1",
        "type": "payment_intent.succeeded",
        "data": {
            "object": {
                "id": "pi_1",
                "amount": 3000,
                "currency": "usd",
                "metadata": {"user_id": "maria", "tenant": deployment.tenant["tenant_id"], "package": "pro"},
            }
        },
    }
    text, sent = json.dumps(event), int(time.time())
    signature = hmac.new(STRIPE_SECRET.encode(), f"{sent}.{text}".encode(), hashlib.sha256).hexdigest()
    for _ in range(2):
        status, _, answer = deployment.send(
            "POST", "/api/v1/webhooks/stripe", text, {"Stripe-Signature": f"t={sent},v1={signature}"}
        )
        same(f"a payment: {answer}", status, 200)
    forged = deployment.send("POST", "/api/v1/webhooks/stripe", text, {"Stripe-Signature": f"t={sent},v1={'0' * 64}"})
    same("a forged payment", forged[0], 401)
    grants = deployment.expect(200, "GET", "/api/v1/admin/control-plane/replenishments/user/maria")
    told(f"a payment that is delivered twice is granted once; a forged one is 401 ({len(json.dumps(grants))} bytes of grants)")


def scheduled_brief(deployment, receiver):
    # The template never lets webhooks be on loopback, so the test does.
    for function in ("notifications", "outbox-dispatcher"):
        deployment.set_variable(function, "WEBHOOKS_ALLOW_LOOPBACK", "1")
    webhook = deployment.expect(201, "PUT", "/v1/notifications/webhook", {"url": receiver.url})
    # A schedule that is switched on makes no brief that was due before. So it is switched on for tonight, where it is noon
    # now, and then set to this morning. The signs of these zones are the other way round.
    east = 12 - time.gmtime().tm_hour
    schedule = {"enabled": True, "time_zone": f"Etc/GMT{-east:+d}" if east else "UTC"}
    for hour in (23, 0):
        deployment.expect(200, "PUT", "/v1/briefs/schedule", schedule | {"hour": hour})
    begun = time.monotonic()
    brief = until(
        "the schedule makes a brief",
        130,
        lambda: (found := deployment.call("GET", "/v1/briefs/latest"))[0] == 200 and found[1],
    )
    told(f"the rule fires, and its brief comes through the queue, after {time.monotonic() - begun:.0f} s")
    outbox = until(
        "the notification", 30, lambda: deployment.expect(200, "GET", "/v1/notifications/outbox")["items"]
    )
    same("the date of the notification", outbox[0]["date"], brief["content"]["date"])
    told("the admin finds one notification of it")

    attempts = [receiver.deliveries.get(timeout=90) for _ in range(3)]
    secret = base64.b64decode(webhook["secret"].removeprefix("whsec_"))
    for headers, body in attempts:
        headers = {name.lower(): value for name, value in headers.items()}
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}"
        mac = base64.b64encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest()).decode()
        assert f"v1,{mac}" in headers["webhook-signature"].split(), headers
    ids = [{name.lower(): value for name, value in headers.items()}["webhook-id"] for headers, _ in attempts]
    same("different deliveries, of two users", len(set(ids)), 2)
    log = until(
        "the log of deliveries",
        30,
        lambda: (items := deployment.expect(200, "GET", "/v1/notifications/webhook/deliveries")["items"])
        and all(item["status"] == "delivered" for item in items)
        and items,
    )
    told(f"the webhook gets {len(log)} signed deliveries; the one that it refused comes again, held back by the queue")


def dead_letters(deployment, _):
    sqs = deployment.aws.client("sqs")
    url, dead = deployment.queue_url("brief-runs"), deployment.queue_url("brief-runs-dead")
    # Five tries of 90 s are too long to wait for.
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    sqs.send_message(QueueUrl=url, MessageBody="not one of ours")
    letters = until(
        "the dead letter",
        120,
        lambda: sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"], WaitTimeSeconds=1).get("Messages"),
    )
    reason = letters[0]["MessageAttributes"]["reason"]["StringValue"]
    told(f"a message that nothing can be done with is a dead letter after five tries, with its reason: {reason}")


def roles(deployment, _):
    iam = deployment.aws.client("iam")
    role = deployment.aws.client("lambda").get_function_configuration(FunctionName="bespin-test-kpis")["Role"].split("/")[-1]
    document = iam.get_role_policy(RoleName=role, PolicyName="kpis")["PolicyDocument"]
    less = json.loads(json.dumps(document))
    less["Statement"] = [s for s in less["Statement"] if "dynamodb:Query" not in s["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName="kpis", PolicyDocument=json.dumps(less))
    refused = deployment.call("GET", "/v1/kpis")[0]
    iam.put_role_policy(RoleName=role, PolicyName="kpis", PolicyDocument=json.dumps(document))
    assert refused >= 500, f"without the permission to query: {refused}"
    deployment.expect(200, "GET", "/v1/kpis")
    told(f"the emulator holds functions to their roles: without the permission to query a list is {refused}")


if __name__ == "__main__":
    main()
