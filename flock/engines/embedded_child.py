"""The embedded engine's own process: serve one GGUF on 127.0.0.1 until standard input ends.

Owns nothing but the process it runs in. Refuses to run without a key, and imports nothing of flock, so that the
engine's memory is the engine's. Started by process.py as `python -P embedded_child.py --model=… …`.
"""

import importlib
import os
import socket
import sys
import threading
import time
from typing import Any

# One connection of a client occupies one thread of llama.cpp's HTTP server, also while it waits for a slot: with the
# default (15 threads on 2 cores) 64 streams took 47 s, with 80 threads 24 s, for 2.5 MB more. 128 bounds both.
HTTP_THREADS = 128


def main() -> int:
    """Serve until standard input ends or SIGTERM (whose default action is kept: nothing here needs saving)."""
    options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
    key = os.environ.pop("FLOCK_ENGINE_KEY", "")
    if not key:
        sys.stderr.write("embedded engine: no key in FLOCK_ENGINE_KEY\n")
        return 2
    lifeline = threading.Thread(target=_exit_with_parent, daemon=True)
    lifeline.start()
    xllamacpp: Any = importlib.import_module("xllamacpp")
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, options, key))
    except RuntimeError as error:
        # llama.cpp writes its log from a thread of its own that cannot be asked to finish: on a busy machine the lines
        # that say why were seen missing
        time.sleep(0.2)
        if not _is_free(int(options["port"])):
            sys.stderr.write(f"embedded engine: couldn't bind port {options['port']}\n")
        sys.stderr.write(f"embedded engine: {error}\n")
        return 1
    sys.stderr.write(f"embedded engine: listening on {server.listening_address}\n")
    lifeline.join()
    return 0


def _exit_with_parent() -> None:
    # The daemon holds the other end of this pipe; when it is killed, the kernel closes that end. xllamacpp keeps the
    # interpreter's lock while it loads, so during a load this waits for its end.
    while os.read(0, 4096):
        pass
    os._exit(0)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _parameters(xllamacpp: Any, options: dict[str, str], key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = options["model"]
    parameters.model_alias = {options["alias"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(options["port"])
    parameters.api_keys = [key]
    parameters.n_ctx = int(options["context"])
    parameters.n_parallel = int(options["slots"])
    parameters.cache_ram_mib = int(options["cache-mib"])
    parameters.n_threads_http = HTTP_THREADS
    parameters.use_jinja = True
    parameters.endpoint_slots = parameters.endpoint_metrics = parameters.endpoint_props = True
    parameters.ui = False
    parameters.offline = True
    if sys.platform != "darwin":  # see READ_WHOLE in llamacpp.py
        parameters.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    if threads := int(options["threads"]):
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    if batch := int(options["batch"]):
        parameters.n_batch = batch
    if micro_batch := int(options["micro-batch"]):
        parameters.n_ubatch = micro_batch
    if kv_type := options["kv-type"]:
        kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{kv_type.upper()}")
        parameters.cache_type_k = parameters.cache_type_v = kind
    if flash := {"on": "ENABLED", "off": "DISABLED"}.get(options["flash"]):
        parameters.flash_attn_type = getattr(xllamacpp.llama_flash_attn_type, f"LLAMA_FLASH_ATTN_TYPE_{flash}")
    parameters.n_gpu_layers = int(options["gpu-layers"])
    if projector := options.get("projector"):
        parameters.mmproj.path = projector
    if template := options.get("template"):
        with open(template, encoding="utf-8") as file:
            parameters.chat_template = file.read()
    if draft := options.get("draft"):
        _draft(xllamacpp, parameters.speculative, draft, options)
    # what --embedding, --reranking and --pooling of llama-server set
    parameters.embedding = options["kind"] in ("embedding", "rerank")
    if pooling := "rank" if options["kind"] == "rerank" else options["pooling"]:
        parameters.pooling_type = getattr(xllamacpp.llama_pooling_type, f"LLAMA_POOLING_TYPE_{pooling.upper()}")
    return parameters


def _draft(xllamacpp: Any, speculative: Any, draft: str, options: dict[str, str]) -> None:
    speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
    speculative.draft.mparams.path = draft
    speculative.draft.n_gpu_layers = int(options["gpu-layers"])
    if tokens := options.get("draft-tokens"):
        speculative.draft.n_max = int(tokens)


if __name__ == "__main__":
    sys.exit(main())
