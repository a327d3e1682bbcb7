# SPDX-License-Identifier: Apache-2.0
"""This module reads and writes the text form of a case: reviewable in a pull request.

The form is versioned by its first line, `case v1`. New kinds of questions, memory models and
operations need no new version: they are words that an older reader refuses by name.
Section headers stand at the margin, what belongs to them is indented:

    case v1
    target blocklayer
    # A story, any number of lines.
    limits
      steps 500
    relaxed
      src/graph.c:17
    program
      main  create_context
      main  start co1 ctx1  # a note
    schedule
      run T1 @12 -> T0
    expect FAIL R3 orphans-lost
    bug lost-orphans
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from drainstorm import case as model
from drainstorm.case import Case, Deviation, Expect, Limits, Operation, Place, clean_text
from drainstorm.errors import CaseError, UsageError
from drainstorm.files import atomic_write
from drainstorm.spec import did_you_mean, find_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drainstorm.spec import TargetSpec

SUFFIX: Final = ".case"
VERSION: Final = "v1"
BYTES_MAX: Final = 1 << 20
OPERAND_MAX: Final = 255

_NUMBER: Final = re.compile(r"[0-9]{1,10}\Z")
_DEVIATION: Final = re.compile(r"(\S+)\s+T(\S+)\s+@\s*(\S+)\s*->\s*(T?)(\S+)\Z")
_SECTIONS: Final = ("limits", "relaxed", "program", "schedule")
_HEADERS: Final = ("target", *_SECTIONS, "expect", "bug")

_T = TypeVar("_T")


def load(path: Path, spec: TargetSpec | None = None) -> Case:
    """Read a case file.

    Args:
        path: the file.
        spec: its target; None: found through the file's `target` line.

    Raises:
        CaseError: not a case of this target; the message has file, line and value.
    """
    return parse(read_text(path), spec, path=path)


def save(path: Path, case: Case, spec: TargetSpec) -> None:
    """Write a case file in one step; StoreError when the disk says no."""
    atomic_write(path, render(case, spec).encode("utf-8"))


def read_text(path: Path) -> str:
    """The text of a case file; CaseError when it is missing, too large or not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(BYTES_MAX + 1)
    except OSError as error:
        raise CaseError(f"{path}: {error.strerror or error}") from error
    if len(data) > BYTES_MAX:
        raise CaseError(f"{path}: larger than {BYTES_MAX} bytes, the most a case may have")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CaseError(
            f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8 "
            "(a byte form? see: drainstorm convert --help)"
        ) from error


def parse(text: str, spec: TargetSpec | None, *, path: Path | str) -> Case:
    """The case that a text describes; `path` is used in messages only.

    Raises:
        CaseError: the message has path, line and value.
    """
    return _Parser(text, spec, str(path)).parse()


def render(case: Case, spec: TargetSpec) -> str:
    """The canonical text of a case; parse() of it gives `case.normalised(spec)` back."""
    case = case.normalised(spec)
    lines = [f"case {VERSION}", f"target {spec.name}"]
    lines += [f"# {line}".rstrip() for line in case.story]
    lines += _render_limits(case.limits)
    if case.relaxed:
        lines += ["relaxed", *(f"  {place}" for place in case.relaxed)]
    lines += ["program", *_render_program(case.program, spec)]
    if case.schedule:
        lines += ["schedule", *(f"  {render_deviation(d)}" for d in case.schedule)]
    if case.expect is not None:
        lines.append(f"expect {case.expect}")
    if case.bug:
        lines.append(f"bug {case.bug}")
    return "\n".join(lines) + "\n"


def render_operation(operation: Operation, spec: TargetSpec) -> str:
    """ "start co1 ctx1": an operation without its actor and note."""
    known = spec.operations[operation.code - 1]
    values = (operation.a, operation.b)
    words = [f"{'' if k == 'n' else k}{v}" for k, v in zip(known.operands, values, strict=False)]
    return " ".join([known.name, *words])


def render_deviation(deviation: Deviation) -> str:
    """ "run T1 @12 -> T0"."""
    kind = model.KINDS[deviation.kind]
    thread = "T" if kind == "run" else ""
    anchor = f"T{deviation.thread} @{deviation.position}"
    return f"{kind} {anchor} -> {thread}{deviation.answer}"


