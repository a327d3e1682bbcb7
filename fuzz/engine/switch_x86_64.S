/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack switching on x86-64 (System V). Cost: about 2 ns plus the return misprediction.
 * mxcsr and the x87 control word are not switched; they are put back after each run (processor.h).
 */
        .text

/* void ds_switch(void **save /rdi/, void *to /rsi/) */
        .globl  ds_switch
        .hidden ds_switch
        .type   ds_switch, @function
        .p2align 5
ds_switch:
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
        .size   ds_switch, .-ds_switch

/* void ds_leave(void *host_sp /rdi/): abandon the fiber. A signal handler enters at
 * ds_host_resume with rsp = host_sp. */
        .globl  ds_leave
        .hidden ds_leave
        .type   ds_leave, @function
        .globl  ds_host_resume
        .hidden ds_host_resume
ds_leave:
        movq    %rdi, %rsp
ds_host_resume:
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .size   ds_leave, .-ds_leave

/* First code of a fiber: r12 = function, r13 = its argument. Frame pointers end here. */
        .globl  ds_fiber_entry
        .hidden ds_fiber_entry
        .type   ds_fiber_entry, @function
ds_fiber_entry:
        xorl    %ebp, %ebp
        movq    %r13, %rdi
        call    *%r12
        ud2
        .size   ds_fiber_entry, .-ds_fiber_entry

        .section .note.GNU-stack, "", @progbits
