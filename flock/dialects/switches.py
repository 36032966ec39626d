"""What flock may change about a request or an answer, each with its own switch (the settings below `translation`).

Values only. Whatever is changed stands in the decision record; whatever is off is left as it came.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switches:
    """One field a setting of the same name."""

    prefix_normaliser: bool = True
    context_scaling: bool = True
    think_tags: bool = True
    tool_rescue: bool = True
    raise_max_tokens: bool = True
    lower_max_tokens: bool = True
    drop_duplicate_tools: bool = True
    fetch_images: bool = True
    answer_noops: bool = False


ALL_ON = Switches()
