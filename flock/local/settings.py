"""`flock config …` without a daemon: the same reads and edits of the same file, and where everything lies.

Owns the walk through an editor. Refuses to know any setting: flock/config.py does. Called through `operations.run`.
"""

import shlex
import shutil
import subprocess

from flock.contract.settings import (
    EditConfig,
    GetConfig,
    Places,
    SetConfig,
    Setting,
    SettingChanged,
    ShowConfig,
    ShowPlaces,
    UnsetConfig,
)
from flock.errors import ConfigInvalid, StorageFailed, UsageError
from flock.local.operations import Here, handles
from flock.paths import Home, find_home, private_dir

# In this order where neither $VISUAL nor $EDITOR says anything; Debian's chooser first
EDITORS = ("sensible-editor", "nano", "vim", "vi")


@handles(ShowConfig)
def show_config(op: ShowConfig, here: Here) -> list[Setting]:
    """Return every setting as the next start will see it. Raises ConfigInvalid."""
    from flock.config import show_settings

    return show_settings(here.home, here.environ)


@handles(GetConfig)
def get_config(op: GetConfig, here: Here) -> Setting:
    """Return one setting as the next start will see it. Raises ConfigInvalid for an unknown one."""
    from flock.config import get_setting

    return get_setting(here.home, here.environ, op.key)


@handles(SetConfig)
def set_config(op: SetConfig, here: Here) -> SettingChanged:
    """Write one value into the file. Raises ConfigInvalid, StorageFailed; the file is then as it was."""
    from flock.config import set_setting

    return set_setting(here.home, here.environ, op.key, op.value)


@handles(UnsetConfig)
def unset_config(op: UnsetConfig, here: Here) -> SettingChanged:
    """Remove one value from the file. Raises ConfigInvalid, StorageFailed; the file is then as it was."""
    from flock.config import unset_setting

    return unset_setting(here.home, here.environ, op.key)


@handles(ShowPlaces)
def show_places(op: ShowPlaces, here: Here) -> Places:
    """Return where things lie; the data directory follows the configuration, where that can be read."""
    return places(moved(here))


def moved(here: Here) -> Home:
    """Return the home with the data directory that the configuration names; without one that is valid, the usual."""
    from flock.config import load

    try:
        wish = load(here.home, here.environ).data_dir
    except (ConfigInvalid, StorageFailed):
        return here.home
    return find_home(wish) if wish else here.home


def places(home: Home) -> Places:
    """Return the places of a home as plain strings."""
    return Places(
        config=str(home.config_file),
        data=str(home.data),
        logs=str(home.logs),
        socket=str(home.socket),
        admin_key=str(home.admin_key),
        database=str(home.database),
        secrets=str(home.secrets),
        models=str(home.data / "models"),
    )


@handles(EditConfig)
def edit_config(op: EditConfig, here: Here) -> Places:
    """Open the file in the user's editor and check it afterwards.

    Raises UsageError without an editor or when it fails, ConfigInvalid naming file and line when the result is wrong.
    """
    from flock.config import check_file
    from flock.configfile import write_minimal

    command = editor(here)
    private_dir(here.home.config)
    file = here.home.config_file
    write_minimal(file)
    try:
        code = subprocess.run([*command, str(file)], check=False).returncode
    except OSError as error:
        raise UsageError(f"cannot run the editor {command[0]}: {error.strerror}", hint="export EDITOR=nano") from None
    if code != 0:
        raise UsageError(f"the editor {command[0]} ended with exit code {code}", hint="flock config edit")
    try:
        check_file(here.home)
    except ConfigInvalid as error:
        raise ConfigInvalid(
            f"{error.sentence}; a flock that runs keeps the values it started with, and would not start again",
            hint="flock config edit",
            details=error.details,
        ) from None
    return places(moved(here))


def editor(here: Here) -> list[str]:
    """Return the editor's command line. Raises UsageError when there is none or it cannot be understood."""
    for name in ("VISUAL", "EDITOR"):
        words = here.environ.get(name, "").strip()
        if not words:
            continue
        try:
            return shlex.split(words)
        except ValueError as error:
            raise UsageError(f"${name} cannot be understood ({error}): {words}", hint=f"export {name}=nano") from None
    found = next((path for name in EDITORS if (path := shutil.which(name, path=here.path))), None)
    if found is None:
        raise UsageError(
            "no editor is known here", hint=f"export EDITOR=NAME, or edit {here.home.config_file} by other means"
        )
    return [found]
