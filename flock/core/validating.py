"""Whether a model could be loaded: its files, their checksums, its header, its chat template, what was set for it.

Owns the order of the checks. Refuses to load anything. Called through the operations table, and by core/adding.py
before a model is kept.
"""

import asyncio
import hashlib
from pathlib import Path

from flock.catalog import family_template
from flock.contract.models import Finding, ValidateModel, Validation
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.engines import formats
from flock.engines.gguf_header import read_templates
from flock.engines.lent import SCHEME
from flock.engines.own_model import OwnModel
from flock.errors import FlockError
from flock.models import template
from flock.text import size

_READ_AT_ONCE = 4 * 2**20


@handles(ValidateModel)
async def validate_model(context: Context, op: ValidateModel, _actor: Actor) -> Validation:
    """Check a model's files and chat template without loading it."""
    model = context.registry.removable(op.id)
    if model.source.startswith(SCHEME):
        words = f"its files are kept by Ollama, under {model.source.removeprefix(SCHEME)}"
        return Validation(op.id, True, (Finding("files", "note", words),))
    findings = await examine(context, model)
    if model.sha256:
        findings += await asyncio.to_thread(_checksums, model)
    usable = not any(finding.level == "error" for finding in findings)
    return Validation(op.id, usable, tuple(findings))


async def examine(context: Context, model: OwnModel) -> list[Finding]:
    """Return what a look at a model's files, template and settings finds; an error keeps it from being loaded."""
    findings, recognised = await asyncio.to_thread(_files, model)
    if recognised is None:
        return findings
    if recognised.format == "mlx" or recognised.format == "safetensors":
        findings += await asyncio.to_thread(template.tokenizer_findings, model.path)
    if recognised.kind == "chat":
        findings += await _template(context, model, recognised)
    return findings


def _files(model: OwnModel) -> tuple[list[Finding], formats.Recognised | None]:
    """Look at the files; blocking. Return no model where it is not whole."""
    try:
        found = formats.recognise(model.path)
    except FlockError as error:
        mend = f"flock model add {_again(model)}" if model.files else error.hint
        return [Finding("files", "error", error.sentence, mend)], None
    findings = [Finding("files", "ok", f"{model.path} is whole: {found.format}, {size(found.size_bytes)}")]
    missing = [file for file in (*model.files, *filter(None, (model.projector,))) if not file.exists()]
    for file in missing:
        again = f"flock model add {_again(model)}" if model.files else f"ls -l '{file.parent}'"
        findings.append(Finding("files", "error", f"{file} is not there", again))
    if found.architecture:
        window = f", up to {found.context:,} tokens" if found.context else ""
        findings.append(Finding("header", "ok", f"{found.architecture}, {found.kind}{window}"))
    return findings, None if missing else found


async def _template(context: Context, model: OwnModel, found: formats.Recognised) -> list[Finding]:
    if model.config.template:
        templates = await asyncio.to_thread(template.of_file, Path(model.config.template))
    elif found.format == "gguf":
        templates = template.of_gguf(await asyncio.to_thread(read_templates, model.path))
    else:
        templates = await asyncio.to_thread(template.of_directory, model.path)
    kin = context.registry.around.settings.kin
    # by the same names as when it is loaded (engines/loading.py)
    family = kin.of((model.family, formats.recognised_stem(model.path), model.id))
    return await template.check(templates, model.id, family, family_template(family, kin.directories))


def _checksums(model: OwnModel) -> list[Finding]:
    """Compare the files with the checksums they were fetched by; blocking, seconds for each gigabyte."""
    findings: list[Finding] = []
    for path, wanted in model.sha256.items():
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as file:
                while piece := file.read(_READ_AT_ONCE):
                    digest.update(piece)
        except OSError as error:
            findings.append(Finding("sha256", "error", f"{path} cannot be read: {error.strerror}", "flock cache ls"))
            continue
        if digest.hexdigest() != wanted:
            words = f"{path} has changed: SHA-256 {digest.hexdigest()[:12]}… instead of {wanted[:12]}…"
            mend = f"flock model remove {model.id} --yes && flock model add {_again(model)}"
            findings.append(Finding("sha256", "error", words, mend))
    if not findings:
        findings.append(Finding("sha256", "ok", "the files have the checksums they were fetched by"))
    return findings


def _again(model: OwnModel) -> str:
    return model.source.removeprefix("catalog:")
