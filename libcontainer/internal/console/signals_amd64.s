#include "textflag.h"

// the descriptor that the handler writes to
GLOBL handTo<>(SB), NOPTR, $8

// The handler, in the kernel's calling convention: the number of the signal is in DI, the way back on the stack. It runs
// on whichever thread the kernel picks, on the stack that Go gives to handlers, and touches nothing of Go's: one write of
// the number's lowest byte, whose failure (the pipe is full: so many wait that one more tells nothing new) is let be.
TEXT ·handOn(SB),NOSPLIT|NOFRAME,$0
	PUSHQ DI
	MOVQ  SP, SI
	MOVQ  handTo<>(SB), DI
	MOVL  $1, DX
	MOVL  $1, AX // write
	SYSCALL
	POPQ  DI
	RET

TEXT ·sigreturn(SB),NOSPLIT|NOFRAME,$0
	MOVL $15, AX // rt_sigreturn
	SYSCALL
	INT  $3

// func handlers(fd int) (handOn, sigreturn uintptr)
TEXT ·handlers(SB),NOSPLIT,$0-24
	MOVQ fd+0(FP), AX
	MOVQ AX, handTo<>(SB)
	LEAQ ·handOn(SB), AX
	MOVQ AX, handOn+8(FP)
	LEAQ ·sigreturn(SB), AX
	MOVQ AX, sigreturn+16(FP)
	RET
