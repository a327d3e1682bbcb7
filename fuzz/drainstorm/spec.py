# SPDX-License-Identifier: Apache-2.0
"""This module reads `target.toml`: what a target is made of and which operations it offers."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, TypeVar

import msgspec

from drainstorm.errors import TargetError, UsageError
from drainstorm.suppression import Suppression  # noqa: TC001 (msgspec looks at it)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OPERANDS_MAX: Final = 2
ACTORS_MAX: Final = 256
OPERATIONS_KINDS_MAX: Final = 255

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_KIND: Final = re.compile(r"[a-z]([a-z_]*[a-z])?\Z")  # no digit: "co3" is kind and number
_CALL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_BUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_RULE: Final = re.compile(r"[-*] \*\*(R\d+)\s+([^*]+?)\.?\*\*\s*(.*)\Z")

_T = TypeVar("_T")
Check = Literal["access", "leak", "spurious", "c20-sequences", "volatile"]
Fault = Literal["wakeup", "memory", "thread", "short", "interrupt", "timer"]


class TargetLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Default limits of a run.

    Args:
        steps: Scheduling points.
        threads: Simulated threads, 0: as many as there are.
        checks: What is judged in generated cases; the words of `case.CHECKS`.
        faults: What may go wrong in generated cases; the words of `case.FAULTS`.
        stack_kib: What the stack of a thread has, KiB.
    """

    steps: int = 20_000
    threads: int = 0
    checks: tuple[Check, ...] = ("access", "leak")
    faults: tuple[Fault, ...] = ()
    stack_kib: Annotated[int, msgspec.Meta(ge=16, le=448)] = 256


class ActorKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of actor and how many of it a program may have."""

    kind: str
    count: int


class OperationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation of the driver.

    Args:
        weight: how often generators choose it (1.0: usual).
        group: what it belongs to; a generated program keeps to some of the groups. Empty: all of
            them.
    """

    name: str
    actors: tuple[str, ...]
    operands: tuple[str, ...] = ()
    help: str = ""
    weight: float = 1.0
    group: str = ""


class Bug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A planted defect: a patch below the target's folder and the rule that it breaks.

    Args:
        seed: program of `corpus/seeds/<target>/` that can show it, without `.case`; empty: none.
        verdict: the outcome's word ("use-after-free") of a rule that the machine itself judges;
            empty: the driver judges the rule.
        zoo: names of the historic defects that it stands for, "GL-01"; empty: none.
    """

    name: str
    patch: str
    rule: str
    seed: str = ""
    help: str = ""
    verdict: str = ""
    zoo: str = ""

    @property
    def judged(self) -> str:
        """What a verdict must name to be about this bug: a rule, or an outcome's word."""
        return self.verdict or self.rule


class GenerateHints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a program likely to do something; what is legal only the driver decides.

    Args:
        pairs: [opener, closer] operations of one actor; a closer is drawn only after its opener.
        inside: operation -> opener whose effect it needs.
        outside: operation -> opener during whose effect it is not drawn.
        makes: set-up operation -> operand kind of which it makes one more.
        removes: operation -> operand kind of which it takes one away.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    inside: dict[str, str] = {}
    outside: dict[str, str] = {}
    makes: dict[str, str] = {}
    removes: dict[str, str] = {}

    def operation_names(self) -> set[str]:
        """Every operation that a hint speaks of."""
        names = {name for pair in self.pairs for name in pair}
        names.update(self.inside, self.inside.values(), self.outside, self.outside.values())
        names.update(self.makes, self.removes)
        return names


class Rule(NamedTuple):
    """One rule of RULES.md."""

    title: str
    sentence: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    sources: tuple[str, ...]
    driver: str | tuple[str, ...]
    actor: tuple[ActorKind, ...]
    operation: tuple[OperationSpec, ...]
    summary: str = ""
    include: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    limits: TargetLimits = TargetLimits()
    bug: tuple[Bug, ...] = ()
    generate: GenerateHints = GenerateHints()
    suppress: tuple[Suppression, ...] = ()
    not_simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tables:
    """Look-ups derived from the file; built once, so that decoding a case is fast."""

    actor_names: tuple[str, ...]
    actor_kinds: tuple[str, ...]
    actor_indices: dict[str, int]
    operation_codes: dict[str, int]
    allowed: tuple[tuple[bool, ...], ...]
    bugs: dict[str, Bug]


