# SPDX-License-Identifier: Apache-2.0
"""Does a target that would leave the machine get a clear word, and never a hang or a crash?

What it names is refused when it is built, or ends the run that reaches it as UNKNOWN "not
simulated: NAME"; every limit of a run is bounded and named.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.cli import main
from drainstorm.errors import TargetError
from drainstorm.machine import Machine
from drainstorm.result import Run, Strategy
from drainstorm.verdict import Outcome
from support.tiny import tiny_target

GO = Case("tiny", (Operation(0, 1),))

ESCAPES = {
    "fork": ("#include <unistd.h>", "fork();"),
    "execve": ("#include <unistd.h>", 'execve("/bin/true", 0, 0);'),
    "socket": ("#include <sys/socket.h>", "socket(AF_INET, SOCK_STREAM, 0);"),
    "open": ("#include <fcntl.h>", 'open("/etc/passwd", O_RDONLY);'),
    "raise": ("#include <signal.h>", "raise(SIGTERM);"),
    "sigaction": ("#include <signal.h>", "sigaction(SIGUSR1, 0, 0);"),
    "dlopen": ("#include <dlfcn.h>", 'dlopen("libm.so.6", RTLD_NOW);'),
    "syscall": ("#include <unistd.h>", "syscall(39);"),
    "exit": ("#include <stdlib.h>", "exit(0);"),
    "_exit": ("#include <unistd.h>", "_exit(0);"),
    "longjmp": ("#include <setjmp.h>\nstatic jmp_buf there;", "longjmp(there, 1);"),
    "pthread_cancel": ("#include <pthread.h>", "pthread_cancel(pthread_self());"),
    "ptrace": ("#include <sys/ptrace.h>", "ptrace(PTRACE_TRACEME, 0, 0, 0);"),
}


def calling(name: str) -> str:
    """Source of a target that makes one of these calls."""
    includes, statement = ESCAPES[name]
    return f"#define _GNU_SOURCE\n{includes}\nvoid work(void);\nvoid work(void) {{ {statement} }}\n"


def run(folder: Path, source: str, *, not_simulated: tuple[str, ...] = ()) -> Run:
    with Machine(build(tiny_target(folder, source, not_simulated=not_simulated))) as machine:
        return machine.run(GO, Strategy.replay())


@pytest.mark.parametrize("name", ESCAPES)
def test_a_call_that_would_leave_the_machine_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match="does not simulate") as refusal:
        build(tiny_target(tmp_path, calling(name)))
    assert "work.c uses '" in str(refusal.value)
    assert name in str(refusal.value)


@pytest.mark.parametrize("name", ["fork", "execve", "socket", "raise", "dlopen", "exit"])
def test_a_run_that_reaches_a_call_it_should_not_reach_says_which(
    tmp_path: Path, name: str
) -> None:
    verdict = run(tmp_path, calling(name), not_simulated=("fork", name)).verdict

    assert (verdict.kind, verdict.outcome) == ("UNKNOWN", Outcome.UNSUPPORTED)
    assert verdict.message == f"not simulated: {name}"


def test_a_call_that_no_run_reaches_is_no_matter(tmp_path: Path) -> None:
    source = "#include <unistd.h>\nvoid work(void);\nstatic volatile int never;\n" \
             "void work(void) { if (never) { fork(); } }\n"  # fmt: skip
    assert run(tmp_path, source, not_simulated=("fork",)).verdict.kind == "PASS"


def test_a_weak_reference_does_not_find_the_c_library(tmp_path: Path) -> None:
    source = "int fork(void) __attribute__((weak));\nvoid work(void);\n" \
             "void work(void) { if (fork) { fork(); } }\n"  # fmt: skip
    with pytest.raises(TargetError, match="uses 'fork'"):
        build(tiny_target(tmp_path, source))


@pytest.mark.parametrize("instruction", ["syscall", "sysenter", "int $0x80"])
def test_an_instruction_that_calls_the_kernel_is_refused(tmp_path: Path, instruction: str) -> None:
    source = f'void work(void);\nvoid work(void) {{ __asm__ volatile("{instruction}"); }}\n'
    with pytest.raises(TargetError, match=r"work\.c: 'work' calls the kernel by itself"):
        build(tiny_target(tmp_path, source))


@pytest.mark.parametrize("instruction", ["lock incl (%%rsp)", "xchgl %%eax, (%%rsp)", "mfence"])
def test_an_atomic_instruction_that_no_model_sees_is_refused(
    tmp_path: Path, instruction: str
) -> None:
    source = (
        'void work(void);\nvoid work(void) { __asm__ volatile("' + instruction + '" ::: "rax"); }\n'
    )
    with pytest.raises(
        TargetError, match=r"work\.c: 'work' carries out an atomic operation .*stdat"
    ):
        build(tiny_target(tmp_path, source))


def test_a_driver_that_expands_an_atomic_macro_of_its_target_is_refused(tmp_path: Path) -> None:
    """It is compiled as it stands: the machine would see nothing of that."""
    target = tiny_target(tmp_path, "void work(void);\nvoid work(void) {}\n")
    (tmp_path / "counter.h").write_text(
        "#include <stdatomic.h>\nextern atomic_int users;\n"
        "#define TAKE() atomic_fetch_add(&users, 1)\n"
    )
    driver = tmp_path / "driver.c"
    words = driver.read_text().replace("    work();", "    TAKE();\n    work();")
    driver.write_text(f'#include "counter.h"\natomic_int users;\n{words}')
    with pytest.raises(TargetError, match=r"driver\.c: 'ds_driver_main' .*\(lock .*a driver needs"):
        build(target)


def test_data_that_looks_like_a_call_of_the_kernel_is_none(tmp_path: Path) -> None:
    source = "void work(void);\nvolatile int looks;\nvoid work(void) { looks = 0x050f; }\n"
    assert run(tmp_path, source).verdict.kind == "PASS"


@pytest.mark.parametrize(
    ("names", "words"),
    [(("malloc",), "'malloc', which is simulated"), (("no name",), "'no name' is no name")],
)
def test_a_wrong_name_under_not_simulated_is_an_error(
    tmp_path: Path, names: tuple[str, ...], words: str
) -> None:
    with pytest.raises(TargetError, match=words):
        build(tiny_target(tmp_path, "void work(void);\nvoid work(void) {}\n", not_simulated=names))


# ---------------------------------------------------------------- limits

THREADS = """
#include <pthread.h>
#include <stddef.h>
static void *rest(void *unused) { return unused; }
void work(void);
void work(void)
{
  pthread_t thread[9];
  for (int i = 0; i < 9; i++) { pthread_create(&thread[i], NULL, rest, NULL); }
  for (int i = 0; i < 9; i++) { pthread_join(thread[i], NULL); }
}
"""
LOOP = (
    "#include <stdatomic.h>\nvoid work(void);\nstatic atomic_int zero;\nvoid work(void) {{ {} }}\n"
)
HEAP = "#include <stdlib.h>\nvoid work(void);\nvoid work(void) { while (malloc(1 << 20)) {} }\n"
STACKS = """
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/mman.h>
void work(void);
void work(void)
{
  const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
  for (;;) { mmap(NULL, 16384, access, kind, -1, 0); }
}
"""


@pytest.mark.parametrize(
    ("source", "limits", "outcome", "words"),
    [
        (LOOP.format("while (zero++ >= 0) {}"), Limits(steps=300), Outcome.STEP_LIMIT,
         "step limit of 300 scheduling points"),
        (THREADS, Limits(threads=5), Outcome.THREAD_LIMIT, "limit of 5 threads"),
        (HEAP, Limits(), Outcome.MEMORY_LIMIT, "heap of 8 MiB"),
        (STACKS, Limits(), Outcome.MEMORY_LIMIT, "limit of 256 coroutine stacks"),
    ],
    ids=["steps", "threads", "heap", "stacks"],
)  # fmt: skip
def test_a_limit_of_a_run_is_named_and_is_no_pass(
    tmp_path: Path, source: str, limits: Limits, outcome: Outcome, words: str
) -> None:
    with Machine(build(tiny_target(tmp_path, source))) as machine:
        verdict = machine.run(Case("tiny", GO.program, limits=limits), Strategy.replay()).verdict

    assert (verdict.kind, verdict.outcome) == ("UNKNOWN", outcome)
    assert words in verdict.message


# ---------------------------------------------------------------- memory of others

CORRUPTIONS = {
    "a store far above a block": "((volatile char *)malloc(8))[1L << 30] = 1;",
    "a store far below a block": "((volatile char *)malloc(8))[-(1L << 30)] = 1;",
    "memset of half the address space": "char *b = malloc(8); memset(b, 1, 1UL << 45);",
    "a store through errno": "((volatile int *)&errno)[-7] = 1;",
    "a jump into data": "static char code[16]; ((void (*)(void))(unsigned long)code)();",
    "a jump to null": "void (*volatile nowhere)(void) = 0; nowhere();",
    "an unaligned vector": "__asm__ volatile(\"movaps 1(%%rsp), %%xmm0\" ::: \"xmm0\");",
    "a breakpoint": "__asm__ volatile(\"int3\");",
    "an illegal instruction": "__builtin_trap();",
    "a smashed mutex": "memset(&mutex, 7, sizeof mutex); pthread_mutex_lock(&mutex);",
    "a smashed condition": "memset(&cond, 7, sizeof cond); pthread_cond_signal(&cond);",
    "a thread that is none": "pthread_join((pthread_t)77, 0);",
    "a stack pointer to nowhere": "__asm__ volatile(\"xor %%esp, %%esp; push %%rax\" ::);",
}  # fmt: skip


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_target_that_destroys_what_is_not_its_own_ends_one_run_only(
    tmp_path: Path, what: str
) -> None:
    source = (
        "#define _GNU_SOURCE\n#include <errno.h>\n#include <pthread.h>\n#include <stdlib.h>\n"
        "#include <string.h>\nvoid work(void);\nstatic pthread_mutex_t mutex;\n"
        "static pthread_cond_t cond;\n"
        f"void work(void) {{ {CORRUPTIONS[what]} }}\n"
    )
    with Machine(build(tiny_target(tmp_path, source))) as machine:
        first = machine.run(GO, Strategy.replay())
        totals = machine.batch(GO, Strategy.random(1), 50, stop=False)
        assert machine.run(Case("tiny", ()), Strategy.replay()).verdict.kind == "PASS"

    assert first.verdict.kind == "FAIL"
    assert totals.outcomes == {first.verdict.outcome: 50}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (70, " UNKNOWN (step-limit "),
        (20_000, " UNKNOWN (memory-limit "),
        (20_000, "the machine kept less than there was: history in "),
    ],
)
def test_a_hunt_says_which_limits_its_schedules_reached(
    steps: int, said: str, tmp_path: Path
) -> None:
    source = """
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
static atomic_int flag, done;
static void *spin(void *at)
{
  (void)at;
  for (int i = 1; i < 400; i++) { atomic_store(&flag, i); }
  atomic_store_explicit(&done, 1, memory_order_relaxed);
  return NULL;
}
void work(void);
void work(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, spin, NULL);
  while (!atomic_load_explicit(&done, memory_order_relaxed)) {}
  (void)atomic_load_explicit(&flag, memory_order_relaxed);
  pthread_join(thread, NULL);
}
"""
    tiny_target(tmp_path, source)
    with (tmp_path / "target.toml").open("a") as description:
        description.write(f"[limits]\nsteps = {steps}\n")
    done = CliRunner().invoke(
        main, ["hunt", "--target", str(tmp_path), "--seconds", "0.3", "--workers", "1",
               "--state-dir", str(tmp_path / "state")],
    )  # fmt: skip
    assert said in done.output


def test_a_hunt_says_what_is_not_simulated_and_that_it_proves_nothing(tmp_path: Path) -> None:
    tiny_target(tmp_path, calling("fork"), not_simulated=("fork",))
    done = CliRunner().invoke(
        main, ["hunt", "--target", str(tmp_path), "--seconds", "0.3", "--workers", "1",
               "--state-dir", str(tmp_path / "state")],
    )  # fmt: skip
    assert done.exit_code == 2
    assert "  not simulated: fork, in " in done.output
    assert "proves nothing" in done.output


def test_verify_says_what_is_not_simulated(tmp_path: Path) -> None:
    tiny_target(tmp_path, calling("fork"), not_simulated=("fork",))
    done = CliRunner().invoke(main, ["verify", "--program", "main work", "--target", str(tmp_path)])
    assert done.exit_code == 4
    assert "not simulated: fork, in 1 of them" in done.output
    assert "raise the limit" not in done.output


AT_LOAD = {
    "constructor": "__attribute__((constructor)) static void begin(void) { for (;;) {} }",
    "constructor with a priority": "__attribute__((constructor(150))) void begin(void) { x = 1; }",
    "destructor": "__attribute__((destructor)) static void begin(void) { x = 1; }",
    "array": "void begin(void) { x = 1; }\n"
    '__attribute__((section(".init_array"), used)) static void (*p)(void) = begin;',
    "old array": "static void begin(void) { x = 1; }\n"
    '__attribute__((section(".ctors"), used)) static void (*p)(void) = begin;',
    "ifunc": "static void one(void) {}\nstatic void *choose(void) { return (void *)one; }\n"
    'void begin(void) __attribute__((ifunc("choose")));',
}


@pytest.mark.parametrize("file", ["work.c", "driver.c"])
@pytest.mark.parametrize("code", AT_LOAD.values(), ids=AT_LOAD.keys())
def test_what_would_run_before_the_machine_is_refused(tmp_path: Path, code: str, file: str) -> None:
    """In a target that is loaded it could hang or kill us, and no run would repeat it."""
    target = tiny_target(tmp_path, "void work(void);\nvoid work(void) {}\n")
    path = tmp_path / file
    path.write_text(f"{path.read_text()}\nextern volatile int x;\nvolatile int x;\n{code}\n")
    with pytest.raises(TargetError, match=rf"{file}: 'begin' would run when .* ds_driver_main\(\)"):
        build(target)
