"""Holds infra/template.yaml against the code (infra/test-template.sh): routes, environment, permissions, table and queues."""

import json
import os
import re
import subprocess
import unittest
from pathlib import Path

import routes
import template

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = template.load()
RESOURCES = TEMPLATE["Resources"]
FUNCTIONS = template.functions(TEMPLATE)
TENANT_ROOT = "T#????????-????-????-????-????????????"

# Variables that the code reads and no deployment gives.
NOT_GIVEN = {
    "PLATFORM_ADMIN_KEY_SHA256": "keys besides the one of Secrets Manager",
    "STRIPE_WEBHOOK_SECRET_PREVIOUS": "the secret may hold several, separated by commas",
    "WEBHOOKS_ALLOW_LOOPBACK": "for the local cloud only",
    "RUST_LOG": "BESPIN_LOG says it",
    "AWS_ENDPOINT_URL": "for other stores than AWS",
    "AWS_ENDPOINT_URL_DYNAMODB": "the same",
    "AWS_ENDPOINT_URL_SQS": "the same",
    "AWS_REGION": "Lambda gives it",
    "AWS_DEFAULT_REGION": "the same",
    "AWS_ACCESS_KEY_ID": "the same",
    "AWS_SECRET_ACCESS_KEY": "the same",
    "AWS_SESSION_TOKEN": "the same",
    "AWS_LAMBDA_RUNTIME_API": "the same",
}
# Where the variables are read: in every function, whether it uses what they say or not.
READERS = ["edge/src/settings.rs", "recording/src/leased.rs", "payments/src/settings.rs", "aws/src/lib.rs", "web/src/serve.rs"]
# Of the variables that only some functions get: what the code of a function says that uses them.
USES = {
    "SIGNUP_LIMIT_PER_MINUTE": r"\.signups_per_minute",
    "SIGNUP_INVITE_TOKEN": r"\.invite_token",
    "PLATFORM_ADMIN_KEY": r"deps\.(operator|sender)\(",
    "DAILY_LIMIT_CEILING": r"\.daily_limit_ceiling",
    "LEASE_CALLS": r"\.record_call\(",
    "LEASE_SECONDS": r"\.record_call\(",
    "STRIPE_WEBHOOK_SECRET": r"settings\.stripe",
    "STRIPE_TOLERANCE_SECONDS": r"settings\.stripe",
    "STRIPE_TENANT": r"deps\.payments|\.payments\b",
    "STRIPE_CHECK_PRICE": r"deps\.payments|\.payments\b",
    "DEV_CONSOLE_ENABLED": r"\.console_key|\.console\(",
    "DEV_CONSOLE_KEY": r"\.console_key|\.console\(",
    "PLAYGROUND_UI_ENABLED": r"settings\.playground",
    "BRIEF_RUNS_QUEUE_URL": r"\.brief_queue|\.daily_brief\b",
    "OUTBOX_QUEUE_URL": r"deps\.webhooks|\.webhooks\b|\.daily_brief\b",
}

