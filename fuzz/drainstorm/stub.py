# SPDX-License-Identifier: Apache-2.0
"""This module generates the assembler file by which a target reaches the machine.

Every symbol that the machine supplies (`__tsan_*`, `pthread_*`, `malloc`, ...) becomes a hidden
function of the target itself that jumps through a slot; the machine fills the slots after
loading. So the target's calls bind at link time, nothing is exported and nothing interposed.
Costs 0.3 ns per plain access and 1.3 ns per atomic one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN_RETURN: Final = "__tsan_init"
"""Called by the target's constructors, before any slot is filled."""

EXPORTED: Final = ("ds_stub_names", "ds_stub_slots", "ds_stub_count", "ds_stub_stack")

_HEAD: Final = """\
/* Generated: the target's way to the machine, x86-64. */
    .text
    .type ds_stub_unbound, @function
ds_stub_unbound:
    xorl %eax, %eax
    ret
    .size ds_stub_unbound, . - ds_stub_unbound
"""

_RETURN: Final = """\
    .globl {name}
    .hidden {name}
    .type {name}, @function
{name}:
    ret
    .size {name}, . - {name}
"""

_JUMP: Final = """\
    .globl {name}
    .hidden {name}
    .type {name}, @function
    .balign 8
{name}:
    jmp *ds_stub_slots + {offset}(%rip)
    .size {name}, . - {name}
"""

_REFUSAL: Final = """\
    .globl {name}
    .hidden {name}
    .type {name}, @function
{name}:
    leaq .Lrefused{number}(%rip), %rdi
    jmp {target}
    .size {name}, . - {name}
"""

REFUSE: Final = "ds_not_simulated"
"""Ends the run; told the name of what was called."""

_ARRAY: Final = """\
    .section {section}
    .balign 8
    .globl {name}
    .protected {name}
    .type {name}, @object
{name}:
{values}
    .size {name}, . - {name}
"""


def stub_source(symbols: Iterable[str], *, stack_kib: int, refused: Iterable[str] = ()) -> str:
    """Text of `stub.S`.

    Args:
        symbols: The machine's symbols, in their order.
        stack_kib: What a thread's stack has, KiB.
        refused: Functions that the target may name and no run may reach.
    """
    calls = list(dict.fromkeys(refused))
    refusals = [_REFUSAL.format(name=n, number=i, target=REFUSE) for i, n in enumerate(calls)]
    names = [name for name in symbols if name != PLAIN_RETURN]
    functions = [_JUMP.format(name=name, offset=8 * i) for i, name in enumerate(names)]
    texts = [f'.Lname{i}: .asciz "{name}"' for i, name in enumerate(names)]
    arrays = (
        ("ds_stub_slots", '.ds_slots, "aw", @progbits', ["ds_stub_unbound"] * len(names)),
        (
            "ds_stub_names",
            '.data.rel.ro, "aw", @progbits',
            [f".Lname{i}" for i in range(len(names))],
        ),
        ("ds_stub_count", '.rodata, "a", @progbits', [str(len(names))]),
        ("ds_stub_stack", '.rodata, "a", @progbits', [str(stack_kib << 10)]),
    )
    return "\n".join(
        [
            _HEAD,
            _RETURN.format(name=PLAIN_RETURN),
            *functions,
            *refusals,
            '    .section .rodata.str1.1, "aMS", @progbits, 1',
            *texts,
            *(f'.Lrefused{i}: .asciz "{name}"' for i, name in enumerate(calls)),
            *(
                _ARRAY.format(
                    name=name, section=section, values="\n".join(f"    .quad {v}" for v in values)
                )
                for name, section, values in arrays
            ),
            '    .section .note.GNU-stack, "", @progbits',
            "",
        ]
    )
