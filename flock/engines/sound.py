"""Engines that make sound into text or text into sound, and have no list of models: whisper-server and piper.

Owns how they are recognised and what their models are called. Refuses a whisper-server that takes sound at a path of
the user's own: nothing would be found there. Called by probe.py.

whisper-server tells nothing of its model, so the model is called as the engine is, and "whisper" where nobody named
the engine. piper has a model for each voice in its directory. Seen in whisper.cpp 1.8.5 and piper 1.8.0.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from flock.engines.adopted import Asker, Probe, Served, read_object
from flock.errors import EngineUnreachable, InvalidRequest

# Where a whisper-server takes sound (--inference-path) → its row of catalog/engines.yaml
_INFERENCE = {"/inference": "whisper", "/v1/audio/transcriptions": "whisper-openai"}
_FORM = re.compile(r'<form action="([^"]*)"')
_TITLE = b"Whisper.cpp Server"


async def find(asker: Asker, headers: Mapping[str, str], name: str) -> Probe | None:
    """Return what a whisper-server or piper serves, None for anything else; `headers` are of some answer of it.

    Raises EngineUnreachable while it loads, InvalidRequest for a whisper-server whose path is not known.
    """
    _, _, page = await asker.fetch("/")
    if headers.get("Server", "").lower().startswith("whisper.cpp") or _TITLE in page:
        await _is_up(asker)
        model = "whisper" if name in ("", asker.address.label) else name
        return Probe((Served(model, kind="transcription"),), _whisper_kind(asker, page), "")
    return await _piper(asker)


async def again(asker: Asker, known: Probe) -> Probe | None:
    """Return what an engine of this file serves now; None for another engine, and where another has come.

    Raises EngineUnreachable.
    """
    if known.kind in _INFERENCE.values():
        return known if await _is_up(asker) else None
    return await _piper(asker) if known.kind == "piper" else None


async def _is_up(asker: Asker) -> bool:
    """Return whether a whisper-server answers. Raises EngineUnreachable while it loads another model."""
    status, headers, _ = await asker.fetch("/health")
    if status == 503:
        raise EngineUnreachable(f"the whisper-server at {asker.address.url} is loading its model")
    # the first ones have no /health
    return status == 200 or headers.get("Server", "").lower().startswith("whisper.cpp")


def _whisper_kind(asker: Asker, page: bytes) -> str:
    form = _FORM.search(page.decode("utf-8", "replace"))  # none where --public has a page of its own
    path = form[1].removeprefix(asker.address.prefix) if form else "/inference"
    if path not in _INFERENCE:
        raise InvalidRequest(
            f"the whisper-server at {asker.address.url} takes sound at {path}, and flock asks it at /inference",
            hint="start it without --inference-path",
        )
    return _INFERENCE[path]


async def _piper(asker: Asker) -> Probe | None:
    status, _, body = await asker.fetch("/voices")
    voices = read_object(body) if status == 200 else {}
    if not voices or not all(_is_voice(voice) for voice in voices.values()):
        return None
    return Probe(tuple(Served(voice, kind="speech") for voice in voices), "piper", "")


def _is_voice(config: object) -> bool:
    """Say whether this is the configuration of a piper voice: it tells how its phonemes and its sound are made."""
    if not isinstance(config, dict):
        return False
    fields = cast("dict[str, Any]", config)
    return isinstance(fields.get("audio"), dict) and "phoneme_id_map" in fields
