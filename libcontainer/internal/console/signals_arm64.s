#include "textflag.h"

// the descriptor that the handler writes to
GLOBL handTo<>(SB), NOPTR, $8

// The handler, in the kernel's calling convention: the number of the signal is in R0, the way back (rt_sigreturn in the
// vDSO) in R30. See signals_amd64.s.
TEXT ·handOn(SB),NOSPLIT|NOFRAME,$0
	SUB  $16, RSP
	MOVD R0, (RSP)
	MOVD RSP, R1
	MOVD handTo<>(SB), R0
	MOVD $1, R2
	MOVD $64, R8 // write
	SVC
	ADD  $16, RSP
	RET

// func handlers(fd int) (handOn, sigreturn uintptr)
TEXT ·handlers(SB),NOSPLIT,$0-24
	MOVD fd+0(FP), R0
	MOVD R0, handTo<>(SB)
	MOVD $·handOn(SB), R0
	MOVD R0, handOn+8(FP)
	MOVD ZR, sigreturn+16(FP)
	RET