@dataclass(frozen=True, slots=True, eq=False)
class TargetSpec:
    """The description of a target; compared by identity, so that it is a cheap key.

    Args:
        name: word by which cases refer to the target.
        folder: where `target.toml` lies; all other paths are relative to it.
        sources, driver: glob patterns of C (and assembler) files.
        include: folders with headers.
        defines: preprocessor definitions, "NAME" or "NAME=value".
        actors: kinds of actors in the order of their indices.
        operations: operation code - 1 is the index.
        bugs: planted defects.
        suppress: data races that are no findings.
        not_simulated: functions of the C library that the target calls in places that no run
            should reach: a run that does is UNKNOWN, "not simulated: fork".
    """

    name: str
    folder: Path
    summary: str
    sources: tuple[str, ...]
    driver: tuple[str, ...]
    include: tuple[str, ...]
    defines: tuple[str, ...]
    limits: TargetLimits
    actors: tuple[ActorKind, ...]
    operations: tuple[OperationSpec, ...]
    bugs: tuple[Bug, ...]
    suppress: tuple[Suppression, ...]
    not_simulated: tuple[str, ...]
    generate: GenerateHints = field(compare=False)  # holds dicts; a spec must be hashable
    _tables: _Tables = field(repr=False)

    @property
    def actor_count(self) -> int:
        """Number of actors of all kinds."""
        return len(self._tables.actor_names)

    def actor_name(self, actor: int) -> str:
        """ "co3" for its index."""
        return self._tables.actor_names[actor]

    def actor_kind(self, actor: int) -> str:
        """ "co" for the index of "co3"."""
        return self._tables.actor_kinds[actor]

    def actor_index(self, name: str) -> int:
        """The index of "co3"; UsageError for an unknown name."""
        return _look_up(self._tables.actor_indices, name, "actor", f"target '{self.name}'")

    def operation(self, name_or_code: str | int) -> OperationSpec:
        """An operation by name or code; UsageError for an unknown one."""
        if isinstance(name_or_code, str):
            return self.operations[self.operation_code(name_or_code) - 1]
        if not 1 <= name_or_code <= len(self.operations):
            raise UsageError(
                f"operation code {name_or_code} is not in 1..{len(self.operations)} "
                f"of target '{self.name}'"
            )
        return self.operations[name_or_code - 1]

    def operation_code(self, name: str) -> int:
        """The 1-based code of an operation; UsageError for an unknown name."""
        return _look_up(self._tables.operation_codes, name, "operation", f"target '{self.name}'")

    def allows(self, actor: int, code: int) -> bool:
        """Whether this actor may do this operation; False for numbers out of range."""
        allowed = self._tables.allowed
        return 0 <= actor < len(allowed) and 0 <= code < len(allowed[0]) and allowed[actor][code]

    @property
    def allowed(self) -> tuple[tuple[bool, ...], ...]:
        """`allowed[actor][code]`: allows() as a table; code 0, the no-op, is never allowed."""
        return self._tables.allowed

    def has_bug(self, name: str) -> bool:
        """Whether a planted bug has this name."""
        return name in self._tables.bugs

    def bug(self, name: str) -> Bug:
        """A planted bug by name; UsageError for an unknown one."""
        return _look_up(self._tables.bugs, name, "bug", f"target '{self.name}'")

    def source_files(self) -> tuple[Path, ...]:
        """Absolute paths of the target's sources, sorted."""
        return self._files(self.sources, "sources")

    def driver_files(self) -> tuple[Path, ...]:
        """Absolute paths of the driver's sources, sorted."""
        return self._files(self.driver, "driver")

    def rules(self) -> dict[str, Rule]:
        """Rules of RULES.md by id, in its order; empty without that file."""
        try:
            text = (self.folder / "RULES.md").read_text("utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise TargetError(f"{self.folder / 'RULES.md'}: {error}") from error
        return parse_rules(text)

    def operations_header(self) -> str:
        """Text of the `operations.h` that the driver includes."""
        lines = ["/* Generated from target.toml. */", "#pragma once", "", "enum {"]
        for code, operation in enumerate(self.operations, 1):
            lines.append(f"  OP_{operation.name.upper()} = {code},")
        lines += [f"  OP_COUNT = {len(self.operations)},", "};", "", "enum {"]
        first = 0
        for actor in self.actors:
            lines.append(f"  ACTOR_{actor.kind.upper()}_FIRST = {first},")
            lines.append(f"  ACTOR_{actor.kind.upper()}_COUNT = {actor.count},")
            first += actor.count
        return "\n".join([*lines, f"  ACTOR_COUNT = {first},", "};", ""])

    def _files(self, patterns: Iterable[str], key: str) -> tuple[Path, ...]:
        found: list[Path] = []
        for pattern in patterns:
            matches = sorted(path for path in self.folder.glob(pattern) if path.is_file())
            if not matches:
                raise TargetError(
                    f"{self.folder / 'target.toml'}: {key} = '{pattern}' matches no file"
                )
            found += matches
        return tuple(dict.fromkeys(found))


def load_target(path: Path) -> TargetSpec:
    """Read a `target.toml`.

    Raises:
        UsageError: there is no such file.
        TargetError: it is not a valid description; the message says where.
    """
    path = path.resolve()
    try:
        parsed = msgspec.toml.decode(path.read_bytes(), type=_File)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UsageError(f"no target description at {path}") from error
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise TargetError(f"{path}: {error}") from error
    except ValueError as error:  # tomllib's own
        raise TargetError(f"{path}: {error}") from error
    for problem in _problems(parsed):
        raise TargetError(f"{path}: {problem}")
    return TargetSpec(
        name=parsed.name,
        folder=path.parent,
        summary=parsed.summary,
        sources=parsed.sources,
        driver=(parsed.driver,) if isinstance(parsed.driver, str) else parsed.driver,
        include=parsed.include,
        defines=parsed.defines,
        limits=parsed.limits,
        actors=parsed.actor,
        operations=parsed.operation,
        bugs=parsed.bug,
        suppress=parsed.suppress,
        not_simulated=parsed.not_simulated,
        generate=parsed.generate,
        _tables=_tables(parsed),
    )


def find_target(name: str | Path) -> TargetSpec:
    """A target by name ("blocklayer") or by the path of its `target.toml` (or of its folder).

    A name is looked for as `targets/NAME/target.toml` in the current folder, its parents, and
    beside the source tree of this package. A folder may hold more than one description: a second
    one is called NAME.target.toml.
    """
    text = str(name)
    if isinstance(name, Path) or "/" in text or text.endswith(".toml"):
        path = Path(name)
        return load_target(path / "target.toml" if path.is_dir() else path)
    known: dict[str, Path] = {}
    for root in _roots():
        for path in sorted(root.glob("targets/*/target.toml")):
            known.setdefault(path.parent.name, path)
        for path in sorted(root.glob("targets/*/*.target.toml")):
            known.setdefault(path.name.removesuffix(".target.toml"), path)
    if text not in known:
        listed = ", ".join(known) if known else "none found here"
        raise UsageError(
            f"unknown target '{text}'{did_you_mean(text, known)} (known: {listed}; "
            "or give a path: --target path/to/target.toml)"
        )
    return load_target(known[text])


def parse_rules(text: str) -> dict[str, Rule]:
    """Rules of a RULES.md: bullets `- **R1 exclusion.** sentence`, sentences may be wrapped."""
    rules: dict[str, Rule] = {}
    current = ""
    for line in text.splitlines():
        if match := _RULE.match(line):
            current = match[1]
            rules[current] = Rule(match[2].strip(), match[3].strip())
        elif current and line.startswith("  ") and line.strip():
            title, sentence = rules[current]
            rules[current] = Rule(title, f"{sentence} {line.strip()}".strip())
        else:
            current = ""
    return rules


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns " (did you mean 'x'?)" for the nearest known word, "" when none is near."""
    near = difflib.get_close_matches(word[:64], list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _look_up(table: dict[str, _T], name: str, what: str, where: str) -> _T:
    try:
        return table[name]
    except KeyError:
        pass
    hint = did_you_mean(name, table) or f" (known: {', '.join(table) or 'none'})"
    raise UsageError(f"unknown {what} '{name}' of {where}{hint}")


def _roots() -> Iterator[Path]:
    here = Path.cwd()
    yield here
    yield from here.parents
    yield Path(__file__).resolve().parents[2]


def _tables(parsed: _File) -> _Tables:
    names: list[str] = []
    kinds: list[str] = []
    for actor in parsed.actor:
        many = actor.count > 1
        names += [f"{actor.kind}{i + 1}" if many else actor.kind for i in range(actor.count)]
        kinds += [actor.kind] * actor.count
    rows = {
        actor.kind: (False, *(actor.kind in operation.actors for operation in parsed.operation))
        for actor in parsed.actor
    }
    return _Tables(
        actor_names=tuple(names),
        actor_kinds=tuple(kinds),
        actor_indices={name: index for index, name in enumerate(names)},
        operation_codes={op.name: code for code, op in enumerate(parsed.operation, 1)},
        allowed=tuple(rows[kind] for kind in kinds),
        bugs={bug.name: bug for bug in parsed.bug},
    )


def _problems(parsed: _File) -> Iterator[str]:
    """What is wrong with a description whose types are right, one sentence each."""
    if not _BUG.match(parsed.name):
        yield f"name = '{parsed.name}': small letters, digits and '-' only"
    if not parsed.actor or not parsed.operation or not parsed.sources:
        yield "a target needs sources and at least one [[actor]] and one [[operation]]"
    if sum(actor.count for actor in parsed.actor) > ACTORS_MAX:
        yield f"more than {ACTORS_MAX} actors"
    if len(parsed.operation) > OPERATIONS_KINDS_MAX:
        yield f"more than {OPERATIONS_KINDS_MAX} operations"
    for actor in parsed.actor:
        if not _KIND.match(actor.kind) or actor.count < 1:
            yield f"actor '{actor.kind}', count {actor.count}: letters only, at least one"
    kinds = {actor.kind for actor in parsed.actor}
    for operation in parsed.operation:
        yield from _operation_problems(operation, kinds)
    for name in parsed.not_simulated:
        if not _CALL.match(name):
            yield f"not_simulated: '{name}' is no name of a C function"
    for suppression in parsed.suppress:
        yield from suppression.problems()
    yield from _name_problems(parsed)


def _name_problems(parsed: _File) -> Iterator[str]:
    for bug in parsed.bug:
        if not _BUG.match(bug.name):
            yield f"bug '{bug.name}': small letters, digits and '-' only"
    operations = [operation.name for operation in parsed.operation]
    for what, words in (
        ("operation", operations),
        ("actor", [actor.kind for actor in parsed.actor]),
        ("bug", [bug.name for bug in parsed.bug]),
    ):
        for word in {word for word in words if words.count(word) > 1}:
            yield f"{what} '{word}' stands there twice"
    for name in sorted(parsed.generate.operation_names() - set(operations)):
        yield f"[generate]: unknown operation '{name}'{did_you_mean(name, operations)}"


def _operation_problems(operation: OperationSpec, kinds: set[str]) -> Iterator[str]:
    if not _NAME.match(operation.name):
        yield f"operation '{operation.name}': small letters, digits and '_' only"
    if len(operation.operands) > OPERANDS_MAX:
        yield f"operation '{operation.name}' has more than {OPERANDS_MAX} operands"
    for kind in operation.operands:
        if not _KIND.match(kind):
            yield f"operation '{operation.name}': operand kind '{kind}': letters only"
    for kind in operation.actors:
        if kind not in kinds:
            yield f"operation '{operation.name}': unknown actor '{kind}'{did_you_mean(kind, kinds)}"
    if not 0.0 <= operation.weight <= 1000.0:
        yield f"operation '{operation.name}': weight {operation.weight} is not in 0..1000"
