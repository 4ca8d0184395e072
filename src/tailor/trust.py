"""What a project may send where. It is asked once for each project, address and variable, and kept in a file of the user's own.

A `tailor.yaml` that came from elsewhere names the address that data go to and the environment variable whose value goes with them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tailor.data.example import Splits
from tailor.data.personal.rows import PersonalData, personal_data, personal_in_documents, personal_in_fields
from tailor.documents.reading import Document, read_documents
from tailor.errors import ConfigError, StoreError, quoted
from tailor.files import private_folder, real_path, refuse_foreign, write_atomically
from tailor.models.remote_embedder import embedder_settings
from tailor.models.secrets import is_here, variable_sent
from tailor.outside import read_file
from tailor.project import Project

ROLES = ("model", "further model", "judge", "embedder")
LARGEST = 4 << 20  # bytes of the file
KEYS_OF_SERVERS_HERE = frozenset(
    "LITELLM_API_KEY LITELLM_MASTER_KEY LLAMA_API_KEY LM_API_TOKEN LOCALAI_API_KEY OLLAMA_API_KEY SGLANG_API_KEY "
    "VLLM_API_KEY".split()
)
"""Variables that servers on this machine are known to take their key from; their value may go to this machine unasked."""


@dataclass(frozen=True)
class Sending:
    """Data that a project would send.

    Attributes:
        role: what answers there, "model", "further model", "judge" or "embedder".
        model: its name.
        address: where to, without what may be secret in it.
        variable: the environment variable whose value goes with them; empty for none.
        stays_here: whether the address is on this machine.
    """

    role: str
    model: str
    address: str
    variable: str
    stays_here: bool

    @property
    def is_plain(self) -> bool:
        """Whether others on the way can read it."""
        return self.address.startswith("http:") and not self.stays_here

    @property
    def needs_leave(self) -> bool:
        """Whether the user must have allowed it."""
        return not self.stays_here or bool(self.variable and self.variable not in KEYS_OF_SERVERS_HERE)


def sendings(project: Project) -> tuple[Sending, ...]:
    """Everything that a project would send to an address."""
    task = project.task
    asked = [("model", task.model), *(("further model", model) for model in task.models)]
    asked += [("judge", task.judge.model)] if task.judge else []
    if (embedder := embedder_settings(task.embedder)) is not None:
        asked.append(("embedder", embedder))
    return tuple(
        Sending(role, model.name, _shown(model.address), variable_sent(model), is_here(model.address))
        for role, model in asked
        if model.is_remote
    )


def called(model: object = None, judge: object = None) -> tuple[str, ...]:
    """Which models of a task are called, and so may be sent something: all but those that a caller gives in their place."""
    given = {"model": model, "judge": judge}
    return tuple(role for role in ROLES if given.get(role) is None)


def not_allowed(project: Project) -> tuple[Sending, ...]:
    """What a project would send and the user has not allowed yet.

    Raises:
        ConfigError: the file of what was allowed is not the user's own.
    """
    wanted = [sending for sending in sendings(project) if sending.needs_leave]
    known = _read()["allowed"] if wanted else []
    return tuple(sending for sending in wanted if _entry(project, sending) not in known)


def allow(project: Project, allowed: Iterable[Sending]) -> None:
    """Remember that the user allows this.

    Raises:
        ConfigError: the file cannot be written.
    """
    _remember("allowed", [_entry(project, sending) for sending in allowed])


def _remember(name: str, entries: Iterable[list[str]]) -> None:
    record = _read()
    record[name] += [entry for entry in entries if entry not in record[name]]
    try:
        _write(record)
    except StoreError as error:
        raise ConfigError(f"what you allowed cannot be saved: {error}", "Name a file of yours as TAILOR_TRUST.") from error


def require_allowed(project: Project, roles: Iterable[str]) -> None:
    """Refuse to send what nobody allowed.

    Args:
        project: the project.
        roles: which of its models would be called.

    Raises:
        ConfigError: the user has not allowed it.
    """
    for sending in not_allowed(project):
        if sending.role in set(roles):
            raise refusal(project, sending)


def permit(project: Project, roles: Iterable[str], *, allowed: bool, plain: bool) -> None:
    """Allow, for good, what a caller from Python says may be sent; refuse it where nobody said so.

    Args:
        project: the project.
        roles: which of its models would be called.
        allowed: whether the caller allows it.
        plain: whether plain http to other machines is allowed too.

    Raises:
        ConfigError: it was not allowed.
    """
    wanted = [sending for sending in not_allowed(project) if sending.role in set(roles)]
    if not wanted:
        return
    refuse_plain(wanted, plain, "give allow_http=True once")
    if not allowed:
        raise ConfigError(
            _unasked(wanted[0]), "If you want it, give allow_send=True; it is remembered for this folder and address."
        )
    note_made_here(project.folder)
    allow(project, wanted)


@dataclass(frozen=True)
class PersonalSending:
    """Rows and documents with what looks like personal data, which would leave this machine.

    Attributes:
        found: what the user has not been asked about yet, by sort.
        away: where it would go.
    """

    found: tuple[PersonalData, ...]
    away: tuple[Sending, ...]

    @property
    def words(self) -> str:
        """What they hold, in words."""
        return ", ".join(one.words for one in self.found)


def personal_to_ask(project: Project, splits: Splits, roles: Iterable[str] = ROLES) -> PersonalSending | None:
    """What looks like personal data, would go to another machine and was not allowed yet; None where there is nothing to ask.

    Args:
        project: the project.
        splits: its rows.
        roles: which of its models would be called.

    Raises:
        ConfigError: the file of what was allowed is not the user's own.
    """
    away = tuple(one for one in sendings(project) if not one.stays_here and one.role in set(roles))
    if not away or project.task.data.personal == "allowed":
        return None
    known = _read()["personal"]
    found = (*personal_data(project.task, splits), *personal_in_documents(_documents(project)))
    asked = tuple(one for one in found if any([*_entry(project, sending)[:2], one.sort] not in known for sending in away))
    return PersonalSending(asked, away) if asked else None


def _documents(project: Project) -> list[Document]:
    return read_documents(project.documents, project.own_files) if project.documents is not None else []


def personal_in_question(project: Project, fields: Mapping[str, str]) -> str:
    """What of a new input looks like personal data and goes to another machine, in a sentence; empty where nothing does."""
    away = [one for one in sendings(project) if not one.stays_here]
    found = personal_in_fields(fields) if away and project.task.data.personal != "allowed" else ()
    if not found:
        return ""
    addresses = ", ".join(dict.fromkeys(one.address for one in away))
    return f"It holds what looks like personal data and is sent to {addresses}: " + ", ".join(
        f"{one.sort} {one.sample}" for one in found
    )


def allow_personal(project: Project, sending: PersonalSending) -> None:
    """Remember that the user allows such data to go there.

    Raises:
        ConfigError: the file cannot be written.
    """
    entries = [[*_entry(project, away)[:2], one.sort] for away in sending.away for one in sending.found]
    _remember("personal", entries)


def require_personal(project: Project, splits: Splits, roles: Iterable[str] = ROLES) -> None:
    """Refuse to send what looks like personal data and nobody allowed; arguments are those of `personal_to_ask`.

    Raises:
        ConfigError: the user has not allowed it.
    """
    if (found := personal_to_ask(project, splits, roles)) is not None:
        raise personal_refusal(project, found)


def personal_refusal(project: Project, found: PersonalSending) -> ConfigError:
    """Says what would be sent where, and how to allow it."""
    return ConfigError(
        f"this project would send what looks like {found.words} to {found.away[0].address}",
        f"`tailor check {project.folder}` names them. Take it out; or, if it may be sent, set `data.personal: allowed`, or give "
        "--allow-personal once.",
    )


def refuse_plain(wanted: Iterable[Sending], allowed: bool, how: str) -> None:
    """Refuse plain http to another machine, unless that is allowed.

    Raises:
        ConfigError: it is not; `how` says what allows it.
    """
    plain = next((sending for sending in wanted if sending.is_plain), None)
    if plain is not None and not allowed:
        key = f" and {plain.variable}" if plain.variable else ""
        raise ConfigError(
            f"{plain.address} is plain http to another machine: others on the network can read the data{key}",
            f"Use https; or, if the network is yours, {how}.",
        )


def refusal(project: Project, sending: Sending) -> ConfigError:
    """Says what would be sent where, and how to allow it."""
    option = "--yes --allow-http" if sending.is_plain else "--yes"
    return ConfigError(_unasked(sending), f"If you want it, run `tailor run {project.folder} {option}` once.")


def _unasked(sending: Sending) -> str:
    key = f", with the value of {sending.variable}" if sending.variable else ""
    return f"this project sends its data to {sending.address}{key}, and you have not allowed that yet"


def note_made_here(folder: Path) -> None:
    """Remember that a project was made here. What cannot be remembered is asked later."""
    with suppress(StoreError, ConfigError):
        record = _read()
        if str(real_path(folder)) not in record["made"]:
            record["made"].append(str(real_path(folder)))
            _write(record)


def is_made_here(project: Project) -> bool:
    """Whether `tailor init` made this project for this user, on this machine."""
    return str(project.folder) in _read()["made"]


def trust_file() -> Path:
    """Where it is kept: ``TAILOR_TRUST``, else `tailor/trust` in the user's folder of settings (``XDG_CONFIG_HOME`` is heeded)."""
    if given := os.environ.get("TAILOR_TRUST"):
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tailor" / "trust"


