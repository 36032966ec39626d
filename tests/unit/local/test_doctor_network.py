"""Doctor on the configuration and the public door."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flock.configvalues import Listen
from flock.contract.engines import Engine
from flock.contract.lifecycle import Check
from flock.local import doctor_engines, doctor_network
from flock.local.doctor import diagnose, scene_of
from flock.local.operations import Here
from flock.local.scene import Scene
from flock.paths import private_dir
from tests.unit.local.stand_in import status


@pytest.fixture
def scene(here: Here) -> Scene:
    """Return a place where nothing runs, with a configuration directory."""
    private_dir(here.home.config)
    return replace(scene_of(here), command="flock")


def configure(scene: Scene, text: str) -> None:
    """Write the configuration file."""
    scene.home.config_file.write_text(text)


def only(scene: Scene, examine: str) -> Check:
    """Return the one finding of a check."""
    (check,) = getattr(doctor_network, examine)(scene)
    return check


def test_no_file_and_a_valid_one(scene: Scene) -> None:
    assert only(scene, "configuration").sentence == "no file; the defaults apply"
    configure(scene, "listen: 127.0.0.1:9999\n")
    assert only(scene, "configuration").state == "ok"


def test_a_typo_is_serious_and_names_its_line(scene: Scene) -> None:
    configure(scene, "\nlistne: 127.0.0.1:9999\n")
    check = only(scene, "configuration")
    assert check.state == "serious"
    assert "config.yaml" in check.sentence
    assert "listne" in check.sentence
    found = diagnose(scene, [("port", doctor_network.port), ("reach", doctor_network.reach)])
    assert {one.state for one in found.checks} == {"warning"}, "what cannot be examined is no traceback"


def test_a_wrong_catalog_file_is_named(scene: Scene) -> None:
    place = private_dir(scene.home.config / "catalog")
    (place / "engines.yaml").write_text("vllm: [\n")
    states = {check.state: check.sentence for check in doctor_network.configuration(scene)}
    assert "engines.yaml" in states["warning"]
    assert "ok" in states


def test_a_wrong_entry_of_the_catalog_of_models_is_named(scene: Scene) -> None:
    place = private_dir(scene.home.config / "catalog" / "models")
    (place / "mine.yaml").write_text("id: mine\ncontext: large\n")
    states = {check.state: check.sentence for check in doctor_network.configuration(scene)}
    assert "mine.yaml: mine.context must be a whole number above 0, not 'large'" in states["warning"]
    assert "ok" in states


def test_a_free_port_and_a_taken_one(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        configure(scene, f"listen: 127.0.0.1:{port}\n")
        check = only(scene, "port")
        assert check.state == "serious"
        assert f"port {port} is taken by" in check.sentence
        assert check.fix.startswith("flock config set listen 127.0.0.1:")
        assert not check.fix.endswith(f":{port}")
    assert only(scene, "port").state == "ok"


def test_the_reach(scene: Scene) -> None:
    check = only(scene, "reach")
    assert (check.state, check.fix) == ("note", "flock expose")
    configure(scene, "listen: 0.0.0.0:8080\n")
    assert only(scene, "reach").state == "note"
    configure(scene, "listen: 0.0.0.0:8080\nauth:\n  require_keys: false\n")
    assert only(scene, "reach").state == "serious"


class Answering(BaseHTTPRequestHandler):
    """Answers as flock, or as somebody else."""

    ours = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with flock's header, or without."""
        self.send_response(200)
        if self.ours:
            self.send_header("X-Flock-Instance", "abc")
        self.end_headers()


@pytest.fixture
def public() -> Iterator[Listen]:
    """Yield the address of a server."""
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield Listen("127.0.0.1", server.server_port)
        server.shutdown()


@pytest.mark.parametrize(("ours", "state"), [(True, "ok"), (False, "serious")])
def test_who_answers_at_the_public_port(scene: Scene, public: Listen, ours: bool, state: str) -> None:
    Answering.ours = ours
    assert doctor_network._answering(scene, public).state == state


def test_nobody_answers_at_the_public_port(scene: Scene) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        check = doctor_network._answering(scene, Listen("127.0.0.1", unused.getsockname()[1]))
    assert (check.state, check.fix) == ("serious", "flock logs")


def test_an_adopted_engine_is_started_by_its_own_command(scene: Scene) -> None:
    def fix(kind: str) -> str:
        engine = Engine("box", kind, "adopted", "unreachable", "http://127.0.0.1:1", (), "attached")
        (check,) = doctor_engines.engines(replace(scene, status=replace(status("1"), engines=(engine,))))
        assert check.state == "warning"
        return check.fix

    assert fix("ollama") == "ollama serve"
    assert fix("nobody knows") == "flock engine detach box"
