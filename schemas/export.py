"""The JSON Schema of every message, and the command that writes them.

``python -m schemas.export [FOLDER]`` does what ``callstream schemas export`` does.

A schema describes the JSON form, with bytes as base64. One of the audio topic has two: the object
of the forms with names, and the MessagePack array, whose positions bear the names.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.audio import AudioMessage
from schemas.audio_forms import named
from schemas.catalogue import MESSAGE_TYPES
from schemas.descriptions import field_descriptions, structs_of, summary_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFAULT_FOLDER = Path(__file__).parent / "json"


def schema_name(message_type: type[msgspec.Struct]) -> str:
    """Return the name and version of a message, as its ``schema`` field holds it."""
    return str(message_type.__struct_config__.tag)


def json_schema(message_type: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a message and of the types inside it."""
    forms: tuple[type[msgspec.Struct], ...] = (message_type,)
    if issubclass(message_type, AudioMessage):
        forms = (named(message_type), message_type)
    references, definitions = msgspec.json.schema_components(
        forms, ref_template="#/$defs/{name}", schema_hook=_any_value
    )
    for struct in structs_of(message_type):
        _describe(definitions[struct.__name__], struct)
    for form in forms[:-1]:
        _describe(definitions[form.__name__], message_type)
    return {
        "$schema": DIALECT,
        "title": schema_name(message_type),
        **(references[0] if len(forms) == 1 else {"anyOf": list(references)}),
        "$defs": definitions,
    }


def _describe(definition: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Write into the definition of a type what its docstring says of it and of each field."""
    definition["description"] = summary_of(struct)
    if "prefixItems" in definition:
        names = [*(["schema"] if struct.__struct_config__.tag else []), *struct.__struct_fields__]
        items = dict(zip(names, definition["prefixItems"], strict=True))
        for name, item in items.items():
            item["title"] = name
    else:
        items = definition["properties"]
    for name, text in field_descriptions(struct).items():
        items[name]["description"] = text


def _any_value(field_type: type) -> dict[str, Any]:
    if field_type is object:
        return {"description": "Any JSON value."}
    message = f"{field_type} has no JSON Schema"
    raise TypeError(message)


def schema_files() -> dict[str, bytes]:
    """Return the content of every schema file by its name; the same in every run."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {
        f"{schema_name(message_type)}.json": orjson.dumps(json_schema(message_type), option=options)
        for message_type in MESSAGE_TYPES
    }


def export_schemas(folder: Path = DEFAULT_FOLDER) -> list[Path]:
    """Write every schema into ``folder``, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in schema_files().items():
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schemas into the folder that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER)
    paths = export_schemas(parser.parse_args(arguments).folder)
    sys.stdout.write(f"{len(paths)} schemas in {paths[0].parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
