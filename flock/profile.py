"""What a peer speaks: dialects, limits by feature, and the closed set of quirks.

Values come from catalog/engines.yaml; nothing else may describe an engine's manners. Read by the plan and the forward
path.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of engine behaves on the wire.

    `dialects` it speaks natively; `stream_usage`: honours `stream_options.include_usage`; `done_sentinel`: ends a chat
    stream with `data: [DONE]`; `cancels`: stops generating when the connection closes; `start_hint`: the command that
    starts it, for `engine_unreachable`; `request_faults`: how the sentences begin that it says with status 500 although
    the request is at fault.
    """

    kind: str
    title: str
    dialects: frozenset[str]
    stream_usage: bool = True
    done_sentinel: bool = True
    cancels: bool = True
    start_hint: str = ""
    request_faults: tuple[str, ...] = ()