# What roles allow beyond what the specifications were seen to do, with why. Each is a path that is taken rarely, or only by
# what a specification of the observed kind does not do.
READS_OF_SERIES = {"BatchGetItem T#<tenant>#KPI#*", "Query T#<tenant>#KPI#*"}
FINISHES_SERIES = {f"{action} T#<tenant>#KPI#*" for action in ("PutItem", "UpdateItem", "DeleteItem")}
LARGE_TEXTS = {"PutItem T#<tenant>#TEXT#*", "Query T#<tenant>#TEXT#*"}
KEPT_ANSWERS = {"GetItem T#<tenant>#IDEM#*", "BatchGetItem T#<tenant>#IDEM#*"}
TELLS_WEBHOOK = {"PutItem PENDING#*", "BatchGetItem NOTIFICATION_IDS#*", "PutItem NOTIFICATION_IDS#*"}
# Whoever reads the catalogue first of all puts the built-in events and plans there (shared/entitlements/src/store.rs).
SEEDS = {"PutItem CATALOGUE"}
# Whoever is refused while turns or leases hold some of the plan writes down what is over, and ends the leases
# (shared/metering/src/hold.rs, lease/settle.rs).
ENDS_LEASES = {
    "Query T#<tenant>#LEASE#*", "PutItem T#<tenant>#LEASE#*", "PutItem T#<tenant>#LEASED#*", "DeleteItem LEASES#*",
    "DeleteItem T#<tenant>#HOLDS", "UpdateItem T#<tenant>#USAGE",
}
LAPSES = ENDS_LEASES | {"Query T#<tenant>#HOLDS", "PutItem T#<tenant>#LEDGER#*"}
# What lies among the leases of a process that a specification does not let die.
LEASES = {
    "PutItem T#<tenant>#HOLDS", "PutItem LEASES#*", "GetItem T#<tenant>#LEASE#*", "DeleteItem T#<tenant>#IDEM#*",
}
RARE = {
    # Whoever meets a wide ingest that is half brought in finishes it (shared/kpi/src/journal.rs). Answers that are too large
    # for their row stand in pieces (shared/table/src/text.rs).
    "tools": SEEDS | LAPSES | LEASES | READS_OF_SERIES | FINISHES_SERIES | LARGE_TEXTS | KEPT_ANSWERS,
    "kpis": SEEDS | LAPSES | READS_OF_SERIES | FINISHES_SERIES | LARGE_TEXTS | KEPT_ANSWERS,
    "briefs": SEEDS | LAPSES | READS_OF_SERIES | FINISHES_SERIES | LARGE_TEXTS | KEPT_ANSWERS | TELLS_WEBHOOK,
    "chat": SEEDS | LAPSES | READS_OF_SERIES | FINISHES_SERIES | LARGE_TEXTS | KEPT_ANSWERS,
    "daily-brief-runner": SEEDS | LAPSES | READS_OF_SERIES | FINISHES_SERIES | LARGE_TEXTS | KEPT_ANSWERS | TELLS_WEBHOOK,
    # A heartbeat that changes no end only looks whether the hold is there.
    "turns": SEEDS | LAPSES | {"ConditionCheckItem T#<tenant>#HOLDS"} | LARGE_TEXTS | KEPT_ANSWERS,
    "control-plane": LARGE_TEXTS | KEPT_ANSWERS,
    "tenants": LARGE_TEXTS | KEPT_ANSWERS,
    "notifications": LARGE_TEXTS | KEPT_ANSWERS,
    "billing": SEEDS | LAPSES,
    # Settles the leases that processes left behind.
    "daily-brief-scheduler": ENDS_LEASES | {"GetItem T#<tenant>#HOLDS"},
    # The console shows what the chat answered.
    "console": SEEDS | {"Query T#<tenant>#TEXT#*"},
}
# Functions that keep nothing and read nothing.
STATELESS = {"docs"}
# What the console does on the local cloud only (`Settings::console_may_scan`).
LOCAL_ONLY = {"Scan *"}


def statements(function):
    """The statements of a function's role."""
    role = RESOURCES[FUNCTIONS[function][0] + "Role"]["Properties"]
    return [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]


def allowed_rows(function):
    """What the role allows on the table: an action and a pattern of partitions each."""
    for statement in statements(function):
        condition = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
        for action in statement["Action"]:
            if action.startswith("dynamodb:"):
                for pattern in condition["dynamodb:LeadingKeys"]:
                    yield action.removeprefix("dynamodb:"), pattern


def pattern_of(rows):
    """How a role spells the partitions that were observed as `rows`."""
    if rows == "T#<tenant>":
        return TENANT_ROOT
    return rows.replace("<tenant>", "*")


def observed():
    """What each function was seen to do: an action, and rows or a queue."""
    folder = Path(os.environ["OBSERVED"])
    seen = {}
    for file in folder.glob("*.txt"):
        for line in file.read_text().splitlines():
            function, action, on = line.split(" ", 2)
            seen.setdefault(function, set()).add((action, on))
    return seen


