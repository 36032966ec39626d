"""The formats by their names. Loads a format's code when a file of it comes up; called by edit.py."""

from typing import Literal

from flock.connect.document import Document

Format = Literal["json", "jsonc", "json5", "toml", "yaml", "dotenv"]
NAMES: dict[Format, str] = {
    "json": "JSON",
    "jsonc": "JSON with comments",
    "json5": "JSON5",
    "toml": "TOML",
    "yaml": "YAML",
    "dotenv": "a file of variables",
}
MARK = "\ufeff"  # the byte order mark some editors on Windows begin a file with


def open_text(text: str, format: Format) -> Document:
    """Return a text as a document. Raises Unreadable where it is not in its format."""
    if format in ("json", "jsonc", "json5"):
        from flock.connect.jsontext import JsonText

        return JsonText(text, format)
    if format == "toml":
        from flock.connect.tomldocument import TomlDocument

        return TomlDocument(text)
    if format == "yaml":
        from flock.connect.yamldocument import YamlDocument

        return YamlDocument(text)
    from flock.connect.envtext import EnvText

    return EnvText(text)