def _render_limits(limits: Limits) -> list[str]:
    default = Limits()
    lines = []
    if limits.model != default.model:
        lines.append(f"  model {limits.model}")
    if limits.checks != default.checks:
        lines.append(f"  checks {' '.join(limits.checks) or 'none'}")
    if limits.faults != default.faults:
        lines.append(f"  faults {' '.join(limits.faults) or 'none'}")
    if limits.steps != default.steps:
        lines.append(f"  steps {limits.steps}")
    if limits.threads != default.threads:
        lines.append(f"  threads {limits.threads}")
    return ["limits", *lines] if lines else []


def _render_program(program: tuple[Operation, ...], spec: TargetSpec) -> list[str]:
    rows = [(spec.actor_name(op.actor), render_operation(op, spec), op.note) for op in program]
    actor_width = max((len(actor) for actor, _, _ in rows), default=0)
    width = max((len(words) for _, words, note in rows if note), default=0)
    lines = []
    for actor, words, note in rows:
        behind = f"  # {note}" if note else ""
        lines.append(f"  {actor:<{actor_width}}  {words:<{width if note else 0}}{behind}")
    return lines


class _Parser:
    """One pass over the lines; every method that reads a word knows its line number."""

    def __init__(self, text: str, spec: TargetSpec | None, path: str) -> None:
        self.path = path
        self.number = 1
        if len(text) > BYTES_MAX:
            self.fail(f"larger than {BYTES_MAX} bytes, the most a case may have")
        if (nul := text.find("\0")) >= 0:
            self.number = text.count("\n", 0, nul) + 1
            self.fail("a NUL byte (a byte form? see: drainstorm convert --help)")
        self.lines = text.split("\n")
        self.wanted = spec
        self.spec: TargetSpec | None = None
        self.section = ""
        self.seen: dict[str, int] = {}
        self.limit_lines: dict[str, int] = {}
        self.anchors: dict[tuple[int, int, int], int] = {}
        self.program: list[Operation] = []
        self.schedule: list[Deviation] = []
        self.limits = Limits()
        self.relaxed: list[Place] = []
        self.expect: Expect | None = None
        self.bug = ""
        self.story: list[str] = []

    def fail(self, message: str) -> NoReturn:
        """Raise a CaseError about the current line."""
        raise CaseError(f"{self.path}:{self.number}: {clean_text(message)}")

    def parse(self) -> Case:
        """Read everything."""
        self.version(self.lines[0])
        for line in self.lines[1:]:
            self.number += 1
            if line.strip():
                self.line(line.rstrip())
        for header in ("target", "program"):
            if header not in self.seen:
                self.fail(f"the section '{header}' is missing")
        spec = self.target_spec()
        return Case(
            target=spec.name,
            program=tuple(self.program),
            schedule=model.unique_schedule(self.schedule),
            limits=self.limits,
            expect=self.expect,
            bug=self.bug,
            story=tuple(self.story),
            relaxed=model.unique_places(self.relaxed),
        )

    def version(self, line: str) -> None:
        """The first line."""
        words = line.split()
        if words[:1] != ["case"]:
            self.fail(f"not a case: the first line is {_quoted(line)}, not 'case {VERSION}'")
        if words != ["case", VERSION]:
            version = " ".join(words[1:])
            self.fail(f"unknown case version {_quoted(version)}: this Drainstorm reads '{VERSION}'")

    def line(self, line: str) -> None:
        """One line that is not blank."""
        if line.lstrip().startswith("#"):
            self.story_line(line.lstrip()[1:])
        elif line[0].isspace():
            self.section_line(line.strip())
        else:
            self.header(line)

    def story_line(self, line: str) -> None:
        """A comment line: the story stands directly below `target`."""
        if self.section != "target":
            self.fail(
                "a comment line may stand only directly below 'target' "
                "(elsewhere it would be lost); put it behind an operation or into the story"
            )
        if len(self.story) >= model.STORY_LINES_MAX:
            self.fail(f"more than {model.STORY_LINES_MAX} story lines")
        self.story.append(clean_text(line))

    def header(self, line: str) -> None:
        """A line at the margin."""
        name, rest = [*line.split(None, 1), ""][:2]
        if name not in _HEADERS:
            self.fail(
                f"unknown section {_quoted(name)}{did_you_mean(name, _HEADERS)}; "
                f"allowed: {', '.join(_HEADERS)}"
            )
        if name in self.seen:
            self.fail(f"'{name}' stands already in line {self.seen[name]}")
        if name != "target" and "target" not in self.seen:
            self.fail(f"'target NAME' must come before '{name}'")
        if name in _SECTIONS and rest:
            self.fail(f"{_quoted(rest)} behind '{name}': put it, indented, on the lines below")
        self.seen[name] = self.number
        self.section = name
        if name == "target":
            self.target(rest)
        elif name == "expect":
            self.expect = self.expectation(rest)
        elif name == "bug":
            self.bug = self.known(self.target_spec().bug, rest).name

    def section_line(self, line: str) -> None:
        """An indented line."""
        readers: dict[str, Callable[[str], None]] = {
            "limits": self.limit,
            "relaxed": self.place,
            "program": self.operation,
            "schedule": self.deviation,
        }
        if self.section not in readers:
            self.fail(
                f"{_quoted(line)} belongs to no section; "
                f"indented lines stand below {', '.join(_SECTIONS)}"
            )
        readers[self.section](line)

    def target(self, name: str) -> None:
        """`target NAME`."""
        if self.wanted is None:
            self.spec = self.known(find_target, _word(name))
        elif self.wanted.name != name:
            self.fail(f"a case of target {_quoted(name)}, not of '{self.wanted.name}'")
        else:
            self.spec = self.wanted

    def target_spec(self) -> TargetSpec:
        """The target; header() sees to it that it is known before it is needed."""
        assert self.spec is not None
        return self.spec

    def known(self, look_up: Callable[[str], _T], word: str) -> _T:
        """The result of a look-up of the spec; its UsageError becomes ours, with the line."""
        try:
            return look_up(word)
        except UsageError as error:
            self.fail(str(error))

    def limit(self, line: str) -> None:
        """`steps 500`, `threads 8`, `model sc`."""
        name, value = [*line.split(None, 1), ""][:2]
        if name in self.limit_lines:
            self.fail(f"'{name}' stands already in line {self.limit_lines[name]}")
        self.limit_lines[name] = self.number
        if name == "steps":
            steps = self.value(value, 1, model.STEPS_MAX, "steps")
            self.limits = replace(self.limits, steps=steps)
        elif name == "threads":
            threads = self.value(value, 0, model.THREADS_MAX, "threads")
            self.limits = replace(self.limits, threads=threads)
        elif name == "checks":
            words = self.words(value, model.CHECKS, "check")
            self.limits = replace(self.limits, checks=words)
        elif name == "faults":
            words = self.words(value, model.FAULTS, "fault")
            self.limits = replace(self.limits, faults=words)
        elif name != "model":
            self.fail(
                f"unknown limit {_quoted(name)}; allowed: model, checks, faults, steps, threads"
            )
        elif value not in model.MODELS:
            self.fail(f"unknown memory model {_quoted(value)}; allowed: {', '.join(model.MODELS)}")
        else:
            self.limits = replace(self.limits, model=value)

    def words(self, value: str, known: tuple[str, ...], what: str) -> tuple[str, ...]:
        """`access leak`, in any order, or `none`; in the order of `known`."""
        words = [] if value == "none" else value.split()
        for word in words:
            if word not in known:
                self.fail(f"unknown {what} {_quoted(word)}; allowed: {', '.join(known)}, none")
        return tuple(word for word in known if word in words)

    def place(self, line: str) -> None:
        """`src/graph.c:17`: plain accesses there are relaxed atomic ones."""
        place = Place.parse(line)
        if place is None:
            self.fail(f"{_quoted(line)}: expected 'FILE:LINE', as in src/graph.c:17")
        if place in self.relaxed:
            self.fail(f"{_quoted(line)} stands already in this section")
        if len(self.relaxed) >= model.PLACES_MAX:
            self.fail(f"more than {model.PLACES_MAX} places")
        self.relaxed.append(place)

    def operation(self, line: str) -> None:
        """`main  start co1 ctx1  # note`."""
        spec = self.target_spec()
        body, _, note = line.partition("#")
        words = body.split()
        if len(words) < 2:
            self.fail(f"{_quoted(line)}: expected 'ACTOR OPERATION OPERANDS'")
        actor = self.known(spec.actor_index, words[0])
        code = self.operation_code(words[1])
        known = spec.operation(code)
        if not spec.allows(actor, code):
            self.fail(
                f"actor '{words[0]}' may not do '{known.name}' (allowed: {', '.join(known.actors)})"
            )
        if len(words) - 2 != len(known.operands):
            usage = " ".join([known.name, *(f"<{kind}>" for kind in known.operands)])
            self.fail(f"{_quoted(' '.join(words[1:]))}: expected '{usage}'")
        if len(self.program) >= model.OPERATIONS_MAX:
            self.fail(f"more than {model.OPERATIONS_MAX} operations")
        values = [self.operand(w, k) for w, k in zip(words[2:], known.operands, strict=True)]
        a, b = [*values, 0, 0][:2]
        self.program.append(Operation(actor, code, a, b, clean_text(note)))

    def operation_code(self, name: str) -> int:
        """The code of an operation's name."""
        names = [operation.name for operation in self.target_spec().operations]
        if name not in names:
            hint = did_you_mean(name, names) or f" (known: {', '.join(names)})"
            self.fail(f"unknown operation {_quoted(name)}{hint}")
        return names.index(name) + 1

    def operand(self, word: str, kind: str) -> int:
        """ "ctx1" or, for kind "n", "1"."""
        prefix = "" if kind == "n" else kind
        number = word.removeprefix(prefix)
        if (prefix and number == word) or not _NUMBER.match(number):
            example = f"{prefix}0..{prefix}{OPERAND_MAX}"
            self.fail(f"operand {_quoted(word)}: expected {example}")
        return self.value(number, 0, OPERAND_MAX, f"operand {_quoted(word)}")

    def deviation(self, line: str) -> None:
        """`run T1 @12 -> T0`."""
        match = _DEVIATION.match(line)
        if match is None:
            self.fail(f"{_quoted(line)}: expected 'KIND T<thread> @<count> -> <answer>'")
        word, thread, position, prefix, answer = match.groups()
        if word not in model.KINDS:
            self.fail(f"unknown question {_quoted(word)}; allowed: {', '.join(model.KINDS)}")
        if (word == "run") != bool(prefix):
            answers = "a thread: T0, T1, ..." if word == "run" else "a number"
            self.fail(f"answer {_quoted(prefix + answer)}: the answer to '{word}' is {answers}")
        deviation = Deviation(
            model.KINDS.index(word),
            self.value(thread, 0, model.THREAD_ID_MAX, "thread"),
            self.value(position, 0, model.COUNT_MAX, "count"),
            self.value(answer, 0, model.COUNT_MAX, "answer"),
        )
        anchor = (deviation.kind, deviation.thread, deviation.position)
        if anchor in self.anchors:
            self.fail(f"{_quoted(line)}: answered already in line {self.anchors[anchor]}")
        if len(self.schedule) >= model.DEVIATIONS_MAX:
            self.fail(f"more than {model.DEVIATIONS_MAX} deviations")
        self.anchors[anchor] = self.number
        self.schedule.append(deviation)

    def expectation(self, text: str) -> Expect:
        """`FAIL R3 orphans-lost`."""
        words = text.split(None, 2)
        if not words or words[0] not in model.VERDICTS:
            allowed = ", ".join(model.VERDICTS)
            self.fail(f"unknown verdict {_quoted(words[0] if words else '')}; allowed: {allowed}")
        return Expect(*words).cleaned()

    def value(self, word: str, low: int, high: int, what: str) -> int:
        """A decimal number within bounds."""
        if not _NUMBER.match(word) or not low <= int(word) <= high:
            self.fail(f"{what}: {_quoted(word)} is not a number in {low}..{high}")
        return int(word)


def _word(text: str) -> str:
    # A path in a stranger's case must not make us read it.
    return text.replace("/", "?").replace(".", "?")


def _quoted(text: str) -> str:
    """A value in a message: printable and short."""
    shown = clean_text(text)
    return f"'{shown[:60]}...'" if len(shown) > 60 else f"'{shown}'"
