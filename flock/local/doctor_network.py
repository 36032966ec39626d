"""Doctor's checks of the configuration and of the public door: valid, free, answering, reachable from where.

Called by `doctor.py`.
"""

import http.client
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flock.client.blocking import Client
from flock.contract.lifecycle import Check
from flock.contract.settings import GetConfig
from flock.errors import ConfigInvalid
from flock.local import expose, firewall, ports
from flock.local.scene import NOTE, OK, SERIOUS, WARNING, Scene
from flock.paths import short

if TYPE_CHECKING:
    from flock.config import Config
    from flock.configvalues import Listen

# A loopback answer takes milliseconds
_ANSWER_SECONDS = 2.0


def configuration(scene: Scene) -> Iterator[Check]:
    """Say whether the configuration is valid as the next start will read it, and the catalog beside it."""
    from flock.catalog import load_profiles
    from flock.models.shelf import Shelf

    try:
        config = _config(scene)
    except ConfigInvalid as error:
        yield scene.from_error("configuration", error)
        return
    directories = config.catalog_dirs(scene.home)
    for problem in (*load_profiles(directories)[1], *Shelf(directories).read().problems):
        yield Check("configuration", WARNING, problem)
    file = scene.home.config_file
    yield Check("configuration", OK, f"{short(file)} is valid" if file.exists() else "no file; the defaults apply")


def _config(scene: Scene) -> "Config":
    from flock.config import load  # pydantic: only these checks pay for it, and only they break where it is broken

    return load(scene.home, scene.environ)


def _listen(scene: Scene) -> "Listen":
    """Return the running daemon's address, or the one the next start would take."""
    from flock.configvalues import parse_listen

    if scene.status is not None:
        setting, _ = Client(scene.home.socket).call(GetConfig(key="listen"))
        return parse_listen(str(setting.value))
    return _config(scene).listen


def port(scene: Scene) -> Iterator[Check]:
    """Say whether the public port answers as this flock; without a daemon, whether it is free and who holds it."""
    where = _listen(scene)
    if scene.status is not None:
        yield _answering(scene, where)
        return
    if ports.is_free(where.host, where.port):
        yield Check("port", OK, f"{where.text} is free")
        return
    owner = ports.owner(where.port) or "a process of another user"
    free = f"{where.host_text}:{ports.next_free(where.host, where.port)}"
    fix = scene.fix(_config(scene).change("listen", free))
    yield Check("port", SERIOUS, f"port {where.port} is taken by {owner}", fix)


def _answering(scene: Scene, where: "Listen") -> Check:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(where.host, where.host)
    connection = http.client.HTTPConnection(host, where.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        public = answer.getheader("X-Flock-Instance", "")
    except (OSError, http.client.HTTPException) as error:
        return Check("port", SERIOUS, f"nothing answers at {where.text}: {error}", scene.fix("flock logs"))
    finally:
        connection.close()
    if not public:
        return Check("port", SERIOUS, f"what answers at {where.text} is no flock", scene.fix("flock down"))
    return Check("port", OK, f"{where.text} answers")


def reach(scene: Scene) -> Iterator[Check]:
    """Say from where the public door can be reached."""
    where = _listen(scene)
    if where.loopback:
        yield Check("reach", NOTE, f"only this machine reaches flock ({where.text})", scene.fix("flock expose"))
        return
    if not _config(scene).auth.require_keys:
        fix = scene.fix(_config(scene).change("auth.require_keys", "true"))
        yield Check("reach", SERIOUS, f"{where.text} is open to other machines, and keys are not required", fix)
        return
    if scene.status is not None:
        address = expose.own_address(where).strip("[]")
        reached, words = expose.reach(scene.home, address, where.port)
        if not reached:
            yield Check("reach", SERIOUS, words, scene.fix("flock expose"))
            return
    opener = next(firewall.commands(where.port), "")
    words = f"other machines reach {where.text} unless a firewall on this one stands between"
    yield Check("reach", NOTE, words, scene.fix(opener) if opener else "")
