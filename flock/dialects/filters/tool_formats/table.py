"""The formats of tool calls by name: the words of `profile.TOOL_FORMATS` and what reads them."""

from flock.dialects.filters.tool_formats import gemma, hermes, listed, minimax_m3, parameters, pythonic, tokens

FORMATS = {
    each.name: each
    for each in (
        gemma.GEMMA,
        hermes.HERMES,
        listed.FUNCTION_TAG,
        listed.FUNCTOOLS,
        listed.GRANITE,
        listed.JSON,
        listed.MISTRAL,
        listed.NEMOTRON,
        listed.PHI4,
        listed.PYTHON_TAG,
        minimax_m3.MINIMAX_M3,
        parameters.DSML,
        parameters.MINIMAX,
        parameters.QWEN_XML,
        parameters.SEED,
        pythonic.LFM2,
        pythonic.PYTHONIC,
        tokens.DEEPSEEK,
        tokens.GLM,
        tokens.HARMONY,
        tokens.KIMI,
    )
}