def source_of(function):
    return "\n".join(path.read_text() for path in sorted((ROOT / "functions" / function / "src").rglob("*.rs")))


class Functions(unittest.TestCase):
    def test_each_folder_is_a_function_with_a_role_a_log_and_an_alarm(self):
        self.assertEqual(sorted(FUNCTIONS), sorted(path.name for path in (ROOT / "functions").iterdir()))
        for function, (name, properties) in FUNCTIONS.items():
            self.assertEqual(properties["Role"], {"GetAtt": f"{name}Role.Arn"}, function)
            self.assertEqual(properties["CodeUri"], f"../target/lambda/{function}/bootstrap.zip")
            log = RESOURCES[f"{name}Log"]["Properties"]["LogGroupName"]["Sub"]
            self.assertEqual(log, f"/aws/lambda/bespin-${{Stage}}-{function}")
            alarm = RESOURCES[f"{name}Errors"]["Properties"]
            self.assertEqual(alarm["Dimensions"], [{"Name": "FunctionName", "Value": {"Ref": name}}])

    def test_the_routes_are_those_of_the_routers(self):
        # The program that prints them, where it was built already.
        built = os.environ.get("BESPIN_OPENAPI")
        program = [built, "routes"] if built else ["make", "--silent", "routes"]
        listing = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        self.assertEqual(routes.rewritten(template.PATH.read_text(), listing), template.PATH.read_text())


class Environment(unittest.TestCase):
    def test_what_is_given_is_read_and_what_is_read_is_given(self):
        code = "\n".join((ROOT / "shared" / path).read_text().split("#[cfg(test)]")[0] for path in READERS)
        read = set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', code))
        given = {v for _, properties in FUNCTIONS.values() for v in template.variables(TEMPLATE, properties)}
        self.assertEqual(given - read, set(), "given and never read")
        self.assertEqual(read - given, set(NOT_GIVEN), "read and not given")
        of_all = set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
        self.assertEqual(given - of_all, set(USES), "variables of single functions")

    def test_a_function_gets_what_its_code_uses(self):
        for function, (_, properties) in FUNCTIONS.items():
            source = source_of(function)
            # One that is set to nothing is taken away from what all get.
            own = {name for name, value in properties.get("Environment", {}).get("Variables", {}).items() if value != ""}
            used = {variable for variable, words in USES.items() if re.search(words, source)}
            self.assertEqual(own, used, function)

    def test_no_secret_is_a_parameter(self):
        secrets = re.compile(r"PEPPER|SECRET$|TOKEN$|ADMIN_KEY$|CONSOLE_KEY$")
        for function, (_, properties) in FUNCTIONS.items():
            for variable, value in template.variables(TEMPLATE, properties).items():
                if secrets.search(variable) and value != "":
                    self.assertIn("{{resolve:secretsmanager:", json.dumps(value), f"{function}: {variable}")


