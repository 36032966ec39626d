"""Texts of every format as people and programs write them, and changes to them: strategies for hypothesis.

A text is spelled from random values with random blanks, comments, quotes and line ends; what a strategy returns is in
its format. Used by test_properties.py.
"""

import json
import tomllib
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flock.connect.edit import Change, Match

NAMES = ("a", "b", "env", "model", "x.y", "größe", "on", "", "c d")
PLAIN_NAMES = ("A", "B", "KEY", "OPENAI_API_KEY", "a1")

numbers = st.sampled_from(["0", "-1", "42", "1.50", "1e400", "-0.0", "123456789012345678901234567890", "1E5", "2e-3"])
words = st.sampled_from(
    ["", "x", "on", "a b", "ü€🙂", "1", "#no", "// no", "a: b", "it's", 'say "x"', "\\", "a\nb", "\x7f", "]}"]
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), words)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def json_texts(draw: st.DrawFn, kind: str) -> str:
    """Return a text of JSON, JSONC or JSON5 whose top level is a mapping, a list or missing."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    blanks = [" ", "", "", newline, "\t", f"{newline}  ", f"{newline}\t\t"]
    remarks = [f"// c{newline}", "/* , } */", f"/* {newline} */", f"//{newline}  "] if kind != "json" else []
    space = st.lists(st.sampled_from([*blanks, *remarks]), max_size=2).map("".join)

    def text(value: str) -> str:
        if kind == "json5" and draw(st.booleans()):
            return "'" + json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    def name(value: str) -> str:
        return value if kind == "json5" and value.isidentifier() and draw(st.booleans()) else text(value)

    def spelled(value: Any) -> str:
        if isinstance(value, dict | list):
            parts: list[str] = []
            for inside in value:
                if isinstance(value, dict):
                    key = name(inside) + draw(space) + ":" + draw(space)
                    parts.append(draw(space) + key + spelled(value[inside]) + draw(space))
                else:
                    parts.append(draw(space) + spelled(inside) + draw(space))
            comma = "," + draw(space) if parts and kind != "json" and draw(st.booleans()) else ""
            inner = ",".join(parts) + comma if parts else draw(space)
            return "{" + inner + "}" if isinstance(value, dict) else "[" + inner + "]"
        if isinstance(value, str):
            return text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            odd = ["+1", ".5", "0xFF", "Infinity", "1."] if kind == "json5" else []
            return draw(st.one_of(numbers, st.sampled_from(odd)) if odd else numbers)
        return json.dumps(value)

    top = draw(st.one_of(st.dictionaries(st.sampled_from(NAMES), values, max_size=4), st.lists(values, max_size=2)))
    if draw(st.integers(0, 9)) == 0:
        return draw(space)
    if draw(st.integers(0, 3)) == 0:  # as programs write it
        return json.dumps(top, indent=draw(st.sampled_from([None, 2, 4, "\t"]))) + draw(st.sampled_from(["", "\n"]))
    return draw(space) + spelled(top) + draw(space)


def _toml_value(draw: st.DrawFn, value: Any, newline: str) -> str:
    if value is None:
        return draw(st.sampled_from(["1979-05-27", "07:32:00", "1979-05-27 07:32:00Z", "nan", "-inf", "0xFF", "1_000"]))
    if isinstance(value, list):
        items = [_toml_value(draw, item, newline) for item in value]
        gap = draw(st.sampled_from([" ", "", newline + "  ", f" # c ]{newline}  "]))
        return "[" + "".join(f"{gap}{item}," for item in items) + (gap if "\n" in gap or not items else "") + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_toml_key(draw, k)} = {_toml_value(draw, v, ' ')}" for k, v in value.items())
        return "{" + inside + "}"
    if isinstance(value, str):
        if "\n" not in newline or draw(st.booleans()):
            return json.dumps(value).replace("\x7f", "\\u007f")
        return draw(
            st.sampled_from([f"'''{newline}[a]{newline}# no'''", '"""x""\\"""""', "'C:\\dir'", f'"""{newline}b = 1"""'])
        )
    return json.dumps(value)


def _toml_key(draw: st.DrawFn, name: str) -> str:
    bare = name.isascii() and name.isalnum()
    return name if bare and draw(st.booleans()) else json.dumps(name)


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    """Return a text of TOML: pairs, dotted keys, tables, arrays of tables, comments."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    names = st.sampled_from(NAMES)
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["pair", "pair", "pair", "dotted", "table", "table", "item", "blank", "comment"]))
        keys = [_toml_key(draw, draw(names)) for _ in range(draw(st.integers(1, 3)))]
        tail = draw(st.sampled_from(["", "", " # c = 1", "  "]))
        indent = draw(st.sampled_from(["", "", "  "]))
        if kind in ("pair", "dotted"):
            key = keys[0] if kind == "pair" else draw(st.sampled_from([".", " . "])).join(keys)
            line = f"{key}{draw(st.sampled_from([' = ', '=']))}{_toml_value(draw, draw(values), newline)}"
        elif kind == "blank":
            line, tail = "", ""
        else:
            line = {"table": f"[{'.'.join(keys)}]", "item": f"[[{'.'.join(keys)}]]", "comment": "# [x]"}[kind]
        try:  # a line that does not go with those before it is left out
            tomllib.loads("\n".join([*lines, indent + line + tail]).replace("\r\n", "\n"))
        except tomllib.TOMLDecodeError:
            continue
        lines.append(indent + line + tail)
    return newline.join(lines) + draw(st.sampled_from(["", newline, newline * 2]))


