"""Asking a model from the command line, once."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, arg, flag, operation


@dataclass(frozen=True, slots=True)
class PromptAnswer:
    """What a model said. `thinking` is what it thought aloud, "" for none; `finish` is stop, length, tool_calls or
    content_filter; times in milliseconds, null when unknown; `request_id` is what `flock explain` takes.
    """

    text: str
    thinking: str
    model: str
    finish: str
    input_tokens: int
    output_tokens: int
    ttft_ms: float | None
    elapsed_ms: float
    tokens_per_second: float | None
    request_id: str


@operation(
    "run.prompt",
    "run",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=(
        "run 'Why is the sky blue?'",
        "run 'Review this' -f main.py -m qwen3-8b",
        "run 'Sum it up' --max-tokens 200 --json < notes.txt",
    ),
)
class RunPrompt(Op[PromptAnswer]):
    """Ask a model and print its answer as it comes; standard input and files are put behind the prompt."""

    prompt: tuple[str, ...] = arg("what is asked; `-` or nothing: standard input alone", default=(), many=True)
    model: str = flag("the model, from `flock model ls`; empty: the default one", default="")
    file: tuple[str, ...] = flag("a text file, or a picture, put behind the prompt; may be given again", default=())
    system: str = flag("instructions that stand before the prompt", default="")
    max_tokens: int = flag("how long the answer may be, in tokens; 0: as the model pleases", default=0)
    temperature: str = flag("0 for the likeliest answer, up to 2; empty: the model's own", default="")
    thinking: bool = flag("show what the model thinks aloud too, on standard error", default=False)
    low_priority: bool = flag("let requests of people go first", default=False)