class Permissions(unittest.TestCase):
    def test_no_action_is_a_wildcard_and_none_scans(self):
        for function in FUNCTIONS:
            for statement in statements(function):
                for action in statement["Action"]:
                    self.assertNotIn("*", action, function)
                    self.assertNotIn(action, ("dynamodb:Scan", "dynamodb:DeleteTable"), function)
                self.assertNotEqual(statement["Resource"], "*", function)

    def test_every_statement_on_the_table_names_partitions(self):
        for function in FUNCTIONS:
            for statement in statements(function):
                if any(action.startswith("dynamodb:") for action in statement["Action"]):
                    keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                    self.assertNotIn("*", keys, function)

    def test_nobody_updates_or_deletes_what_is_in_a_ledger_or_an_audit(self):
        for function in FUNCTIONS:
            for action, pattern in allowed_rows(function):
                if action in ("UpdateItem", "DeleteItem"):
                    self.assertNotRegex(pattern, r"LEDGER|AUDIT|\*\*|^T#\*$", function)

    @unittest.skipUnless(os.environ.get("OBSERVED"), "OBSERVED names no folder of what the functions were seen to do")
    def test_a_role_allows_what_its_function_was_seen_to_do_and_nothing_else(self):
        seen = observed()
        for function in FUNCTIONS.keys() - STATELESS:
            calls = {f"{action.split(':')[1]} {on}" for action, on in seen[function] if action.startswith("dynamodb:")}
            done = {tuple(call.split(" ", 1)) for call in calls - LOCAL_ONLY}
            rare = {tuple(call.split(" ", 1)) for call in RARE.get(function, set())}
            wanted = {(action, pattern_of(rows)) for action, rows in done}
            possible = wanted | {(action, pattern_of(rows)) for action, rows in rare}
            allowed = set(allowed_rows(function))
            self.assertEqual(wanted - allowed, set(), f"{function} does it and may not")
            # Reads share a statement, so any of them may read what another one reads.
            reads = {"GetItem", "BatchGetItem", "Query"}
            read = {pattern for action, pattern in possible if action in reads}
            surplus = {
                (action, pattern)
                for action, pattern in allowed - possible
                if not (action in reads and pattern in read)
            }
            self.assertEqual(surplus, set(), f"{function} may do it and was never seen to")

    @unittest.skipUnless(os.environ.get("OBSERVED"), "OBSERVED names no folder of what the functions were seen to do")
    def test_a_role_allows_the_messages_that_its_function_was_seen_to_send(self):
        names = {"brief-runs": "BriefRuns", "outbox": "Outbox", "brief-runs-dead": "BriefRunsDead", "outbox-dead": "OutboxDead"}
        for function in FUNCTIONS:
            allowed = set()
            for statement in statements(function):
                for action in statement["Action"]:
                    if action.startswith("sqs:"):
                        allowed.add((action, statement["Resource"]["GetAtt"].removesuffix(".Arn")))
            for action, queue in observed().get(function, ()):
                name = names.get(queue.removeprefix("bespin-"))
                if action.startswith("sqs:") and name:
                    self.assertIn((action, name), allowed, function)


class Stores(unittest.TestCase):
    def test_the_table_is_the_one_that_the_code_makes_elsewhere(self):
        code = (ROOT / "shared/table/src/schema.rs").read_text()
        table = RESOURCES["Table"]["Properties"]
        keys = [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
        self.assertEqual(keys, [("pk", "HASH"), ("sk", "RANGE")])
        self.assertIn('[("pk", KeyType::Hash), ("sk", KeyType::Range)]', code)
        self.assertIn(f'.attribute_name("{table["TimeToLiveSpecification"]["AttributeName"]}").enabled(true)', code)
        self.assertNotIn("global_secondary", code)
        self.assertNotIn("GlobalSecondaryIndexes", table)
        self.assertTrue(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])

    def test_queues_are_what_the_functions_behind_them_count_on(self):
        code = (ROOT / "shared/queue/src/dead_letters.rs").read_text()
        receives = int(re.search(r"MAX_RECEIVES: u32 = (\d+)", code)[1])
        for function, (name, properties) in FUNCTIONS.items():
            for event in properties.get("Events", {}).values():
                if event["Type"] != "SQS":
                    continue
                source = event["Properties"]
                queue = source["Queue"]["GetAtt"].removesuffix(".Arn")
                made = RESOURCES[queue]["Properties"]
                self.assertEqual(source["FunctionResponseTypes"], ["ReportBatchItemFailures"], function)
                self.assertGreater(made["VisibilityTimeout"], properties["Timeout"], function)
                self.assertEqual(made["RedrivePolicy"]["maxReceiveCount"], receives)
                dead = RESOURCES[f"{queue}Dead"]["Properties"]["QueueName"]["Sub"]
                self.assertEqual(dead, made["QueueName"]["Sub"] + "-dead")
                actions = {
                    action
                    for statement in statements(function)
                    if statement["Resource"] == {"GetAtt": f"{queue}.Arn"}
                    for action in statement["Action"]
                }
                taken = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
                self.assertLessEqual(taken, actions, function)


if __name__ == "__main__":
    unittest.main()