def _yaml_scalar(draw: st.DrawFn, value: Any) -> str:
    if value is None:
        return draw(
            st.sampled_from(["", "null", "~", "2001-12-14", "1e400", "0o14", "!!str 5", "12345678901234567890123"])
        )
    if isinstance(value, str):
        single = "'" + value.replace("'", "''") + "'" if value.isprintable() else json.dumps(value)
        return draw(st.sampled_from([json.dumps(value), single, "plain text", "http://x:1/v1"]))
    return json.dumps(value)


def _yaml_lines(draw: st.DrawFn, value: Any, column: int) -> list[str]:
    """Return the lines of a mapping or a list that is not empty."""
    pad, lines = " " * column, list[str]()
    tail = st.sampled_from(["", "", "", "  # c: d", " "])
    for inside in value:
        head = (json.dumps(inside) if inside in ("", "on") else inside) + ":" if isinstance(value, dict) else "-"
        member = value[inside] if isinstance(value, dict) else inside
        if draw(st.integers(0, 5)) == 0:
            lines.append(draw(st.sampled_from(["", pad + "# own", "# far left", "  "])))
        if isinstance(member, dict | list) and member and draw(st.integers(0, 3)):
            inner = _yaml_lines(draw, member, column + draw(st.sampled_from([2, 2, 4])))
            if (
                isinstance(value, list)
                and inner[0].startswith(pad + "  ")
                and inner[0][column + 2 :][:1] not in (" ", "#", "")
            ):
                lines += [pad + "- " + inner[0][column + 2 :], *inner[1:]]
            else:
                lines += [pad + head + draw(tail), *inner]
        elif isinstance(member, dict | list):
            lines.append(f"{pad}{head} {json.dumps(member)}{draw(tail)}")
        elif isinstance(member, str) and draw(st.integers(0, 4)) == 0:
            sign = draw(st.sampled_from(["|", ">-", "|+", "|-"]))
            lines += [f"{pad}{head} {sign}", f"{pad}   one", "", f"{pad}   # no comment", ""][: draw(st.integers(2, 5))]
        else:
            lines.append(f"{pad}{head} {_yaml_scalar(draw, member)}{draw(tail)}")
    return lines


@st.composite
def yaml_texts(draw: st.DrawFn) -> str:
    """Return a text of YAML whose top level is a mapping or missing."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    top = draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=4))
    if draw(st.integers(0, 7)) == 0:
        return json.dumps(top, indent=draw(st.sampled_from([None, 2]))) + newline
    lines = draw(st.sampled_from([[], ["---"], ["# head", ""]])) + (_yaml_lines(draw, top, 0) if top else [])
    text = newline.join(lines) + draw(st.sampled_from(["", newline, newline * 2, f"{newline}# end"]))
    try:
        YAML(typ="safe", pure=True).compose(text)
    except YAMLError:
        return f"a: 1{newline}"
    return text


@st.composite
def env_texts(draw: st.DrawFn) -> str:
    """Return a text of variables."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    value = st.sampled_from(["", "1", "a b", "'q # q'", '"d \\" d"', f'"two{newline}lines"', "x # c", "'l'  # c", "$A"])
    line = st.one_of(
        st.sampled_from(["", "# A=1", "  ", "BARE"]),
        st.tuples(
            st.sampled_from(["", "export ", "  "]), st.sampled_from(PLAIN_NAMES), st.sampled_from(["=", " = "]), value
        ).map("".join),
    )
    return newline.join(draw(st.lists(line, max_size=6))) + draw(st.sampled_from(["", newline]))


parts = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.builds(Match, st.sampled_from(["name", "a"]), st.sampled_from(["flock", "x"])),
)


@st.composite
def changes(draw: st.DrawFn, *, env: bool = False) -> list[Change]:
    """Return one to four changes of which none writes over another."""
    found: list[Change] = []
    for _ in range(draw(st.integers(1, 4))):
        if env:
            pointer: tuple[Any, ...] = (draw(st.sampled_from(PLAIN_NAMES)),)
            value: Any = draw(words)
        else:
            pointer = (draw(st.sampled_from(NAMES)), *draw(st.lists(parts, max_size=3)))
            value = draw(values)
            if isinstance(pointer[-1], Match):
                value = {"b": value}
        if not any(pointer[: len(c.pointer)] == c.pointer or c.pointer[: len(pointer)] == pointer for c in found):
            found.append(Change(pointer, value))
    return found
