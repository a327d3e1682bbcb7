/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack switch for x86-64 System V.
 *
 * Only what the calling convention makes the callee keep is saved: six registers and the stack
 * pointer. The control words of the floating point unit are not: nobody here changes them. The
 * frame pointer chain stays whole on both stacks and ends with 0 at a coroutine's first frame.
 */
        .text

/*
 * void coroutine_switch(void **save, void *load)
 * Save the running stack in *save, go on with the stack `load`, which was saved by an earlier call
 * or laid out by coroutine_stack_init(). Leaves by a jump: a `ret` to another call site than the
 * last `call` defeats the processor's return predictor.
 */
        .globl  coroutine_switch
        .hidden coroutine_switch
        .type   coroutine_switch, @function
        .p2align 4
coroutine_switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        popq    %rcx
        jmp     *%rcx
        .cfi_endproc
        .size   coroutine_switch, . - coroutine_switch

/*
 * First instruction of a new coroutine; %rbx holds its Coroutine. coroutine_main() never returns.
 */
        .globl  coroutine_first
        .hidden coroutine_first
        .type   coroutine_first, @function
        .p2align 4
coroutine_first:
        .cfi_startproc
        .cfi_undefined %rip
        xorl    %ebp, %ebp
        movq    %rbx, %rdi
        call    coroutine_main
        ud2
        .cfi_endproc
        .size   coroutine_first, . - coroutine_first

        .section .note.GNU-stack, "", @progbits
