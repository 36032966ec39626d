"""Thinking that a model wrote into its text, turned into thinking.

Owns the events: the parts that one text part becomes. `tag_split.py` and `harmony_split.py` tell thinking and answer
apart. Thinking the engine delivered itself passes untouched, and says that the engine takes it out: a text behind it
does not begin as thinking. Pure. Made by plan.py for engines that do not parse thinking themselves, before the filter
that finds tool calls.

An answer that ends well (not for its length, not with a call) and was all thinking although no tag ever came did not
think: the prompt did not hold the opening tag, a server's own settings had turned thinking off. It comes out once more
as text, for an answer that nobody can see is worse than one that is said twice.
"""

from flock.dialects.families import begins_as_thinking
from flock.dialects.filters.harmony_split import HarmonySplit
from flock.dialects.filters.outlet import Outlet, Stretch
from flock.dialects.filters.tag_split import Piece, TagSplit
from flock.dialects.ir import Broke, Ended, Event, Part, PartBegan, PartDelta, PartEnded, Text, Thinking
from flock.profile import Family

# Openers no model writes in a thought unless it means a call: special tokens, or a tag with what belongs behind it.
# Kimi K2 and DeepSeek V4 go from thinking to calls without a closing tag, and so does Qwen3.5.
_ENDS = {
    "deepseek": ("<｜tool▁calls▁begin｜>",),
    "dsml": ("<｜DSML｜function_calls>", "<｜DSML｜tool_calls>"),
    "kimi": ("<|tool_calls_section_begin|>",),
    "minimax": ("<minimax:tool_call>",),
    "minimax_m3": ("]<]minimax[>[<tool_call>",),
    "qwen_xml": ("<tool_call>\n<function=",),
    "seed": ("<seed:tool_call>",),
}


class ThinkTags:
    """The filter. `implicit`: whether the prompt holds the opening tag (`families.begins_as_thinking` of the request);
    None: as for a request that says nothing about thinking.
    """

    __slots__ = ("_doubt", "_ends", "_family", "_implicit", "_outlet", "_texts")

    def __init__(self, family: Family, *, implicit: bool | None = None) -> None:
        self._family = family
        self._implicit = begins_as_thinking(family, None) if implicit is None else implicit
        self._ends = [mark for name in family.tool_formats for mark in _ENDS.get(name, ())]
        self._outlet = Outlet()
        self._doubt = ""
        self._texts: dict[int, tuple[TagSplit | HarmonySplit, Stretch]] = {}

    def feed(self, event: Event) -> list[Event]:
        """Return what becomes of one event."""
        match event:
            case PartDelta():
                followed = self._texts.get(event.index)
                if followed is None:
                    return [self._outlet.passed(event)]
                split, stretch = followed
                return stretch.more(event) if split.passes(event.text) else _spoken(stretch, split.feed(event.text))
            case PartBegan(part=Text() as part):
                self._texts[event.index] = (self._split(), Stretch(part, self._outlet))
                self._began(part)
                return []
            case PartEnded() if event.index in self._texts:
                return self._closed(event.index)
            case PartBegan() | PartEnded():
                if isinstance(event, PartBegan):
                    self._began(event.part)
                return [self._outlet.passed(event)]
            case Ended() | Broke():
                # a stream may leave out the ends of its parts; nothing that was said is lost
                held = [out for index in sorted(self._texts) for out in self._closed(index)]
                return [*held, *self._said_again(event), event]
            case _:
                return [event]

    def _split(self) -> TagSplit | HarmonySplit:
        if "harmony" in self._family.tool_formats:
            return HarmonySplit()
        family = self._family
        return TagSplit(family.think_open, family.think_close, implicit=self._implicit, ends=self._ends)

    def _began(self, part: Part) -> None:
        """A part begins: only the first text may be thinking, and what another part follows was some."""
        if isinstance(part, Text | Thinking):
            self._implicit = False
        if not isinstance(part, Thinking):
            self._doubt = ""

    def _closed(self, index: int) -> list[Event]:
        split, stretch = self._texts.pop(index)
        events = [*_spoken(stretch, split.close()), *stretch.end()]
        self._doubt = "".join(split.doubt or ())
        return events

    def _said_again(self, event: Ended | Broke) -> list[Event]:
        if not self._doubt or not isinstance(event, Ended) or event.stop not in ("stop", "stop_sequence"):
            return []
        stretch = Stretch(Text(""), self._outlet)
        return [*stretch.say(Text, self._doubt), *stretch.close()]


def _spoken(stretch: Stretch, pieces: list[Piece]) -> list[Event]:
    events: list[Event] = []
    for kind, text in pieces:
        events += stretch.say(kind, text) if text else stretch.close()
    return events
