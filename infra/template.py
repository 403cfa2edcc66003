"""Reads infra/template.yaml for the checks beside it."""

from pathlib import Path

import yaml

PATH = Path(__file__).parent / "template.yaml"
FUNCTION = "AWS::Serverless::Function"


class _Loader(yaml.SafeLoader):
    """Takes `!Sub x` for `{"Sub": x}`, whatever the tag."""


def _tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix: value}


_Loader.add_multi_constructor("!", _tagged)


def load(path=PATH):
    """The template as it is written, not as the transform makes it."""
    return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)


def functions(template):
    """The functions by the names of their folders: logical name and properties."""
    resources = template["Resources"].items()
    found = {}
    for name, resource in resources:
        if resource["Type"] == FUNCTION:
            properties = resource["Properties"]
            found[properties["FunctionName"]["Sub"].removeprefix("bespin-${Stage}-")] = (name, properties)
    return found


def variables(template, properties):
    """The environment that the template gives a function: what all get, and what is its own."""
    of_all = template["Globals"]["Function"]["Environment"]["Variables"]
    return of_all | properties.get("Environment", {}).get("Variables", {})
