#!/usr/bin/env python3
"""Writes the routes of infra/template.yaml: a line for each path of the routers, between the two marks.

    make routes | infra/routes.py           rewrites them
    make routes | infra/routes.py --check   fails where they are not what the routers serve

A line of the listing is a function, a method and a path, from the routers themselves.

A route takes every method of its path, so that the function answers 405, HEAD and preflights, in the product's own words
and as on the local cloud; what no route takes goes to `tenants` for the same reason (`DefaultRoute` in the template).
"""

import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parent / "template.yaml"
BEGIN = "  # Routes: written by infra/routes.py.\n"
END = "  # End of the routes.\n"
# Functions that a parameter switches off, with the condition that they stand under.
CONDITIONS = {"console": "HasConsole"}


def name_of(text):
    """The logical name of a path or a function: its words, each with a capital."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


def functions_by_path(listing):
    """Which function serves each path. One path, one function: a route does not look at the method."""
    owners = {}
    for route in listing.splitlines():
        function, _, path = route.split()
        owner = owners.setdefault(path, function)
        if owner != function:
            raise SystemExit(f"{path} is served by {owner} and by {function}")
    return owners


def line(path, function):
    condition = CONDITIONS.get(function)
    condition = f"Condition: {condition}, " if condition else ""
    properties = (
        f'ApiId: !Ref Api, RouteKey: "ANY {path}", Target: !Sub "integrations/${{{name_of(function)}Integration}}"'
    )
    name = "Route" + (name_of(path) or "Root")
    return f"  {name}: {{Type: AWS::ApiGatewayV2::Route, {condition}Properties: {{{properties}}}}}\n"


def rewritten(template, listing):
    """The template with the routes of the listing."""
    before, rest = template.split(BEGIN)
    _, after = rest.split(END)
    owners = functions_by_path(listing)
    lines = [line(path, owners[path]) for path in sorted(owners)]
    names = [text.split(":")[0] for text in lines]
    if len(set(names)) != len(names):
        raise SystemExit("two paths have one name: make name_of tell them apart")
    return before + BEGIN + "".join(lines) + END + after


def main():
    template = TEMPLATE.read_text()
    wanted = rewritten(template, sys.stdin.read())
    if sys.argv[1:] == ["--check"]:
        if wanted != template:
            raise SystemExit("the routes of infra/template.yaml are not those of the routers: make template-routes")
    else:
        TEMPLATE.write_text(wanted)


if __name__ == "__main__":
    main()