def _entry(project: Project, sending: Sending) -> list[str]:
    return [str(project.folder), sending.address, sending.variable]


def _shown(address: str) -> str:
    """The address without user, password, query and fragment."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise ConfigError(f"`base_url` is not an address: {error}", "Give one such as http://localhost:8000/v1.") from error
    host = parts.hostname or ""
    return f"{parts.scheme.lower()}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"


def _read() -> dict[str, Any]:
    path = trust_file()
    empty: dict[str, Any] = {"made": [], "allowed": [], "personal": []}
    try:
        refuse_foreign(path)
        if path.stat().st_mode & 0o022:
            raise ConfigError(f"{quoted(path, 200)} can be written by others, so it is ignored", f"Run `chmod 600 {path}`.")
        record = json.loads(read_file(path, LARGEST))
    except FileNotFoundError:
        return empty
    except StoreError as error:
        raise ConfigError(str(error), error.hint) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{quoted(path, 200)} cannot be read: {error}", "Remove it; you will be asked again.") from error
    if isinstance(record, dict):
        record.setdefault("personal", [])  # not there before it was asked about
    if not isinstance(record, dict) or any(not isinstance(record.get(name), list) for name in empty):
        raise ConfigError(f"{quoted(path, 200)} is not a list of what you allowed", "Remove it; you will be asked again.")
    return record


def _write(record: dict[str, Any]) -> None:
    private_folder(trust_file().parent)
    write_atomically(trust_file(), json.dumps(record, indent=1) + "\n")
