/* SPDX-License-Identifier: Apache-2.0 */
        .text
/* void task_switch(void **save, void *load) */
        .globl  task_switch
        .hidden task_switch
        .type   task_switch, @function
task_switch:
        pushq   %rbp
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
        ret
        .size   task_switch, . - task_switch

        .globl  task_first
        .hidden task_first
        .type   task_first, @function
task_first:
        xorl    %ebp, %ebp
        call    task_main
        ud2
        .size   task_first, . - task_first
        .section .note.GNU-stack, "", @progbits
